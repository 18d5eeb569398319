"""The store owns its folders: nothing that others name is written there, or moved out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from seqclass.store.catalogue import verify_tree
from seqclass.store.layout import check_free, check_inbox
from seqclass.store.root import DamagedError, Root, open_root
from tests.support.arrivals import drop, rows, sweep
from tests.support.commands import Command
from tests.support.small_roots import store_all
from tests.support.stored import store_champion, store_series

OWN = ("", "models", "models/m/v1", "models/m/v9/predictions.parquet", "datasets/toy", "index.html",
       "scores/m", "retrainings", ".staging/x", ".service", "metrics.prom", "Models/m/v1",
       "elsewhere/../models/m", "./models/./m//v1", "link/v1", "prunings/new.csv")  # fmt: skip


@pytest.fixture
def linked(root: Root) -> Root:
    """Every record, with ``link`` to a model's folder and ``outside`` to one beside the root."""
    store_all(root)
    Path(root.path, "link").symlink_to(root.join("models", "m"))
    outside = Path(root.path).with_name("outside")
    outside.mkdir()
    Path(root.path, "outside").symlink_to(outside)
    return root


@pytest.mark.parametrize("check", [check_free, check_inbox])
@pytest.mark.parametrize("form", ["{}", "file://{}", "simplecache::file://{}"])
def test_what_the_store_owns_is_no_place_for_others(
    linked: Root, check: Callable, form: str
) -> None:
    for place in OWN:
        with pytest.raises(ValueError, match="expected a place that the store"):
            check(linked, "--out", form.format(linked.join(place)))


def test_a_folder_of_one_s_own_is_free(linked: Root) -> None:
    for place in ("answers.parquet", "mine/x", "outside/x", "../x", "models.csv", "link-2/v1"):
        check_free(linked, "--out", linked.join(place))
        check_inbox(linked, "--inbox", linked.join(place))


def test_an_inbox_is_a_folder_of_inbox_and_nothing_above_or_below(linked: Root) -> None:
    check_inbox(linked, "--inbox", linked.join("inbox", "toy"))
    for place in ("inbox", "inbox/toy/done", "inbox/toy/deeper"):
        with pytest.raises(ValueError, match="expected a place that the store"):
            check_inbox(linked, "--inbox", linked.join(place))
    with pytest.raises(ValueError, match="expected a place that the store"):
        check_free(linked, "--out", linked.join("inbox", "toy", "x.csv"))


def test_a_folder_that_is_kept_on_another_disk_is_the_store_s_still(linked: Root) -> None:
    models, disk = Path(linked.join("models")), Path(linked.path).with_name("disk")
    models.rename(disk)
    models.symlink_to(disk)
    with pytest.raises(ValueError, match="expected a place that the store"):
        check_free(linked, "--out", str(disk / "m" / "v1" / "x.csv"))


def test_a_bucket_s_folders_are_its_store_s(bucket: Root) -> None:
    for check in (check_free, check_inbox):
        with pytest.raises(ValueError, match="expected a place that the store"):
            check(bucket, "inbox", f"{bucket.url}/models/m/v1")
    check_inbox(bucket, "inbox", f"{bucket.url}/inbox/toy")
    check_inbox(bucket, "inbox", f"{bucket.url}/mine")
    check_free(bucket, "out", "/elsewhere/answers.csv")


def files(root: Root) -> dict[Path, bytes]:
    paths = (p for p in Path(root.path).rglob("*") if p.is_file() and not p.is_symlink())
    return {path: path.read_bytes() for path in paths}


@pytest.mark.parametrize("link", ["", "done", "quarantine"])
def test_an_inbox_that_leads_to_a_version_takes_nothing_out_of_it(linked: Root, link: str) -> None:
    box = Path(linked.join("inbox", "toy"))
    if link:
        drop(open_root(str(box)), "a.parquet", rows(0))
        (box / link).symlink_to(linked.join("models", "m", "v1"))
    else:
        box.parent.mkdir()
        box.symlink_to(linked.join("models", "m", "v1"))
    before = files(linked)
    with pytest.raises(ValueError, match="inbox: expected a place that the store"):
        sweep(linked, open_root(str(box)))
    assert files(linked) == before
    assert verify_tree(linked)["bad"] == []


def test_no_command_writes_or_moves_what_the_store_owns(linked: Root, seqclass: Command) -> None:
    store_series(linked, "tunes")
    version = linked.join("models", "m", "v1")
    before = files(linked)
    for words in (
        ["ingest", "toy", "--inbox", version],
        ["score", "m@v1", "toy", "--out", f"{version}/predictions.parquet"],
        ["score", "m@v1", "toy", "--out", linked.join("link", "v1", "predictions.csv")],
        ["listen", "tunes", "--each-class", "--out", version],
    ):
        code, _, err = seqclass(*words)
        assert (code, err.count("\n")) == (2, 1), err
        assert "expected a place that the store" in err
    assert files(linked) == before


def test_no_run_writes_or_moves_what_the_store_owns(
    linked: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqclass.flows.arrivals import ingest_arrivals
    from seqclass.flows.scoring import score_dataset
    from seqclass.inference.score_data import ScoringSpec

    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "a run")
    monkeypatch.setenv("SEQCLASS_STORAGE", linked.path)
    before = files(linked)
    with pytest.raises(ValueError, match="inbox: expected a place that the store"):
        ingest_arrivals.fn("toy", linked.join("models", "m", "v1"))
    with pytest.raises(ValueError, match="out: expected a place that the store"):
        score_dataset.fn("m", "toy", ScoringSpec(linked.join("models/m/v1/predictions.parquet")))
    assert files(linked) == before


def test_rows_of_a_lost_version_are_neither_pruned_nor_written_over(
    root: Root, seqclass: Command
) -> None:
    first = store_series(root, n=20)
    store_champion(root, "m", dataset=first.ref)
    store_series(root, n=24)
    Path(root.join("models", "m", "v1", "manifest.json")).unlink()
    assert seqclass("prune", "--days", "0", "--yes")[0] == 0
    code, _, err = seqclass("delete", first.ref, "--yes")
    assert (code, "models/m@v1 can't be read, and may need it" in err) == (2, True)
    Path(first.folder, "manifest.json").unlink()
    before = files(root)
    with pytest.raises(DamagedError, match=r"manifest\.json in a folder that was sealed"):
        store_series(root, n=20)
    assert files(root) == before
