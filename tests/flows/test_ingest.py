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
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqclass.pipeline.import_files import import_files
from seqclass.screening.incoming import ImportSpec
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import Dataset, dataset_versions, open_dataset
from seqclass.store.root import Root, open_root
from tests.support.commands import Command
from tests.support.stored import store_series

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


def of(rows: pd.DataFrame, ids: list[str]) -> pd.Series:
    return rows["series_id"].isin(ids)


def spoil(change: Callable[[pd.DataFrame, pd.Series], None]) -> Callable[[], pd.DataFrame]:
    """New rows of which the first three series are changed."""

    def build() -> pd.DataFrame:
        rows = frame(100, seed=1)
        change(rows, of(rows, ["s100", "s101", "s102"]))
        return rows

    return build


def set_values(column: str, value: object) -> Callable[[], pd.DataFrame]:
    def change(rows: pd.DataFrame, bad: pd.Series) -> None:
        rows.loc[bad, column] = value

    return spoil(change)


def holes(rows: pd.DataFrame, bad: pd.Series) -> None:
    rows.loc[bad & (rows["step"] % 2 == 0), "x"] = np.nan


def one_infinite(rows: pd.DataFrame, bad: pd.Series) -> None:
    rows.loc[bad & (rows["step"] == 3), "y"] = -np.inf


def short() -> pd.DataFrame:
    rows = frame(100, seed=1)
    return rows[~(of(rows, ["s100", "s101", "s102"]) & (rows["step"] > 2))]


def a_value_far_out(rows: pd.DataFrame, bad: pd.Series) -> None:
    rows.loc[bad & (rows["step"] == 3), "x"] = 90.0


OF_SERIES = {
    "new_class": (set_values("label", "c"), "a label other than a, b"),
    "out_of_range": (spoil(a_value_far_out), r"x outside 1[0-9.]+ to 2[0-9.]+"),
    "frozen": (set_values("y", 0.25), "y constant"),
    "holes": (spoil(holes), "x missing in more than 10%"),
    "length": (short, "not 10 to 40 steps"),
    "infinite": (spoil(one_infinite), "y infinite"),
}


FEW = ("new_class", "out_of_range")
"""Kinds that the quick tests try; the slow ones try the others."""


def test_a_first_import_says_which_channel_is_frozen_and_keeps_its_series(
    seqclass: Command, root: Root, tmp_path: Path
) -> None:
    rows = frame()
    rows.loc[of(rows, ["s000"]), "y"] = 0.25
    code, out, err = seqclass("import", write(tmp_path, rows), "--name", "new")
    assert code == 0, err
    [said] = [line for line in out.splitlines() if line.startswith("look: ") and "channel" in line]
    assert "'y'" in said
    assert open_dataset(root, "new").manifest["n_series"] == N_SERIES


@pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=[pytest.mark.system] * (kind not in FEW)) for kind in OF_SERIES],
)
def test_series_that_break_the_contract_are_set_aside_with_the_reason(
    mine: Dataset, seqclass_json: Callable[..., dict], root: Root, tmp_path: Path, kind: str
) -> None:
    build, why = OF_SERIES[kind]
    path = write(tmp_path, build())
    found = seqclass_json("import", path, "--name", "mine", "--policy", f"{kind}=quarantine",
                          "--policy", "missing_rate=accept")  # fmt: skip
    assert (found["rejected"], found["quarantined"], found["n_series"]) == (3, {kind: 3}, 37)
    aside = pq.read_table(found["quarantine"])
    assert aside["series_id"].to_pylist() == ["s100", "s101", "s102"]
    for reason in aside["reason"].to_pylist():
        assert re.fullmatch(f"{kind}: {why}", reason)
    assert Path(found["quarantine"]).parent == Path(mine.folder).parent / "quarantine"
    assert open_dataset(root, "mine").manifest["rejected"] == 3
    assert verify_tree(root)["bad"] == []


def test_a_first_import_says_what_looks_wrong(seqclass: Command, tmp_path: Path) -> None:
    rows = frame()
    rows["label"] = rows["label"].replace({"b": "-"})
    code, out, _ = seqclass("import", write(tmp_path, rows), "--name", "odd")
    assert code == 0
    assert "look: class '-' reads like no label: leave the cell empty" in out
    assert f"look: {N_SERIES} series: a first champion needs about 100" in out


@pytest.mark.parametrize("kind", OF_SERIES)
def test_series_that_break_the_contract_are_refused_with_counts_and_ids(
    mine: Dataset, seqclass: Command, root: Root, tmp_path: Path, kind: str
) -> None:
    build, why = OF_SERIES[kind]
    refuse = [f"--policy={kind}=refuse", "--policy=missing_rate=accept", "--append"]
    code, _, err = seqclass("import", write(tmp_path, build()), "--name", "mine", *refuse)
    assert code == 2
    if kind == "infinite":
        assert "in.csv, row 5: expected finite numbers" in err
    else:
        assert re.search(rf"{kind} in 3 series \(s100, s101, s102: {why}\); correct", err), err
    check_unharmed(root, mine)


def check_unharmed(root: Root, before: Dataset) -> None:
    assert verify_tree(root)["bad"] == []
    assert open_dataset(root, "mine").ref == before.ref
    assert dataset_versions(root, "mine") == [before.manifest["version"]]
    assert root.names("datasets", "mine", "quarantine") == []
    assert list(Path(root.path, ".staging").iterdir()) == []


def fahrenheit() -> pd.DataFrame:
    rows = frame(100, seed=1)
    return rows.assign(x=rows["x"] * 9 / 5 + 32)


def thinned() -> pd.DataFrame:
    rows = frame(100, seed=1)
    return rows.assign(y=rows["y"].where(rows["step"] % 8 > 0))


OF_FILES = {
    "new_column": (lambda: frame(100).assign(z=1.5), "got new_column 'z'"),
    "missing_column": (lambda: frame(100).drop(columns="y"), "got missing_column 'y'"),
    "other_unit": (fahrenheit, r"other_unit: x median 6\d\.?\d* instead of (2\d|19\.\d)"),
    "other_unit by a scale": (
        lambda: frame(100).assign(y=lambda rows: 1000 * rows["y"]),
        r"other_unit: y spread 1\d\d\d instead of 1\.\d+",
    ),
    "missing_rate": (thinned, r"missing_rate: y missing in 15\.0% instead of 0\.0%"),
}


@pytest.mark.parametrize("case", OF_FILES)
def test_files_that_break_the_contract_are_refused(
    mine: Dataset, seqclass: Command, root: Root, tmp_path: Path, case: str
) -> None:
    build, problem = OF_FILES[case]
    path = write(tmp_path, build())
    code, _, err = seqclass("import", path, "--name", "mine", "--policy", "holes=accept")
    assert code == 2
    assert re.search(problem, err), err
    assert f"--policy {case.split()[0]}=accept" in err
    check_unharmed(root, mine)


@pytest.mark.parametrize(
    "kind",
    [
        "new_column",
        pytest.param("missing_column", marks=pytest.mark.system),
        "other_unit",
        pytest.param("missing_rate", marks=pytest.mark.system),
    ],
)
def test_what_the_policy_accepts_becomes_the_contract(
    mine: Dataset, seqclass_json: Callable[..., dict], tmp_path: Path, kind: str
) -> None:
    path = write(tmp_path, OF_FILES[kind][0]())
    accept = [f"--policy={k}=accept" for k in (kind, "out_of_range", "holes")]
    first = seqclass_json("import", path, "--name", "mine", *accept)
    again = seqclass_json("import", path, "--name", "mine")
    assert (first["dataset"], first["rejected"]) == (again["dataset"], 0)


def test_a_new_contract_asks_nothing(
    mine: Dataset, seqclass_json: Callable[..., dict], tmp_path: Path
) -> None:
    rows = fahrenheit().assign(z=1.0).drop(columns="y")
    rows["label"] = "other " + rows["label"]
    found = seqclass_json("import", write(tmp_path, rows), "--name", "mine", "--new-contract")
    assert found["channels"] == ["x", "z"]


def test_mostly_broken_files_are_refused_after_all(
    mine: Dataset, seqclass: Command, root: Root, tmp_path: Path
) -> None:
    rows = frame(100).assign(y=0.5)
    code, _, err = seqclass("import", write(tmp_path, rows), "--name", "mine")
    assert code == 2
    assert "at most 50% of the series to be set aside, got 40 of 40: frozen in 40 series" in err
    check_unharmed(root, mine)


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


def test_rows_like_those_before_pass(
    mine: Dataset, seqclass_json: Callable[..., dict], tmp_path: Path
) -> None:
    found = seqclass_json("import", write(tmp_path, frame(200, seed=5)), "--name", "mine")
    assert (found["rejected"], found["quarantined"], found["quarantine"]) == (0, {}, None)


def test_a_contract_is_inferred_where_a_version_has_none(
    seqclass: Command, root: Root, tmp_path: Path
) -> None:
    store_series(root, "mine", n=40)
    rows = frame().drop(columns="y").rename(columns={"x": "value"})
    code, _, err = seqclass("import", write(tmp_path, rows), "--name", "mine")
    assert code == 2
    assert "other_unit: value median" in err


def test_a_damaged_quarantine_is_found(
    mine: Dataset, seqclass_json: Callable[..., dict], root: Root, tmp_path: Path
) -> None:
    path = write(tmp_path, OF_SERIES["frozen"][0]())
    place = seqclass_json("import", path, "--name", "mine")["quarantine"]
    Path(place).write_bytes(b"other")
    assert [item["path"] for item in verify_tree(root)["bad"]] == [place]


def test_append_gives_a_version_that_names_its_parent(
    mine: Dataset, seqclass_json: Callable[..., dict], root: Root, tmp_path: Path
) -> None:
    both = pd.concat([frame().iloc[: 5 * N_STEPS], frame(100, seed=1)])
    found = seqclass_json("import", write(tmp_path, both), "--name", "mine", "--append")
    assert (found["n_series"], found["added"], found["repeats"]) == (80, 40, 5)
    assert found["parent"] == mine.ref != found["dataset"]
    grown = open_dataset(root, "mine")
    assert grown.manifest["parents"] == [mine.ref]
    assert grown.manifest["contract"]["n_series"] == 80
    ids = grown.labels()["series_id"].to_pylist()
    assert ids[:40] == mine.labels()["series_id"].to_pylist()


def test_appending_nothing_new_says_so_and_makes_no_version(
    mine: Dataset, seqclass: Command, root: Root, tmp_path: Path
) -> None:
    code, out, _ = seqclass("import", write(tmp_path, frame()), "--name", "mine", "--append")
    assert code == 0
    assert f"added to {mine.ref}: nothing new" in out
    assert "there already: 40 series" in out
    check_unharmed(root, mine)


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
    found = json.loads(out)
    assert (found["added"], found["rejected"], found["quarantined"]) == (40, 2, {"duplicate_id": 2})


@pytest.mark.parametrize("change", [{"z": 1.5}, {"group": "g"}])
def test_other_columns_can_never_be_added(
    mine: Dataset, seqclass: Command, root: Root, tmp_path: Path, change: dict
) -> None:
    path = write(tmp_path, frame(100).assign(**change))
    code, _, err = seqclass("import", path, "--name", "mine", "--append",
                            "--policy", "new_column=accept")  # fmt: skip
    assert code == 2
    assert f"got new_column '{next(iter(change))}'" in err
    check_unharmed(root, mine)


@settings(max_examples=4, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(cut=st.integers(3, N_SERIES - 1), again=st.integers(0, 9), seed=st.integers(0, 99))
@pytest.mark.system
def test_two_appends_are_the_same_rows_as_one_import(
    tmp_path_factory: pytest.TempPathFactory, cut: int, again: int, seed: int
) -> None:

    folder, rows = tmp_path_factory.mktemp("appends"), frame(seed=seed)
    place = cut * N_STEPS
    first = write(folder, rows[:place], "first.csv")
    second = write(folder, rows[max(cut - again, 0) * N_STEPS :], "second.csv")
    whole = write(folder, rows, "whole.csv")
    root = open_root(folder / "tree")
    import_files(root, "parts", ImportSpec((str(first),)))
    more = ImportSpec((str(second),), append=True, new_contract=True)
    parts = import_files(root, "parts", more)
    once = import_files(root, "once", ImportSpec((str(whole),)))
    assert parts["dataset"].partition("@")[2] == once["dataset"].partition("@")[2]
    assert parts["repeats"] == min(again, cut)


def test_show_tells_groups_holes_and_a_name_that_was_meant(
    seqclass: Command, tmp_path: Path
) -> None:
    rows = thinned().assign(group=lambda r: r["series_id"].str[:3])
    assert seqclass("import", write(tmp_path, rows), "--name", "machines")[0] == 0
    _, out, _ = seqclass("show", "machines")
    assert "4, kept together" in out
    assert re.search(r"missing in y +15\.00% of the values", out)
    assert "did you mean 'machines'?" in seqclass("show", "machine")[2]


def test_repeats_within_an_import_count_once(
    seqclass_json: Callable[..., dict], root: Root, tmp_path: Path
) -> None:
    first = write(tmp_path, frame(), "a.csv")
    second = write(tmp_path, pd.concat([frame(), frame(60, seed=3)]), "b.csv")
    found = seqclass_json("import", first, second, "--name", "twice")
    assert (found["n_series"], found["repeats"]) == (80, 40)
    assert len(open_dataset(root, "twice").labels()) == 80


def test_dropped_rows_are_counted_and_later_files_are_read_alike(
    seqclass: Command, seqclass_json: Callable[..., dict], root: Root, tmp_path: Path
) -> None:
    first, second, third = (frame(first, seed=first) for first in (0, 60, 120))
    path = write(tmp_path, pd.concat([first, first[7:37]]))
    code, _, err = seqclass("import", path, "--name", "mine")
    assert code == 2
    assert "got 30 that repeat one, identical in all columns" in err
    assert root.names("datasets") == []
    found = seqclass_json("import", path, "--name", "mine", "--policy", "repeated_steps=drop")
    assert (found["n_series"], found["repeated_steps"]) == (40, 30)
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


def test_what_an_import_was_told_counts_for_what_is_appended(root: Root, tmp_path: Path) -> None:
    from seqclass.store.formats import ColumnNames

    columns = ColumnNames("unit", "kind", "t", ignore=("note",))
    for number, said in enumerate((columns, ColumnNames())):
        path = tmp_path / f"{number}.csv"
        rows = [
            f"u{number}{i},{'ab'[i % 2]},{t},ok,{i + t * t}" for i in range(4) for t in range(3)
        ]
        path.write_text("\n".join(["unit,kind,t,note,x", *rows, ""]))
        spec = ImportSpec((str(path),), columns=said, append=number > 0, new_contract=True)
        found = import_files(root, "told", spec)
    stored = open_dataset(root, found["dataset"])
    assert stored.manifest["n_series"] == 8
    assert stored.channels == ["x"]
    reading = {"series_id": "unit", "label": "kind", "step": "t", "ignore": ["note"]}
    assert stored.manifest["reading"] == reading


def test_an_import_says_whether_its_rows_were_stored_before(
    mine: Dataset, root: Root, tmp_path: Path
) -> None:

    same, other = (
        ImportSpec((str(write(tmp_path, rows, name)),))
        for name, rows in (("same.csv", frame()), ("other.csv", frame(seed=1)))
    )
    again = import_files(root, "mine", same)
    assert again["existed"]
    assert again["dataset"] == mine.ref
    assert not import_files(root, "mine", other)["existed"]
