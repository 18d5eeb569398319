"""The command line: its JSON, its exit codes, what its commands import."""

import json
import os
import re
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqclass.flows.cli.command_line import PREFECT_SETTINGS
from seqclass.flows.cli.model_commands import show_retraining
from seqclass.flows.cli.scoring_commands import show_scores
from seqclass.flows.cli.views import drawn_channel
from seqclass.store.root import Root, open_root
from tests.support.commands import Command, in_python
from tests.support.stored import store_champion, store_series, store_version

BRAILLE = {chr(code) for code in range(0x2800, 0x2900)}


def test_an_empty_root_says_how_to_begin(seqclass: Command) -> None:
    assert "seqclass run" in seqclass("models")[1]
    assert "seqclass import" in seqclass("datasets")[1]
    assert seqclass("verify")[0] == 0


def test_generate_gives_the_contract_s_keys(seqclass_json: Callable[..., dict], root: Root) -> None:
    shown = seqclass_json(
        "generate", "signals", "--n-series", 90, "--n-steps", 30, "--name", "g",
        "--classes", "common_cause,burst", "--weights", "2,1",
    )  # fmt: skip
    assert shown["dataset"].startswith("datasets/g@")
    assert (shown["n_series"], shown["n_steps"], shown["rejected"]) == (90, [30, 30], 0)
    assert shown["channels"] == ["value"]
    assert shown["classes"] == {"burst": 30, "common_cause": 60}
    assert Path(root.join("index.html")).read_text().count("g@") == 1


def test_lists_fit_a_terminal_of_80_columns(seqclass: Command, root: Root) -> None:
    dataset = store_series(root, "a-dataset").ref
    scores = {"macro_f1": 0.91234, "accuracy": 0.9, "log_loss": 0.4}
    store_version(root, "a-model", metrics=scores, dataset=dataset)
    for command in ("models", "datasets"):
        lines = seqclass(command)[1].splitlines()
        assert len(lines) == 2
        assert max(map(len, lines)) <= 80


def test_what_lies_in_a_bucket_is_shown_with_its_address(seqclass: Command, bucket: Root) -> None:
    folder = store_series(bucket).ref.replace("@", "/")
    words = ("--root", bucket.url)
    assert f"{bucket.url}/{folder}" in seqclass("show", "toy", *words)[1].split()
    assert f"{bucket.url}/digests/" in seqclass("digest", *words)[1]


def test_records_and_scores_in_a_bucket_are_shown_with_their_address(
    capsys: pytest.CaptureFixture,
) -> None:
    store = open_root("memory://factory/tree")
    folder = store.join("retrainings", "m", "1")
    outcome: Any = {"decision": "refused", "reasons": ["worse"], "challenger": None,
                    "model": "models/m@v1", "folder": folder}  # fmt: skip
    show_retraining(store, outcome, False)
    assert f"{store.url}/retrainings/m/1" in capsys.readouterr().out.split()
    place = store.join("scores", "m", "v1", "0", "scores.parquet")
    scored: Any = {"model": "models/m@v1", "tables": [place], "out": place, "metrics": None,
                   "estimate": {}, "rows": 1, "scored": 1, "unknown": 0,
                   "labels": {"rows": 0, "of_other_classes": 0}}  # fmt: skip
    show_scores(store, scored, None, True)
    shown = json.loads(capsys.readouterr().out)
    assert [*shown["tables"], shown["out"]] == [f"{store.url}/scores/m/v1/0/scores.parquet"] * 2


def test_answers_that_are_there_already_are_told_as_such(
    root: Root, capsys: pytest.CaptureFixture
) -> None:
    for scored, before in ((20, False), (0, True)):
        assessed: Any = {"model": "models/m@v1", "tables": [], "out": root.join("scores"),
                         "metrics": None, "estimate": {}, "rows": 20, "scored": scored,
                         "unknown": 0, "labels": {"rows": 0, "of_other_classes": 0}}  # fmt: skip
        show_scores(root, assessed, None, False)
        out = capsys.readouterr().out
        assert bool(re.search(r"^answered before +20$", out, re.M)) == before
        assert re.search(r"^rows +20$", out, re.M)


def test_a_series_is_shown_with_its_values_and_a_picture(
    root: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    dataset = store_series(root)
    store_version(root, "toy")  # --series means the dataset of that name all the same
    shown = seqclass_json("show", "toy", "--series", "s001")
    assert (shown["dataset"], shown["label"], shown["n_steps"]) == (dataset.ref, "up", 12)
    [values] = dataset.values(np.array([1]))
    assert shown["values"] == {"value": values[:, 0].tolist()}
    code, out, err = seqclass("show", "toy", "--series", "s001")
    assert code == 0, err
    picture = [line for line in out.splitlines() if line and set(line) <= BRAILLE]
    first = [min(x for x, cell in enumerate(line) if ord(cell) > 0x2800) for line in picture]
    assert first == sorted(first, reverse=True) != [first[0]] * len(first)  # it rises


def test_gaps_and_peaks_of_a_series_are_drawn() -> None:
    peak = np.zeros(10_000)
    peak[5_000] = 1
    assert drawn_channel("x", peak).splitlines()[1].count("⠀") == 71
    for values, dots in (([np.nan, 2, np.nan], 1), ([np.inf, np.nan], 0), ([1], 1)):
        drawn = drawn_channel("x", np.array(values, float))
        assert sum(cell in BRAILLE and cell != "⠀" for cell in drawn) == dots


def test_a_root_may_lie_in_a_folder_called_models(seqclass: Command, tmp_path: Path) -> None:
    root = open_root(tmp_path / "models" / "datasets" / "tree")
    store_series(root)
    store_version(root, "line")
    for ref in ("toy", "line"):
        code, out, err = seqclass("verify", ref, "--root", root.path)
        assert (code, err) == (0, ""), out


def test_what_looks_like_markup_is_text(seqclass: Command, root: Root) -> None:
    store_series(root, label=["[/a]", "[red]"] * 30)
    code, out, _ = seqclass("show", "toy")
    assert code == 0
    assert "classes [/a]" in out
    assert "classes [red]" in out


def test_a_server_that_does_not_answer_is_one_line(seqclass: Command, root: Root) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    store_champion(root, "toy")
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        code, _, err = seqclass("retrain", "toy")
    assert code == 2
    assert err.startswith("seqclass: PREFECT_API_URL: expected a Prefect server that answers")
    assert len(err.splitlines()) == 1


def test_the_version_is_that_of_the_package(seqclass: Command) -> None:
    code, out, _ = seqclass("--version")
    assert (code, out) == (0, f"seqclass {metadata.version('sequence-classification')}\n")


SILENT = """
import os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "prefect":
            print(os.environ.get("DO_NOT_TRACK"), flush=True)
            os._exit(0)
sys.meta_path.insert(0, Watch())
from seqclass.flows.__main__ import main
main()
"""


def test_prefect_is_told_to_keep_silent_before_it_is_imported(root: Root) -> None:
    """What phones home, and what is logged, is decided by Prefect's first import."""
    store_champion(root, "toy")
    environment = {key: value for key, value in os.environ.items() if key not in PREFECT_SETTINGS}
    environment["SEQCLASS_STORAGE"] = root.path
    process = in_python(SILENT, "retrain", "toy", check=True, env=environment)
    assert process.stdout == "1\n", process.stderr


IMPORTS = """
import contextlib, io, json, sys
from seqclass.flows.__main__ import run_command
imported = []
for words in json.load(sys.stdin):
    sys.argv[1:] = words
    with contextlib.redirect_stdout(io.StringIO()):
        assert run_command() == 0
    imported.append([*sys.modules])
print(json.dumps(imported))
"""
HEAVY = {"tensorflow", "keras", "prefect"}
UNUSED = HEAVY | {"pandas", "sklearn"}


def test_a_command_imports_no_more_than_it_needs(root: Root) -> None:
    """One after the other in a process, so that each imports what those before it did."""
    store_series(root)
    commands = {
        ("--help",): UNUSED | {"numpy", "pyarrow"},
        ("models",): UNUSED,
        ("datasets",): UNUSED,
        ("show", "toy"): UNUSED,
        ("generate", "ragas", "--n-series", "30"): HEAVY,
    }
    environment = {**os.environ, "SEQCLASS_STORAGE": root.path}
    process = in_python(IMPORTS, input=json.dumps([*commands]), check=True, env=environment)
    imported = json.loads(process.stdout)
    assert {
        words: heavy & set(modules)
        for (words, heavy), modules in zip(commands.items(), imported, strict=True)
        if heavy & set(modules)
    } == {}


@pytest.mark.parametrize(
    ("module", "unused"),
    [
        ("seqclass.store.formats.reader_process", {"scipy", "soundfile", "soxr", "swift_f0"}),
        ("seqclass.flows.steps", {"pandas", "scipy.stats", "sklearn", "tensorflow"}),
    ],
)
def test_who_reads_a_table_or_starts_a_flow_imports_no_more(module: str, unused: set[str]) -> None:
    process = in_python(f"import sys, {module}; print(*sys.modules)", check=True)
    assert set(process.stdout.split()) & unused == set()
