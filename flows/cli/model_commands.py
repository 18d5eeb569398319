"""Commands that use and keep a registered model: score, retrain, promote, reproduce and others."""

import contextlib
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.command_line import (
    REFUSED,
    JsonFlag,
    LimitOption,
    ModelArgument,
    ReasonOption,
    RetrainSpecOption,
    SeedOption,
    complain,
    prepare_prefect,
    read_spec,
    writable,
)
from flows.cli.direct_scoring import answer_here, needs_prefect
from flows.cli.model_printing import show_move, show_retraining, show_scores, show_weeks
from flows.cli.option_groups import Place, SpreadPlace
from flows.cli.printing import print_json
from flows.cli.reading_options import ReadingOptions
from seqclass.store.root import Root

if TYPE_CHECKING:
    from seqclass.inference.assessment import Assessed
    from seqclass.inference.score_data import ScoringSpec
    from seqclass.monitoring.policy import ModelPolicy
    from seqclass.monitoring.retrain_spec import RetrainSpec
    from tasks.registry.promote import Move
    from tasks.retraining.decision import Outcome


@dataclass(frozen=True)
class ScoringOptions:
    """Options for the answers, and for reading the series."""

    out: Annotated[
        str | None,
        typer.Option(help="File for the answers: .parquet, .csv or .jsonl; - prints CSV."),
    ] = None
    labels: Annotated[
        str | None,
        typer.Option(help="Labels that came later: CSV, Parquet or Label Studio's export."),
    ] = None
    limit: LimitOption = None


def score(
    model: ModelArgument,
    data: Annotated[
        str,
        typer.Argument(metavar="DATASET|PATH", help="A dataset, or a file or folder of series."),
    ],
    options: ScoringOptions,
    reading: ReadingOptions,
    place: SpreadPlace,
) -> None:
    """Answer every series of a dataset or file.

    A model version answers a file once; the same file again costs nothing.
    """
    from seqclass.inference.partitions import check_scorable, partitions_of, read_labels
    from seqclass.store.formats import limits_of
    from seqclass.store.registry import open_model

    limits, columns, out = limits_of(options.limit or []), reading.names(), options.out
    store = place.store()
    version = open_model(store, model)
    check_scorable(partitions_of(store, data, limits), version, columns, limits)
    if options.labels is not None:
        read_labels(options.labels, limits)
    _check_out(store, out, place.as_json)
    from seqclass.inference.score_data import ScoringSpec

    spec = ScoringSpec(None if out == "-" else out, options.labels, columns, limits)
    answer = _by_flow if needs_prefect(store) else answer_here
    found = answer(store, version.ref, data, spec)
    if out == "-":
        _print_answers(store, found["tables"])
    else:
        show_scores(store, found, place.as_json)


def _by_flow(store: Root, ref: str, data: str, spec: "ScoringSpec") -> "Assessed":
    """Answer in a flow, on the server that is known."""
    prepare_prefect("score", "flows.scoring", store)
    from flows.scoring import score_dataset as flow

    return flow(ref, data, spec, store.url)


def _check_out(store: Root, out: str | None, as_json: bool) -> None:
    if out == "-" and as_json:
        raise ValueError("--out: expected a file beside --json, got -; leave one of them out")
    if out is not None and out != "-":
        from seqclass.inference.answer_files import check_out

        check_out(store, out)


def _print_answers(store: Root, tables: list[str]) -> None:
    from seqclass.inference.answer_files import write_answers

    sys.stdout.flush()
    write_answers(store, tables, sys.stdout.buffer, ".csv")
    sys.stdout.buffer.flush()


@dataclass(frozen=True)
class RetrainingOptions:
    """Options for training a challenger."""

    spec: RetrainSpecOption = None
    window_rows: Annotated[
        int | None, typer.Option(help="Newest rows to train on (default: all).")
    ] = None
    warm: Annotated[bool, typer.Option("--warm", help="Begin with the champion's weights.")] = False
    trust_labels: Annotated[
        bool, typer.Option("--trust-labels", help="Take new labels as they are.")
    ] = False
    again: Annotated[
        bool, typer.Option("--again", help="Try rows once more that were given up.")
    ] = False

    def chosen(self, policy: "ModelPolicy | None") -> "RetrainSpec":
        """Return the policy's spec, overridden by these options."""
        from seqclass.monitoring.policy import spec_under
        from seqclass.monitoring.retrain_spec import RetrainSpec

        said = {"window_rows": self.window_rows, "start": "warm" if self.warm else None,
                "trust_labels": self.trust_labels or None, "again": self.again or None}  # fmt: skip
        given = {name: value for name, value in said.items() if value is not None}
        own = vars(policy.retraining) if policy else {}
        wanted = read_spec(RetrainSpec, {**own, **given}, self.spec)
        spec_under(policy, wanted)
        return wanted


def retrain(
    model: Annotated[str, typer.Argument(help="A model: NAME; its champion is the one to beat.")],
    options: RetrainingOptions,
    place: SpreadPlace,
) -> None:
    """Train a challenger on new rows; promote it or say why not."""
    from seqclass.policies import policy_of
    from seqclass.store.registry import need_champion, plain_name

    store = place.store()
    need_champion(store, name := plain_name(model, "the champion"))
    wanted = options.chosen(policy_of(store, name))
    prepare_prefect("retrain", "flows.retraining", store)
    from flows.retraining import retrain_model as flow

    outcome: Outcome = flow(name, wanted, store.url)  # type: ignore[assignment]
    show_retraining(store, outcome, place.as_json)
    if outcome["decision"] == "refused":
        raise typer.Exit(complain("; ".join(outcome["reasons"]), REFUSED))


def promote(
    model: Annotated[str, typer.Argument(help="A model version: NAME@vN.")],
    place: Place,
    reason: ReasonOption = "by hand",
    force: Annotated[
        bool, typer.Option("--force", help="Overrule gate and approval; the audit says so.")
    ] = False,
) -> None:
    """Make a version the champion if it passes the gate."""
    from seqclass.store.registry import open_version

    store = place.store()
    open_version(store, model)
    from tasks.registry.promote import promote_version

    outcome = promote_version(store, model, reason, force)
    _refresh_index(store, outcome)
    if outcome["moved"]:
        tell_server(store, "seqclass.model.promoted", outcome, reason)
    show_move(outcome, place.as_json)
    if outcome["refused"]:
        raise typer.Exit(complain(f"{outcome['refused']}; --force promotes it", REFUSED))


def rollback(
    model: Annotated[str, typer.Argument(help="A model: NAME.")],
    place: Place,
    reason: ReasonOption = "by hand",
) -> None:
    """Make the champion before this one the champion again."""
    from seqclass.store.registry import check_rollback

    store = place.store()
    check_rollback(store, model)
    from tasks.registry.promote import roll_back

    outcome = roll_back(store, model, reason)
    _refresh_index(store, outcome)
    tell_server(store, "seqclass.model.rolled-back", outcome, reason)
    show_move(outcome, place.as_json)


def _refresh_index(store: Root, outcome: "Move") -> None:
    """Update the first page, which names the present champion."""
    from seqclass.pages.index_pages import refresh

    if outcome["moved"]:
        refresh(store, [outcome["model"]])


def tell_server(store: Root, event: str, outcome: "Move", reason: str) -> None:
    """Emit an event if a server is configured, or runs for the root; it is not required."""
    from flows.service.diagnosis import server_problem
    from flows.service.server import prefect_url, use_service

    use_service(store)
    url = prefect_url()
    if url and (problem := server_problem(url)):
        complain(f"decided, but not announced: PREFECT_API_URL leads to {problem}", 0)
    elif url:
        prepare_prefect(event.rpartition(".")[2], "tasks.retraining.announce", store)
        from tasks.retraining.announce import announce_move

        announce_move(event, outcome["model"], {**outcome, "reason": reason})


def reproduce(model: ModelArgument, place: SpreadPlace) -> None:
    """Repeat a model's training; compare weights, answers and scores."""
    from seqclass.store.registry import open_model
    from seqclass.store.root import DamagedError

    store = place.store()
    with contextlib.suppress(DamagedError):  # the flow names the damage as the first difference
        open_model(store, model)
    prepare_prefect("reproduce", "flows.reproduction", store, workers=True)
    from flows.reproduction import reproduce_model as flow

    found = flow(model, store.url)
    if place.as_json:
        print_json(found)
    else:
        typer.echo(f"{found['model']}: {found['verdict']}")
        if found["first_difference"]:
            typer.echo(f"first difference: {found['first_difference']}")
        if found.get("changed_fingerprint"):
            typer.echo(f"changed since: {', '.join(found['changed_fingerprint'])}")
    if found["verdict"] == "different":
        raise typer.Exit(REFUSED)


@dataclass(frozen=True)
class KeptPlace:
    """Options for keeping the replayed root."""

    root: Annotated[
        str | None, typer.Option(help="Folder to keep the tree in (default: it is thrown away).")
    ] = None
    as_json: JsonFlag = False


def simulate(
    place: KeptPlace,
    scenario: Annotated[
        str,
        typer.Option(
            help="story, stable, slow drift, sudden change, poisoned batch, late batch or outage."
        ),
    ] = "story",
    weeks: Annotated[int, typer.Option(help="Weeks to replay.")] = 12,
    seed: SeedOption = 0,
    spec: RetrainSpecOption = None,
) -> None:
    """Replay weeks of arriving rows and print what the flows did."""
    from flows.cli.simulation_spec import SimulationSpec
    from seqclass.monitoring.retrain_spec import RetrainSpec
    from seqclass.synthesis.arrival_scenarios import ScenarioSpec

    arrivals, retraining = ScenarioSpec(seed=seed), read_spec(RetrainSpec, {}, spec)
    wanted = SimulationSpec(scenario, weeks, arrivals, retraining=retraining)
    with tempfile.TemporaryDirectory() as folder:
        store = writable(place.root or f"{folder}/tree")
        prepare_prefect("simulate", "flows.cli.simulation", store)
        from flows.cli.simulation import simulate as replay

        show_weeks(list(replay(wanted, store, Path(folder))), place.as_json)
