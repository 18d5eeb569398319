"""Twelve simulated weeks, ten seeds a scenario: drift found, false alarms, poison, improvements.

``python -m benchmarks.simulation [SCENARIO …] [--first-seed 0] [--seeds 10] [--seconds 3600]``
goes on where it stopped: a finished run is a file under ``benchmarks/results/simulation/``. The
limits of ``DriftSpec`` and ``RetrainSpec`` were chosen on seeds from 100 on; report others.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.tables import as_table
from seqclass.flows.cli.command_line import prepare_prefect

RESULTS = Path(__file__).parent / "results" / "simulation"
WEEKS, CHANGE = 12, 5
"""Weeks of a run, and the one in which its scenario begins to differ from a quiet one."""
Weeks = list[dict[str, Any]]
SCENARIOS = ("stable", "poisoned batch", "slow drift", "sudden change")
COOL_DOWN_S = 4 * 7 * 24 * 3600
"""A challenger is trained where something has changed, and not again for four weeks."""


def replay(scenario: str, seed: int) -> dict[str, Any]:
    """One run: its weeks, and the promoted versions that saw rows of the spoilt week."""
    from seqclass.flows.cli.simulation import run_simulation
    from seqclass.flows.cli.simulation_spec import SimulationSpec
    from seqclass.monitoring.retrain_spec import RetrainSpec
    from seqclass.store.root import open_root
    from seqclass.synthesis.arrival_scenarios import ScenarioSpec

    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        store = open_root(f"{folder}/tree")
        retraining = RetrainSpec(when="changed", cool_down_s=COOL_DOWN_S)
        spec = SimulationSpec(scenario, WEEKS, ScenarioSpec(seed=seed), retraining=retraining)
        weeks = list(run_simulation(spec, store, Path(folder)))
        spoilt = _learned_from(store, f"week{CHANGE:02d}-")
    seconds = time.monotonic() - began
    return {"scenario": scenario, "seed": seed, "weeks": weeks, "spoilt": spoilt,
            "seconds": round(seconds, 1)}  # fmt: skip


def _learned_from(store: Any, prefix: str) -> list[str]:
    """Versions that were champion at some time and whose dataset holds rows of a week."""
    from seqclass.pipeline.compare import pairs_of
    from seqclass.store.datasets import open_dataset
    from seqclass.store.log import read_log
    from seqclass.store.registry import open_model

    moves = [entry for entry in read_log(store, "plant") if entry["what"] == "promote"]
    models = [open_model(store, f"plant@{entry['to']}") for entry in moves]
    return [
        model.version
        for model in models
        if any(
            i.startswith(prefix)
            for i, _ in pairs_of(open_dataset(store, model.manifest["dataset"]))
        )
    ]


def alarms(weeks: Weeks) -> list[int]:
    return [row["week"] for row in weeks if row.get("drifted") or row.get("dropped")]


def promotions(weeks: Weeks) -> list[int]:
    return [row["week"] for row in weeks if row["decision"] == "promoted" and row["week"]]


CLAIMS: dict[str, tuple[str, Callable[[dict[str, Any]], bool]]] = {
    "stable": ("no alarm in 12 weeks", lambda run: not alarms(run["weeks"])),
    "slow drift": (
        "found within two weeks, none before",
        lambda run: bool(alarms(run["weeks"])) and CHANGE <= alarms(run["weeks"])[0] <= CHANGE + 1,
    ),
    "sudden change": (
        "an improved challenger is promoted within two weeks",
        lambda run: any(CHANGE <= week <= CHANGE + 1 for week in promotions(run["weeks"])),
    ),
    "poisoned batch": ("never champion", lambda run: not run["spoilt"]),
}


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for scenario, (claim, holds) in CLAIMS.items():
        own = [run for run in runs if run["scenario"] == scenario]
        if own:
            failed = [run["seed"] for run in own if not holds(run)]
            seconds = sum(run["seconds"] for run in own) / len(own)
            rows.append({"scenario": scenario, "claim": claim, "holds": len(own) - len(failed),
                         "runs": len(own), "seeds that failed": ", ".join(map(str, failed)),
                         "alarms": sum(len(alarms(run["weeks"])) for run in own),
                         "s per run": round(seconds)})  # fmt: skip
    return rows


def main() -> None:
    """Run what is missing while there is time, and print what all runs show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenarios", nargs="*", default=list(SCENARIOS), metavar="SCENARIO")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3600)
    chosen = parser.parse_args()
    prepare_prefect("simulation", "seqclass.flows.cli.simulation")
    RESULTS.mkdir(parents=True, exist_ok=True)
    began, seeds = time.monotonic(), range(chosen.first_seed, chosen.first_seed + chosen.seeds)
    for seed in seeds:
        for scenario in chosen.scenarios:
            path = RESULTS / f"{scenario.replace(' ', '-')}-{seed}.json"
            if not path.exists() and time.monotonic() - began < chosen.seconds:
                path.write_text(json.dumps(replay(scenario, seed)))
    runs = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    found = summary([run for run in runs if run["seed"] in seeds])
    Console(width=None if sys.stdout.isatty() else 200).print(as_table("simulation", found))


if __name__ == "__main__":
    main()
