"""Imports under a name that has rows: the contract, the quarantine, and adding to a dataset."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from seqclass.pipeline.import_files import import_files
from seqclass.screening.incoming import ImportSpec
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import Dataset, dataset_versions, open_dataset
from seqclass.store.formats import ColumnNames
from seqclass.store.models import model_versions
from seqclass.store.root import Root, open_root
from tests.support.commands import Command, csv
from tests.support.hints import next_step

N_SERIES, N_STEPS = 40, 20


def frame(first: int = 0, n: int = N_SERIES, seed: int = 0) -> pd.DataFrame:
    """Two channels around 20 and 0, two classes, a row per step."""
    rng = np.random.default_rng(seed)
    series = np.repeat(np.arange(first, first + n), N_STEPS)
    return pd.DataFrame(
        {
            "series_id": [f"s{i:03d}" for i in series],
            "label": np.where(series % 2, "a", "b"),
            "step": np.tile(np.arange(N_STEPS), n),
            "x": (20 + rng.standard_normal(len(series))).round(3),
            "y": rng.standard_normal(len(series)).round(3),
        }
    )


def write(folder: Path, rows: pd.DataFrame, name: str = "in.csv") -> Path:
    rows.to_csv(folder / name, index=False)
    return folder / name


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with one imported dataset, to be copied."""

    folder = tmp_path_factory.mktemp("imported")
    import_files(open_root(folder / "tree"), "mine", ImportSpec((str(write(folder, frame())),)))
    return folder / "tree"


@pytest.fixture
def mine(imported: Path, root: Root) -> Dataset:
    shutil.copytree(imported, root.path)
    return open_dataset(root, "mine")


@pytest.mark.system
def test_the_next_step_of_an_import_trains_in_its_root(
    seqclass: Command, root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of six series, the gate lets no model through."""
    monkeypatch.setenv("SEQCLASS_STORAGE", str(tmp_path / "elsewhere"))
    code, out, err = seqclass("import", csv(tmp_path), "--name", "mine", "--root", root.path)
    assert code == 0, err
    spec = tmp_path / "quick.json"
    spec.write_text(json.dumps({"seeds": 1, "members": ["steps"]}))
    code, out, err = seqclass(*next_step(out), "--spec", spec, "--json")
    trained = json.loads(out)
    assert (code, trained["model"], trained["verdict"]) == (1, "models/mine@v1", "refused"), err
    assert model_versions(root, "mine") == ["v1"]


def of(rows: pd.DataFrame, ids: list[str]) -> pd.Series:
    return rows["series_id"].isin(ids)


OF_SERIES = {
    "new_class": ("s100", "label 'c' instead of a, b"),
    "out_of_range": ("s101", r"x outside 1[0-9.]+ to 2[0-9.]+"),
    "frozen": ("s102", "y constant"),
    "holes": ("s103", "x missing in more than 10%"),
    "length": ("s104", "not 10 to 40 steps"),
    "infinite": ("s105", "y infinite"),
}
"""Ways to break the contract: the series that breaks it so, and the reason."""


def broken() -> pd.DataFrame:
    """New rows with a series for each way to break the contract."""
    rows = frame(100, seed=1)
    breaks = {kind: of(rows, [name]) for kind, (name, _) in OF_SERIES.items()}
    rows.loc[breaks["new_class"], "label"] = "c"
    rows.loc[breaks["out_of_range"] & (rows["step"] == 3), "x"] = 90.0
    rows.loc[breaks["frozen"], "y"] = 0.25
    rows.loc[breaks["holes"] & (rows["step"] % 2 == 0), "x"] = np.nan
    rows.loc[breaks["infinite"] & (rows["step"] == 3), "y"] = -np.inf
    return rows[~(breaks["length"] & (rows["step"] > 2))]


def test_a_first_import_says_what_looks_wrong_and_keeps_its_series(
    seqclass: Command, root: Root, tmp_path: Path
) -> None:
    rows = frame()
    rows.loc[of(rows, ["s000"]), "y"] = 0.25
    rows["label"] = rows["label"].replace({"b": "-"})
    code, out, err = seqclass("import", write(tmp_path, rows), "--name", "new")
    assert code == 0, err
    [line] = [line for line in out.splitlines() if line.startswith("look: ") and "channel" in line]
    assert "'y'" in line
    assert "look: class '-' reads like no label: leave the cell empty" in out
    assert f"look: {N_SERIES} series: fewer than 100" in out
    assert open_dataset(root, "new").manifest["n_series"] == N_SERIES


def test_series_that_break_the_contract_are_set_aside_with_the_reason(
    mine: Dataset, seqclass_json: Callable[..., dict], root: Root, tmp_path: Path
) -> None:
    words = ("import", write(tmp_path, broken()), "--name", "mine")
    policies = ["missing_rate=accept", *(f"{kind}=quarantine" for kind in OF_SERIES)]
    outcome = seqclass_json(*words, *(f"--policy={policy}" for policy in policies))
    assert (outcome["rejected"], outcome["n_series"]) == (len(OF_SERIES), N_SERIES - len(OF_SERIES))
    assert outcome["quarantined"] == dict.fromkeys(OF_SERIES, 1)
    aside = pq.read_table(outcome["quarantine"]).to_pylist()
    reasons = {row["series_id"]: row["reason"] for row in aside}
    for kind, (name, why) in OF_SERIES.items():
        assert re.fullmatch(f"{kind}: {why}", reasons.pop(name)), kind
    assert reasons == {}
    assert Path(outcome["quarantine"]).parent == Path(mine.folder).parent / "quarantine"
    assert open_dataset(root, "mine").manifest["rejected"] == len(OF_SERIES)
    assert verify_tree(root)["bad"] == []


def check_unharmed(root: Root, before: Dataset) -> None:
    assert verify_tree(root)["bad"] == []
    assert open_dataset(root, "mine").ref == before.ref
    assert dataset_versions(root, "mine") == [before.manifest["version"]]
    assert root.names("datasets", "mine", "quarantine") == []
    assert list(Path(root.path, ".staging").iterdir()) == []


def fahrenheit() -> pd.DataFrame:
    rows = frame(100, seed=1)
    return rows.assign(x=rows["x"] * 9 / 5 + 32)


def test_what_the_policy_accepts_becomes_the_contract(
    mine: Dataset, seqclass_json: Callable[..., dict], tmp_path: Path
) -> None:
    path = write(tmp_path, fahrenheit())
    accept = [f"--policy={kind}=accept" for kind in ("other_unit", "out_of_range")]
    first = seqclass_json("import", path, "--name", "mine", *accept)
    again = seqclass_json("import", path, "--name", "mine")
    assert (first["dataset"], first["rejected"]) == (again["dataset"], 0)


def test_a_new_contract_asks_nothing(
    mine: Dataset, seqclass_json: Callable[..., dict], tmp_path: Path
) -> None:
    rows = fahrenheit().assign(z=1.0).drop(columns="y")
    rows["label"] = "other " + rows["label"]
    outcome = seqclass_json("import", write(tmp_path, rows), "--name", "mine", "--new-contract")
    assert outcome["channels"] == ["x", "z"]


def test_a_file_that_grew_may_bring_rows_that_were_set_aside_before(
    mine: Dataset, seqclass: Command, seqclass_json: Callable[..., dict], tmp_path: Path
) -> None:
    old, new = frame(200, seed=5), frame(300, seed=6)
    first = sorted(set(old["series_id"]))[:3]
    old.loc[old["series_id"].isin(first), "y"] = 0.5
    options = ("--name", "mine", "--append")
    assert seqclass_json("import", write(tmp_path, old), *options)["rejected"] == 3
    again = seqclass_json("import", write(tmp_path, old), *options)
    assert (again["added"], again["rejected"]) == (0, 3)
    grown = pd.concat([old, new[new["series_id"].isin(sorted(set(new["series_id"]))[:2])]])
    assert seqclass_json("import", write(tmp_path, grown), *options)["added"] == 2


def test_an_old_file_that_comes_again_takes_no_later_row_away(
    root: Root, seqclass_json: Callable[..., dict], tmp_path: Path
) -> None:
    first, later = (write(tmp_path, frame(n), f"{n}.csv") for n in (0, 500))
    old = seqclass_json("import", first, "--name", "twice")["dataset"]
    new = seqclass_json("import", later, "--name", "twice", "--append")["dataset"]
    again = seqclass_json("import", first, "--name", "twice")
    assert (again["dataset"], again["existed"]) == (old, True)
    assert open_dataset(root, "twice").ref == new


def test_append_gives_a_version_that_names_its_parent(
    mine: Dataset, seqclass_json: Callable[..., dict], root: Root, tmp_path: Path
) -> None:
    both = pd.concat([frame().iloc[: 5 * N_STEPS], frame(100, seed=1)])
    outcome = seqclass_json("import", write(tmp_path, both), "--name", "mine", "--append")
    assert (outcome["n_series"], outcome["added"], outcome["repeats"]) == (80, 40, 5)
    assert outcome["parent"] == mine.ref != outcome["dataset"]
    grown = open_dataset(root, "mine")
    assert grown.manifest["parents"] == [mine.ref]
    assert grown.manifest["n_series"] == 80
    ids = grown.labels()["series_id"].to_pylist()
    assert ids[:40] == mine.labels()["series_id"].to_pylist()


def test_appending_nothing_new_says_so_and_makes_no_version(
    mine: Dataset, seqclass: Command, root: Root, tmp_path: Path
) -> None:
    code, out, _ = seqclass("import", write(tmp_path, frame()), "--name", "mine", "--append")
    assert code == 0
    lines = [line.split() for line in out.splitlines()]
    assert [["parent", mine.ref], ["added", "0"], ["repeats", "40"]] == [
        line for line in lines if line[0] in ("parent", "added", "repeats")
    ]
    check_unharmed(root, mine)


@pytest.mark.parametrize(
    ("column", "value", "actions"),
    [("y", np.inf, {"quarantine"}), ("label", "c", {"quarantine", "accept"})],
    ids=["infinite", "new class"],
)
def test_a_refused_series_names_every_policy_that_lets_the_others_in(
    mine: Dataset, seqclass: Command, tmp_path: Path, column: str, value: object, actions: set[str]
) -> None:
    rows = frame(100, seed=1)
    rows.loc[of(rows, ["s105"]), column] = value
    words = ["import", write(tmp_path, rows), "--name", "mine", "--append"]
    code, _, err = seqclass(*words)
    policies = re.findall(r"--policy (\w+=\w+)", err)
    assert (code, err.count("\n")) == (2, 1)
    assert {policy.split("=")[1] for policy in policies} == actions
    for policy in policies:
        code, _, err = seqclass(*words, "--policy", policy)
        assert code == 0, err


def test_the_same_id_with_other_content_is_refused_or_set_aside(
    mine: Dataset, seqclass: Command, root: Root, tmp_path: Path
) -> None:
    rows = pd.concat([frame(0, 2, seed=9), frame(100, seed=1)])
    words = ["import", write(tmp_path, rows), "--name", "mine", "--append"]
    code, _, err = seqclass(*words)
    assert code == 2
    assert "expected a different id for every series, got duplicate_id in 2 series (s000, s001" in (
        err
    )
    check_unharmed(root, mine)
    code, out, _ = seqclass(*words, "--policy", "duplicate_id=quarantine", "--json")
    outcome = json.loads(out)
    assert (outcome["added"], outcome["rejected"], outcome["quarantined"]) == (
        40,
        2,
        {"duplicate_id": 2},
    )


def test_two_appends_are_the_same_rows_as_one_import(root: Root, tmp_path: Path) -> None:
    rows, cut, again = frame(), 25, 5
    first = write(tmp_path, rows[: cut * N_STEPS], "first.csv")
    second = write(tmp_path, rows[(cut - again) * N_STEPS :], "second.csv")
    whole = write(tmp_path, rows, "whole.csv")
    import_files(root, "parts", ImportSpec((str(first),)))
    more = ImportSpec((str(second),), append=True, new_contract=True)
    parts = import_files(root, "parts", more)
    once = import_files(root, "once", ImportSpec((str(whole),)))
    assert parts["dataset"].partition("@")[2] == once["dataset"].partition("@")[2]
    assert parts["repeats"] == again


def test_show_tells_groups_and_holes(seqclass: Command, tmp_path: Path) -> None:
    rows = frame(100, seed=1)
    rows = rows.assign(y=rows["y"].where(rows["step"] % 8 > 0), group=rows["series_id"].str[:3])
    assert seqclass("import", write(tmp_path, rows), "--name", "machines")[0] == 0
    _, out, _ = seqclass("show", "machines")
    assert "4, each on one side of every split" in out
    assert re.search(r"missing y +15\.00%", out)


def test_dropped_rows_are_counted_and_later_files_are_read_alike(
    seqclass: Command, seqclass_json: Callable[..., dict], root: Root, tmp_path: Path
) -> None:
    first, second, third = (frame(first, seed=first) for first in (0, 60, 120))
    path = write(tmp_path, pd.concat([first, first[7:37]]))
    code, _, err = seqclass("import", path, "--name", "mine")
    assert code == 2
    assert "got 30 that repeat one, identical in all columns" in err
    assert root.names("datasets") == []
    outcome = seqclass_json("import", path, "--name", "mine", "--policy", "repeated_steps=drop")
    assert (outcome["n_series"], outcome["repeated_steps"]) == (40, 30)
    assert open_dataset(root, "mine").manifest["repeated_steps"] == 30
    path = write(tmp_path, pd.concat([second, second[:4]]))
    assert seqclass_json("import", path, "--name", "mine", "--append")["repeated_steps"] == 4
    inbox = Path(root.path, "inbox", "mine")
    inbox.mkdir(parents=True)
    os.utime(write(inbox, pd.concat([third, third[:5]])), (0, 0))
    assert seqclass("ingest", "mine")[0] == 0
    assert open_dataset(root, "mine").manifest["n_series"] == 120
    assert open_dataset(root, "mine").manifest["repeated_steps"] == 5
    path = write(tmp_path, pd.concat([third, third[:1].assign(x=1)]).replace("s120", "s999"))
    code, _, err = seqclass("import", path, "--name", "mine", "--append")
    assert code == 2
    assert "got 1 that repeat one, 1 of them with other values" in err


def test_columns_that_an_import_names_count_for_what_is_appended(
    root: Root, tmp_path: Path
) -> None:
    columns = ColumnNames("unit", "kind", "t", ignore=("note",))
    for number, names in enumerate((columns, ColumnNames())):
        path = tmp_path / f"{number}.csv"
        rows = [
            f"u{number}{i},{'ab'[i % 2]},{t},ok,{i + t * t}" for i in range(4) for t in range(3)
        ]
        path.write_text("\n".join(["unit,kind,t,note,x", *rows, ""]))
        spec = ImportSpec((str(path),), columns=names, append=number > 0, new_contract=True)
        outcome = import_files(root, "told", spec)
    stored = open_dataset(root, outcome["dataset"])
    assert stored.manifest["n_series"] == 8
    assert stored.channels == ["x"]
    reading = {"series_id": "unit", "label": "kind", "step": "t", "ignore": ["note"]}
    assert stored.manifest["reading"] == reading
