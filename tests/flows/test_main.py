"""The command line: its JSON, its exit codes, its one-line errors."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from flows.cli.command_line import PREFECT_SETTINGS
from flows.cli.dataset_printing import drawn_channel
from seqclass.pages.index_pages import write_all
from seqclass.store.datasets import write_dataset
from seqclass.store.models import commit_model
from seqclass.store.root import Root, open_root
from seqclass.store.staging import staging
from tests.support.commands import Command, csv, modules_of
from tests.support.places import NOW
from tests.support.stored import DESCRIBED, store_champion, store_series, store_version

BRAILLE = {chr(code) for code in range(0x2800, 0x2900)}


@pytest.mark.parametrize(("tried", "called"), [("predict", "score"), ("fit", "train")])
def test_the_name_of_a_command_elsewhere_leads_to_the_one_here(tried: str, called: str) -> None:
    found = subprocess.run(
        [sys.executable, "-m", "flows", tried, "mine"], capture_output=True, text=True
    )
    assert found.returncode == 2
    assert f"'seqclass {called}'" in found.stderr


def test_a_file_in_the_place_of_a_dataset_leads_to_import(
    seqclass: Command, tmp_path: Path
) -> None:
    path = csv(tmp_path / "my own")
    code, _, err = seqclass("train", path)
    assert (code, err.count("\n")) == (2, 1)
    assert f"got the file {str(path)!r}" in err


def test_an_empty_root_says_how_to_begin(seqclass: Command) -> None:
    assert "seqclass run" in seqclass("models")[1]
    assert "seqclass import" in seqclass("datasets")[1]
    assert seqclass("verify")[0] == 0


def test_generate_gives_the_contract_s_keys(seqclass_json: Callable[..., dict], root: Root) -> None:
    found = seqclass_json(
        "generate", "signals", "--n-series", 90, "--n-steps", 30, "--name", "g",
        "--classes", "common_cause,burst", "--weights", "2,1",
    )  # fmt: skip
    assert found["dataset"].startswith("datasets/g@")
    assert (found["n_series"], found["n_steps"], found["rejected"]) == (90, [30, 30], 0)
    assert found["channels"] == ["value"]
    assert found["classes"] == {"burst": 30, "common_cause": 60}
    assert Path(root.join("index.html")).read_text().count("g@") == 1


def test_import_gives_the_contract_s_keys(
    prefect: str, seqclass_json: Callable[..., dict], tmp_path: Path
) -> None:
    held = csv(tmp_path / "held", renamed)
    found = seqclass_json("import", csv(tmp_path), "--name", "mine", "--test", held)
    assert found["classes"] == {"a": 6, "b": 6}
    assert found["splits"] == {"test": 6, "train": 6}
    listed = seqclass_json("datasets")["datasets"]
    assert [d["dataset"] for d in listed] == [found["dataset"]]
    assert seqclass_json("show", "mine")["n_series"] == 12


def renamed(content: str) -> str:
    return content.replace("\ns", "\nt-")


def test_lists_fit_a_terminal_of_80_columns(seqclass: Command, root: Root) -> None:
    dataset = store_series(root, "a-dataset").ref
    scores = {"macro_f1": 0.91234, "accuracy": 0.9, "log_loss": 0.4}
    store_version(root, "a-model", metrics=scores, dataset=dataset)
    for command in ("models", "datasets"):
        lines = seqclass(command)[1].splitlines()
        assert len(lines) == 2
        assert max(map(len, lines)) <= 80


def test_a_dataset_in_a_bucket_says_where_it_lies(seqclass: Command, bucket: Root) -> None:
    stored = store_series(bucket)
    _, out, _ = seqclass("show", "toy", "--root", bucket.url)
    folder = stored.ref.replace("@", "/")
    assert f"files: {bucket.url}/{folder}" in out.splitlines()
    _, out, _ = seqclass("digest", "--root", bucket.url)
    assert f"page: {bucket.url}/digests/" in out


def test_a_retraining_in_a_bucket_says_where_its_record_lies(
    bucket: Root, capsys: pytest.CaptureFixture
) -> None:
    from flows.cli.model_commands import show_retraining

    place = bucket.join("retrainings", "toy", "1")
    show_retraining(bucket, {"decision": "refused", "reasons": ["worse"], "challenger": None,
                             "model": "models/toy@v1", "folder": place}, False)  # fmt: skip
    assert f"record: {bucket.url}/retrainings/toy/1" in capsys.readouterr().out.splitlines()


def test_scores_in_a_bucket_say_where_they_lie(bucket: Root, capsys: pytest.CaptureFixture) -> None:
    from flows.cli.scoring_commands import show_scores

    place = bucket.join("scores", "toy", "v1", "0", "scores.parquet")
    found: Any = {"model": "models/toy@v1", "tables": [place], "out": place}
    show_scores(bucket, found, None, True)
    told = json.loads(capsys.readouterr().out)
    assert [*told["tables"], told["out"]] == [f"{bucket.url}/scores/toy/v1/0/scores.parquet"] * 2


def test_a_series_is_shown_with_its_values_and_a_picture(
    root: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    dataset = store_series(root)
    store_version(root, "toy")  # --series means the dataset of that name all the same
    found = seqclass_json("show", "toy", "--series", "s001")
    assert (found["dataset"], found["label"], found["n_steps"]) == (dataset.ref, "up", 12)
    [values] = dataset.values(np.array([1]))
    assert found["values"] == {"value": values[:, 0].tolist()}
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


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nope"], "NAME: expected a model (m) or a dataset (toy), got 'nope'"),
        (["tyo"], "did you mean 'toy'?"),
        (["../toy"], "NAME: expected a model (m) or a dataset (toy), got"),
        (["toy", "--series", "nope"], "--series: expected an id of datasets/toy@"),
        (["toy", "--series", ""], "--series: expected an id of datasets/toy@"),
        (["m", "--series", "s001"], "--series: expected a dataset, got 'm'"),
        (["m", "--wrong"], "--wrong: expected a version that keeps its answers"),
        (["toy", "--wrong"], "--wrong: expected a model, got 'toy'"),
        (["toy", "--wrong", "--series", "s001"], "--series: expected it without --wrong"),
        (["studies/toy", "--wrong"], "--wrong: expected a model, got 'studies/toy'"),
    ],
)
def test_what_can_t_be_shown_is_refused_in_one_line(
    root: Root, seqclass: Command, words: list[str], says: str
) -> None:
    store_series(root)
    store_champion(root, "m")
    code, _, err = seqclass("show", *words)
    assert (code, err.count("\n")) == (2, 1)
    assert says in err


@pytest.mark.parametrize("words", [("show", "models/a-modle"), ("history", "a-modle"),
                                   ("promote", "a-modle@v1"), ("histroy", "a-model")])  # fmt: skip
def test_what_was_meant_is_asked(seqclass: Command, root: Root, words: tuple[str, ...]) -> None:
    store_version(root, "a-model")
    code, _, err = seqclass(*words)
    assert code == 2
    assert re.search("[Dd]id you mean '(a-model|history)'", err)


def test_verify_names_what_is_damaged(seqclass: Command, root: Root) -> None:
    stored = store_series(root)
    with staging(root, "model") as workspace:
        os.makedirs(workspace, exist_ok=True)
        Path(workspace, "metrics.json").write_text("{}")
        known = {**DESCRIBED, "dataset": stored.ref}
        model = commit_model(root, workspace, "toy", known, NOW)
    assert json.loads(seqclass("verify", "--json")[1])["bad"] == []
    Path(stored.folder, "part-00000.parquet").write_bytes(b"other")
    Path(model.folder, "metrics.json").unlink()
    (entry := Path(root.join("log", "models", "toy", "000001.json"))).write_text("{}")
    code, out, _ = seqclass("verify", "--json")
    found = json.loads(out)
    assert code == 1
    assert found["checked"] == 6
    assert sorted(Path(item["path"]).name for item in found["bad"]) == [
        entry.name, "metrics.json", "part-00000.parquet",
    ]  # fmt: skip
    assert seqclass("verify", "models/toy")[0] == 1


def test_doctor_is_content_here(seqclass: Command) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: None}):
        code, out, _ = seqclass("doctor")
    assert code == 0, out
    assert "tensorflow" in out


def test_doctor_finds_a_server_that_does_not_answer(seqclass: Command) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        code, out, _ = seqclass("doctor", "--json")
    bad = [f for f in json.loads(out)["findings"] if not f["ok"]]
    assert code == 1
    assert [f["what"] for f in bad] == ["prefect server"]
    assert "prefect server start" in bad[0]["advice"]


def test_a_torn_registry_is_named_and_does_not_stop_the_rest(seqclass: Command, root: Root) -> None:
    store_version(root, "toy")
    Path(root.join("log", "models", "toy", "x-promote.json")).write_text("")
    Path(root.join("log", "models", "toy", "000001.json")).write_text("[]")
    store_series(root)
    assert seqclass("models")[0] == seqclass("datasets")[0] == 0
    code, out, _ = seqclass("verify")
    assert code == 1
    assert "000001.json: expected a JSON object" in out
    assert "toy@" in Path(write_all(root)).read_text()


def test_a_version_that_is_not_there_is_not_verified(seqclass: Command, root: Root) -> None:
    stored = store_series(root)
    assert seqclass("verify", stored.ref)[0] == 0
    code, _, err = seqclass("verify", "toy@" + "0" * 16)
    assert (code, err.startswith("seqclass: REF: expected")) == (2, True)


def test_a_root_may_lie_in_a_folder_called_models(seqclass: Command, tmp_path: Path) -> None:
    root = open_root(tmp_path / "models" / "datasets" / "tree")
    store_series(root)
    store_version(root, "line")
    for ref in ("toy", "line"):
        code, out, err = seqclass("verify", ref, "--root", root.path)
        assert (code, err) == (0, ""), out


def test_nothing_of_a_name_steers_the_terminal(seqclass: Command, root: Root) -> None:
    store_version(root, "toy")
    Path(root.join("models", "toy", "\x1b[2Jx")).write_text("")
    code, out, _ = seqclass("verify")
    assert (code, "\x1b" in out, "\\x1b[2Jx" in out) == (1, False, True)


def test_what_looks_like_markup_is_text(seqclass: Command, root: Root) -> None:
    store_series(root, label=["[/a]", "[red]"] * 30)
    code, out, _ = seqclass("show", "toy")
    assert code == 0
    assert "class [/a]" in out
    assert "class [red]" in out


def test_a_server_that_does_not_answer_is_one_line(
    seqclass: Command, prefect: str, root: Root
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    store_champion(root, "toy")
    with temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}):
        code, _, err = seqclass("retrain", "toy")
    assert code == 2
    assert err.startswith("seqclass: PREFECT_API_URL: expected a Prefect server that answers")
    assert len(err.splitlines()) == 1


def toy(change: Callable[[Root], object]) -> Callable[[Root, Path], list[object]]:
    def prepare(root: Root, folder: Path) -> list[object]:
        change(root)
        return ["train", "toy", "--seeds", 1]

    return prepare


def bad_import(change: Callable[[str], str]) -> Callable[[Root, Path], list[object]]:
    return lambda root, folder: ["import", csv(folder, change), "--name", "x"]


def call(*arguments: object) -> Callable[[Root, Path], list[object]]:
    return lambda root, folder: list(arguments)


def signals(*arguments: object) -> Callable[[Root, Path], list[object]]:
    return call("generate", "signals", *arguments)


def unwritable(root: Root, folder: Path) -> list[object]:
    (folder / "file").write_text("")
    return ["generate", "signals", "--root", folder / "file" / "tree"]


def split(parts: list[str]) -> Callable[[Root], object]:
    return lambda root: store_series(root, n=len(parts), split=parts)


def unseen_label(root: Root) -> object:
    parts = ["train"] * 8 + ["test"] * 2
    labels = ["a", "b"] * 4 + ["a", "c"]
    return store_with_labels(root, labels, split=parts)


def store_with_labels(root: Root, labels: list, **columns: list) -> object:
    n = len(labels)
    table = pa.table(
        {
            "series_id": [f"s{i}" for i in range(n)],
            "label": pa.array(labels, pa.string()),
            "n_steps": np.full(n, 2, np.int32),
            "x": [[0.0, 1.0]] * n,
            **columns,
        }
    )
    return write_dataset(root, "toy", [table], {}, NOW)


def toy_with(*arguments: object) -> Callable[[Root, Path], list[object]]:
    def prepare(root: Root, folder: Path) -> list[object]:
        store_series(root)
        return ["train", "toy", *arguments]

    return prepare


def bad_spec(content: str, encoding: str = "utf-8") -> Callable[[Root, Path], list[object]]:
    def prepare(root: Root, folder: Path) -> list[object]:
        (folder / "spec.json").write_text(content, encoding=encoding)
        return toy_with("--spec", folder / "spec.json")(root, folder)

    return prepare


def damaged(root: Root, folder: Path) -> list[object]:
    stored = store_series(root)
    Path(stored.folder, "part-00000.parquet").write_bytes(b"other")
    return ["train", "toy"]


BAD_INPUTS = {
    "missing file": (call("import", "nowhere.csv", "--name", "x"), "PATH: expected an existing"),
    "unknown format": (lambda r, f: ["import", write(f / "a.xls"), "--name", "x"], "ending in"),
    "empty folder": (lambda r, f: ["import", f, "--name", "x"], "a folder with"),
    "missing test file": (
        lambda r, f: ["import", csv(f), "--name", "x", "--test", "no.csv"], "--test: expected",
    ),
    "name with a slash": (lambda r, f: ["import", csv(f), "--name", "a/b"], "--name: expected"),
    "no name": (lambda r, f: ["import", csv(f)], "--name"),
    "wrong column": (bad_import(lambda c: c.replace("label", "klass")), "a column 'label'"),
    "text in a number column": (bad_import(lambda c: c + "s9,a,0,oops\n"), "'oops'.*row 26"),
    "infinity": (bad_import(lambda c: c + "s9,a,0,inf\n"), "row 26.*finite"),
    "two labels for a series": (bad_import(lambda c: c + "s0,b,9,0\n"), "row 26.*one label"),
    "a step twice": (bad_import(lambda c: c + "s0,a,3,0\n"), "row 26.*one row per step"),
    "short line": (bad_import(lambda c: c + "s9,a\n"), "row 26: expected 4 columns"),
    "empty file": (bad_import(lambda c: ""), "CSV table"),
    "duplicate ids": (
        lambda r, f: ["import", csv(f), "--test", csv(f), "--name", "x"], "a different id",
    ),
    "zero-length series": (
        lambda r, f: ["import", npz(f, [[1.0, 2.0], [np.nan, np.nan]]), "--name", "x"],
        "at least one step",
    ),
    "object array": (
        lambda r, f: ["import", npz(f, np.array([[None, 1]])), "--name", "x"], "numbers or text",
    ),
    "negative count": (signals("--n-series", -3), "n_series: expected.*got -3"),
    "zero steps": (signals("--n-steps", 0), "n_steps: expected"),
    "steps shorter than a burst": (signals("--n-steps", 12), "burst_steps: expected"),
    "negative seed": (signals("--seed", -1), "seed: expected"),
    "count in words": (signals("--n-series", "many"), "--n-series.*got 'many'"),
    "unknown class": (signals("--classes", "burst,trend"), "classes: expected"),
    "weights in words": (signals("--weights", "1,x"), "--weights: expected"),
    "weights of another count": (signals("--weights", "1,2"), "weights: expected 3"),
    "noise of zero": (signals("--noise", 0), "noise: expected"),
    "unknown preset": (signals("--preset", "easy"), "--preset: expected one of author, hard"),
    "unwritable root": (unwritable, "storage root: expected a folder that can be made"),
    "unknown file system": (signals("--root", "nosuch://x/y"), "storage root: expected"),
    "unknown dataset": (call("train", "nosuch"), "DATASET: expected one of"),
    "no seeds": (toy(store_series), "seeds: expected"),
    "one class only": (toy(lambda r: store_with_labels(r, ["a"] * 9)), "at least 2 classes"),
    "no labels": (toy(lambda r: store_with_labels(r, [None] * 9)), "at least 2 classes"),
    "a class of two": (toy(lambda r: store_with_labels(r, ["a"] * 9 + ["b"] * 2)), "at least 3"),
    "a label never seen in training": (toy(unseen_label), "'c' in test rows only"),
    "every class in one group only": (
        toy(lambda r: store_with_labels(
            r, list("aaaaaabbbbbba"), group=list("ppppppqqqqqqr"), split=["train"] * 12 + ["test"],
        )),
        "groups: expected every class in more than one group",
    ),
    "two groups for all": (
        toy(lambda r: store_with_labels(r, ["a"] * 8 + ["b"] * 4, group=list("ppppqqqqppqq"))),
        "expected enough groups to keep some of them for testing",
    ),
    "a damaged dataset": (damaged, "part-00000.parquet: expected SHA-256"),
    "unknown spec field": (bad_spec('{"recipe": {"rate": 1}}'), "--spec .*recipe.rate.*got 1"),
    "spec that is no JSON": (bad_spec("recipe"), "--spec .*expected JSON"),
    "spec with an impossible limit": (bad_spec('{"limits": {"spread": -1}}'), "spread: expected"),
    "missing spec": (toy_with("--spec", "no.json"), "no.json: No such file.*; correct the path"),
    "spec in another encoding": (
        bad_spec('{"recipe": "é"}', "latin-1"), "--spec .*expected UTF-8",
    ),
    "a budget for no seeds": (toy_with("--seeds", 0, "--budget", 60), "seeds: expected.*got 0"),
    "a group on both sides": (
        toy(lambda r: store_series(r, n=8, split=["train"] * 4 + ["test"] * 4, group=["g"] * 8)),
        "every group on one side",
    ),
    "a seed beyond 32 bits": (toy_with("--first-seed", 5_000_000_000), "first_seed: expected"),
    "no test rows": (toy(split(["train"] * 8)), "labelled rows with split 'test'"),
    "no training rows": (toy(split(["test"] * 8)), "at least 2 classes"),
    "unknown model": (call("show", "models/nosuch"), "MODEL: expected one of"),
    "unknown reference": (call("verify", "nosuch"), "REF: expected"),
    "unknown command": (call("trian"), "trian"),
    "unknown option": (call("models", "--colour"), "--colour"),
}  # fmt: skip


def write(path: Path) -> Path:
    path.write_text("")
    return path


def npz(folder: Path, x: object) -> Path:
    np.savez(folder / "in.npz", X=x, y=np.arange(len(x)))  # type: ignore[arg-type]
    return folder / "in.npz"


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_input_is_one_line_and_exit_code_2(
    prefect: str, seqclass: Command, root: Root, tmp_path: Path, case: str
) -> None:
    prepare, problem = BAD_INPUTS[case]
    folder = tmp_path / "inputs"
    folder.mkdir()
    arguments = prepare(root, folder)
    if case == "no seeds":
        arguments[-1] = 0
    before = tree(root)
    code, out, err = seqclass(*arguments)
    complaint = err.strip().splitlines()[-1]
    assert code == 2
    assert complaint.startswith("seqclass: ")
    assert "Traceback" not in out + err
    announced, *_ = arguments
    assert [line for line in err.splitlines() if line != complaint] in (
        [],
        [f"{announced}: Prefect on {prefect}"],
    )
    assert re.search(problem, complaint), complaint
    assert tree(root) == before


def tree(root: Root) -> list[str]:
    return sorted(str(path) for path in Path(root.path).rglob("*") if path.is_file())


def test_the_version_is_that_of_the_package(seqclass: Command) -> None:
    code, out, _ = seqclass("--version")
    assert (code, out) == (0, f"seqclass {metadata.version('sequence-classification')}\n")


LOOKING = [("models",), ("datasets",), ("verify",), ("history", "toy"), ("metrics",), ("digest",)]
CHANGING = [("prune",), ("pages",), ("train", "toy"), ("promote", "toy@v1"), ("policy", "toy")]


@pytest.mark.parametrize("words", LOOKING + CHANGING)
def test_a_mistyped_root_is_not_taken_for_an_empty_one(
    words: tuple[str, ...], seqclass: Command, tmp_path: Path
) -> None:
    away = tmp_path / "stroage"
    code, _, err = seqclass(*words, "--root", str(away))
    assert code == 2
    assert "--root: expected a storage root that is there" in err
    assert not away.exists()


def test_an_option_before_the_command_is_told_its_place(seqclass: Command, tmp_path: Path) -> None:
    code, _, err = seqclass("--root", str(tmp_path), "models")
    assert code == 2
    assert "No such option: --root before the command; write options behind it" in err


@pytest.mark.parametrize("command", [["train", "toy"], ["retrain", "toy"], ["doctor"]])
def test_prefect_is_told_to_keep_silent_before_it_is_imported(
    root: Root, tmp_path: Path, command: list[str]
) -> None:
    """What phones home, and what is logged, is decided by Prefect's first import."""
    script = (
        "import os, sys\n"
        "class Watch:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'prefect':\n"
        "            told = os.environ.get('DO_NOT_TRACK') == '1'\n"
        "            print('told' if told else 'not told', flush=True)\n"
        "            os._exit(0)\n"
        "sys.meta_path.insert(0, Watch())\n"
        "from flows.__main__ import _guarded, app\n"
        f"_guarded(lambda: app(args={command!r}, standalone_mode=False))\n"
    )
    store_series(root)
    store_champion(root, "toy")
    plain = {key: value for key, value in os.environ.items() if key not in PREFECT_SETTINGS}
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        env={**plain, "SEQCLASS_STORAGE": root.path, "PREFECT_HOME": str(tmp_path / "home")},
    )  # fmt: skip
    assert found.stdout.splitlines()[:1] == ["told"], found.stderr


HEAVY = ["tensorflow", "keras", "prefect", "pandas", "sklearn"]


@pytest.mark.parametrize(
    ("command", "heavy"),
    [(["--help"], [*HEAVY, "numpy", "pyarrow"]), (["models"], HEAVY), (["datasets"], HEAVY),
     (["show", "toy"], HEAVY), (["generate", "ragas", "--n-series", "30"], HEAVY[:3])],
)  # fmt: skip
def test_a_command_imports_no_more_than_it_needs(
    root: Root, command: list[str], heavy: list[str]
) -> None:
    store_series(root)
    assert modules_of(root, *command) & set(heavy) == set()


@pytest.mark.parametrize(
    ("module", "heavy"),
    [("seqclass.store.formats.reader_process", {"scipy"}), ("flows.ingestion", {"matplotlib"})],
)
def test_tables_are_read_without_what_recordings_need(module: str, heavy: set[str]) -> None:
    heavy = heavy | {"soundfile", "soxr", "swift_f0"}
    script = f"import sys, {module}; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert set(found.stdout.split()) & heavy == set()
