"""Files that arrive in an inbox: each is taken exactly once, whatever happens to it."""

import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.pipeline.ingest import Inbox, collect_arrivals, ingest
from seqclass.screening.contract import Policy
from seqclass.screening.incoming import ArrivalSpec
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import Provenance, dataset_versions, open_dataset, write_rows
from seqclass.store.inbox import DONE, look_at, missing_end, put_away
from seqclass.store.locks import try_lock
from seqclass.store.manifests import ImportSummary
from seqclass.store.root import Root, open_root
from seqclass.store.rows import from_dense
from seqclass.tasks.events import announce_arrival
from tests.support.arrivals import Told, drop, later, rows, sweep
from tests.support.commands import Command, in_python
from tests.support.events import events_of
from tests.support.places import REPOSITORY
from tests.support.rights import ordinary_rights
from tests.support.service import last_run
from tests.support.stored import store_champion, store_series
from tests.support.waiting import until


def test_a_long_name_of_another_script_can_be_put_away(inbox: Root) -> None:
    path = drop(inbox, "ಕ" * 80 + ".parquet", rows(0))
    arrival = look_at(inbox, path.name)
    assert arrival is not None
    assert put_away(inbox, arrival, "0" * 64, DONE, reason="why")
    assert not path.exists()
    [moved] = Path(inbox.path, DONE).glob("*.parquet")
    assert moved.name.startswith("0" * 12)


def became(outcome: dict) -> dict[str, str]:
    return {file["file"]: file["became"] for file in outcome["files"]}


def folder(inbox: Root, name: str) -> list[str]:
    return [file[13:] for file in inbox.names(name) if not file.endswith(".reason.txt")]


def ids(root: Root) -> list[str]:
    return open_dataset(root, "toy").labels()["series_id"].to_pylist()


def test_ten_files_at_once_make_one_version_and_one_announcement(root: Root, inbox: Root) -> None:
    before, told = open_dataset(root, "toy"), Told()
    for i in range(10):
        drop(inbox, f"f{i}.parquet", rows(10 * i))
    outcome = sweep(root, inbox, told=told)
    after = open_dataset(root, "toy")
    assert set(became(outcome).values()) == {"added"}
    assert (outcome["added"], outcome["dataset"]) == (40, after.ref)
    assert after.manifest["parents"] == [before.ref]
    assert len(after.manifest["source"]["import"]) == 10
    assert told == [(after.ref, 40)]
    assert len(ids(root)) == len(set(ids(root))) == 100
    assert len(folder(inbox, "done")) == 10
    assert len(dataset_versions(root, "toy")) == 2
    assert verify_tree(root)["bad"] == []


def test_the_same_content_or_rows_are_taken_once(root: Root, inbox: Root) -> None:
    for name in ("a", "b"):
        drop(inbox, f"{name}.parquet", rows(0))
    assert became(sweep(root, inbox)) == {"a.parquet": "added", "b.parquet": "repeated"}
    drop(inbox, "c.parquet", rows(0))
    pq.write_table(rows(0), Path(inbox.path, "d.parquet"), compression="gzip")
    assert became(sweep(root, inbox)) == {"c.parquet": "repeated", "d.parquet": "repeated"}
    assert len(ids(root)) == 64
    assert len(dataset_versions(root, "toy")) == 2
    assert sorted(folder(inbox, "done")) == [f"{name}.parquet" for name in "abcd"]


def test_a_version_begun_anew_takes_a_file_of_an_older_line_again(root: Root, inbox: Root) -> None:
    path = drop(inbox, "a.parquet", rows(0))
    kept = shutil.copy(path, inbox.path + "-kept")
    sweep(root, inbox)
    store_series(root, n=50)
    shutil.copy(kept, path)
    assert became(sweep(root, inbox)) == {"a.parquet": "added"}
    assert len(ids(root)) == 54


def test_a_file_is_taken_where_two_versions_continue_each_other(root: Root, inbox: Root) -> None:
    """The rows of a version that was deleted come again as a correction of its own correction."""
    first = open_dataset(root, "toy")
    table = pa.concat_tables(first.tables())
    labels = pa.array(["up", *table["label"].to_pylist()[1:]], pa.string())
    flipped = table.set_column(table.column_names.index("label"), "label", labels)

    def remarks(parent: str) -> Provenance:
        return Provenance({}, remarks=lambda: ImportSummary(parents=[parent]))

    other = write_rows(root, "toy", [flipped], remarks(first.ref))
    shutil.rmtree(first.folder)
    again = write_rows(root, "toy", [table], remarks(other.ref))
    assert again.ref == first.ref != other.ref
    drop(inbox, "a.parquet", rows(0))
    assert became(sweep(root, inbox)) == {"a.parquet": "added"}
    assert len(ids(root)) == 64


BREACHES = {
    "column": (
        rows(0).rename_columns(["series_id", "label", "n_steps", "other"]), "new_column 'other'",
    ),
    "class": (rows(0, label=["down", "sideways"] * 2), "new_class"),
    "values": (rows(0, value=from_dense(np.full((4, 12), 900, np.float32))), "frozen"),
    "id": (rows(0, series_id=["s000", "s001", "t8", "t9"]), "duplicate_id"),
}  # fmt: skip


def test_files_that_break_the_contract_go_aside_alone_and_do_not_count_as_seen(
    root: Root, inbox: Root
) -> None:
    for name, (table, _) in BREACHES.items():
        drop(inbox, f"{name}.parquet", table)
    drop(inbox, "whole.parquet", rows(0))
    outcome = sweep(root, inbox)
    bad = {f"{name}.parquet": "quarantined" for name in BREACHES}
    assert became(outcome) == {**bad, "whole.parquet": "added"}
    assert len(ids(root)) == 64
    assert sorted(folder(inbox, "quarantine")) == sorted(bad)
    for name, (_, reason) in BREACHES.items():
        [why] = Path(inbox.path, "quarantine").glob(f"*-{name}.parquet.reason.txt")
        assert reason in why.read_text()
        assert why.read_text().startswith(f"{name}.parquet: expected ")


def test_a_file_need_not_know_where_events_are(root: Root, inbox: Root) -> None:
    steps = {"event_start": [2] * 4, "event_stop": [5] * 4}
    write_rows(root, "toy", [rows(100, **steps)], Provenance({}))
    values = [(r["series_id"], r["label"], *v) for r in rows(0).to_pylist()
              for v in enumerate(r["value"])]  # fmt: skip
    lines = [",".join(map(str, cells)) for cells in values]
    Path(inbox.path, "a.csv").write_text("\n".join(["series_id,label,step,value", *lines, ""]))
    drop(inbox, "b.parquet", rows(10, **steps))
    assert set(became(sweep(root, inbox)).values()) == {"added"}
    stored = pa.concat_tables(open_dataset(root, "toy").tables())
    for name, places in steps.items():
        assert stored[name].to_pylist() == [*places, *[None] * 4, *places]


def test_a_policy_sets_rows_aside_and_the_version_says_what_of_all_its_files(
    root: Root, inbox: Root
) -> None:
    for first in (0, 10):
        drop(inbox, f"f{first}.parquet", rows(first, label=["down", "sideways"] * 2))
    drop(inbox, "good.parquet", rows(20))
    outcome = sweep(root, inbox, policy=Policy(new_class="quarantine"))
    assert (outcome["added"], outcome["files"][0]["quarantined"]) == (8, {"new_class": 2})
    manifest = open_dataset(root, "toy").manifest
    assert (manifest["rejected"], manifest["quarantined"]) == (4, {"new_class": 4})
    assert Path(str(manifest["quarantine"])).exists()
    assert len(root.names("datasets", "toy", "quarantine")) == 2
    assert verify_tree(root)["bad"] == []


@pytest.mark.parametrize("others", [0, 1])
def test_a_file_of_which_no_row_stays_goes_aside_with_its_rows(
    root: Root, inbox: Root, others: int
) -> None:
    drop(inbox, "bad.parquet", rows(0, label=["sideways"] * 4))
    drop(inbox, "empty.parquet", rows(0, n=0))
    for i in range(others):
        drop(inbox, f"good{i}.parquet", rows(10))
    every = Policy(new_class="quarantine", most_quarantined=1.0)
    outcome = sweep(root, inbox, policy=every)
    bad, empty = outcome["files"][:2]
    assert [bad["became"], empty["became"], outcome["added"]] == ["quarantined"] * 2 + [4 * others]
    assert (bad["rejected"], bad["quarantined"]) == (4, {"new_class": 4})
    assert "got 4 rejected: new_class in 4 series" in bad["reason"]
    assert pq.read_table(bad["quarantine"]).num_rows == 4
    assert "expected at least one series" in empty["reason"]
    assert folder(inbox, "quarantine") == ["bad.parquet", "empty.parquet"]


def test_a_file_waits_until_it_is_whole_and_lies_still(root: Root, inbox: Root) -> None:
    path = drop(inbox, "a.parquet", rows(0))
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    outcome = sweep(root, inbox)
    assert became(outcome) == {"a.parquet": "waiting"}
    assert "footer" in outcome["files"][0]["reason"]
    path.write_bytes(whole)
    drop(inbox, "never.parquet", rows(9)).write_bytes(whole[:-20])
    assert set(became(sweep(root, inbox, datetime.now(UTC), quiet_s=30)).values()) == {"waiting"}
    last = sweep(root, inbox, quiet_s=30, patience_s=40)
    assert became(last) == {"a.parquet": "added", "never.parquet": "quarantined"}


def test_a_sweep_waits_for_a_file_that_was_just_written(root: Root, inbox: Root) -> None:
    drop(inbox, "fresh.parquet", rows(0))
    outcome = collect_arrivals(Inbox(root, "toy", inbox), ArrivalSpec(), lambda *_: None)
    assert became(outcome) == {"fresh.parquet": "added"}
    drop(inbox, "later.parquet", rows(50))
    slow = ArrivalSpec(quiet_s=300)
    outcome = collect_arrivals(Inbox(root, "toy", inbox), slow, lambda *_: None)
    assert became(outcome) == {"later.parquet": "waiting"}


def test_the_end_of_a_file_tells_whether_it_is_whole(root: Root) -> None:
    os.makedirs(root.path)
    with zipfile.ZipFile(root.join("whole.npz"), "w") as file:
        file.writestr("x.npy", b"1")
    contents = {
        "cut.csv": (b"series_id,label,step,x\na,b,0,1", "line break"),
        "whole.csv": (b"series_id,label,step,x\na,b,0,1\n", None),
        "empty.csv": (b"", "content"),
        "whole.parquet": (b"PAR1", None),
        "cut.parquet": (b"PAR1\x00\x00", "footer"),
        "cut.npz": (b"PK\x03\x04 and so on", "directory"),
        "whole.npz": (Path(root.join("whole.npz")).read_bytes(), None),
    }
    for name, (content, missing) in contents.items():
        Path(root.path, name).write_bytes(content)
        end = missing_end(root, name)
        assert (end is None) if missing is None else (missing in str(end)), name


def test_hidden_and_unfinished_names_and_folders_are_left_and_other_kinds_go_aside(
    root: Root, inbox: Root
) -> None:
    for name in (".hidden.parquet", "a.parquet.part", "b.tmp"):
        drop(inbox, name, rows(0))
    os.makedirs(inbox.join("c.parquet"))
    Path(inbox.path, "notes.txt").write_text("hello\n")
    outcome = sweep(root, inbox)
    assert became(outcome) == {"notes.txt": "quarantined"}
    assert outcome["files"][0]["reason"].startswith("notes.txt: expected a file ending in")


@pytest.fixture
def meddle(inbox: Root, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Somebody does something at the n-th look at a file."""

    def plan(name: str, look: int, deed: Callable[[str], None]) -> None:
        watched, looks, honest = inbox.join(name), count(1), os.lstat

        def lstat(path: str, **kwargs: Any) -> os.stat_result:
            if path == watched and next(looks) == look:
                deed(path)
            return honest(path, **kwargs)

        monkeypatch.setattr(os, "lstat", lstat)

    return plan


def overwrite(path: str) -> None:
    pq.write_table(rows(500), path)


AFTER_READING, BEFORE_MOVING = 2, 3


@pytest.mark.parametrize(("deed", "outcome"), [(os.remove, "gone"), (overwrite, "waiting")])
def test_a_file_removed_or_changed_while_it_is_read_is_not_taken(
    root: Root, inbox: Root, meddle: Callable[..., None], deed: Callable[[str], None], outcome: str
) -> None:
    for name, first in (("a", 0), ("b", 10)):
        drop(inbox, f"{name}.parquet", rows(first))
    meddle("a.parquet", AFTER_READING, deed)
    assert became(sweep(root, inbox)) == {"a.parquet": outcome, "b.parquet": "added"}
    assert len(ids(root)) == 64
    if outcome == "waiting":
        assert became(sweep(root, inbox)) == {"a.parquet": "added"}
        assert "t0500" in ids(root)


@pytest.mark.parametrize("deed", [os.remove, overwrite])
def test_a_file_lost_after_its_rows_were_committed_is_reported(
    root: Root, inbox: Root, meddle: Callable[..., None], deed: Callable[[str], None]
) -> None:
    drop(inbox, "a.parquet", rows(0))
    meddle("a.parquet", BEFORE_MOVING, deed)
    outcome = sweep(root, inbox)
    assert became(outcome) == {"a.parquet": "added"}
    assert "not moved" in outcome["files"][0]["reason"]
    sweep(root, inbox)
    assert len(ids(root)) == (64 if deed is os.remove else 68)


def test_files_that_another_account_keeps_are_told_of_and_left(root: Root, inbox: Root) -> None:
    drop(inbox, "a.parquet", rows(0))
    drop(inbox, "b.parquet", rows(9, label=["down", "sideways"] * 2))
    drop(inbox, "c.parquet", rows(20)).chmod(0)
    Path(inbox.path).chmod(0o555)
    with ordinary_rights():
        outcome = sweep(root, inbox)
    Path(inbox.path).chmod(0o755)
    assert became(outcome) == {"a.parquet": "added", "b.parquet": "waiting", "c.parquet": "waiting"}
    ends = ["(not moved: Permission denied)"] * 2 + ["unreadable (Permission denied)"]
    assert all(f["reason"].endswith(end) for f, end in zip(outcome["files"], ends, strict=True))
    assert "new_class" in outcome["files"][1]["reason"]
    assert len(ids(root)) == 64


def test_a_file_for_a_dataset_that_is_not_there_waits_an_hour_and_is_then_refused(
    root: Root,
) -> None:
    """It may come before its dataset; a folder with a misspelt name is noticed."""
    inbox = open_root(root.join("inbox", "tyo"))
    os.utime(drop(inbox, "a.parquet", rows(0)), (0, 0))
    box = Inbox(root, "tyo", inbox)
    early = collect_arrivals(box, ArrivalSpec(), lambda *_: None, later())
    assert became(early) == {"a.parquet": "waiting"}
    assert root.names("datasets") == []
    hour = later() + timedelta(hours=1)
    [file] = collect_arrivals(box, ArrivalSpec(), lambda *_: None, hour)["files"]
    assert file["became"] == "quarantined"
    assert file["reason"].startswith("a.parquet: expected a dataset 'tyo'")
    assert folder(inbox, "quarantine") == ["a.parquet"]
    assert collect_arrivals(box, ArrivalSpec(), lambda *_: None, hour)["files"] == []


KILLED = """
import os, signal, sys
from datetime import datetime, UTC, timedelta
from seqclass.store.root import open_root
from seqclass.screening.incoming import ArrivalSpec
from seqclass.pipeline.ingest import Inbox, collect_arrivals
root, moment = open_root(sys.argv[1]), int(sys.argv[2])
inbox, calls = open_root(root.join("inbox", "toy")), 0
def count(frame, event, argument):
    global calls
    calls += 1
    if calls == moment:
        os.kill(os.getpid(), signal.SIGKILL)
def told(ref, added):
    with open(root.join("told"), "a") as file:
        file.write(ref + chr(10))
sys.setprofile(count)
collect_arrivals(
    Inbox(root, "toy", inbox), ArrivalSpec(), told, datetime.now(UTC) + timedelta(minutes=1)
)
sys.setprofile(None)
print(calls)
"""


def killed_sweep(root: Root, moment: int) -> subprocess.CompletedProcess:
    return in_python(KILLED, root.path, moment)


def test_of_three_sweeps_at_once_each_file_is_taken_by_one(root: Root, inbox: Root) -> None:
    for i in range(5):
        drop(inbox, f"f{i}.parquet", rows(10 * i))
    words = [sys.executable, "-c", KILLED, root.path, "0"]
    sweeps = [subprocess.Popen(words, cwd=REPOSITORY, stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [sweep.wait(timeout=120) for sweep in sweeps] == [0, 0, 0]
    assert len(ids(root)) == len(set(ids(root))) == 80
    assert len(dataset_versions(root, "toy")) == 2
    assert len(folder(inbox, "done")) == 5
    assert inbox.names() == ["done"]


def test_a_killed_sweep_is_made_good_by_the_next(root: Root, inbox: Root) -> None:
    """Killed after these shares of all Python calls that a sweep of three files makes."""
    for i in range(3):
        drop(inbox, f"f{i}.parquet", rows(10 * i))
    shutil.copytree(root.path, root.path + "-before")
    whole = killed_sweep(root, 0)
    expected, n_calls = ids(root), int(whole.stdout)
    for share in (0.5, 0.9, 0.97):
        shutil.rmtree(root.path)
        shutil.copytree(root.path + "-before", root.path)
        assert killed_sweep(root, int(share * n_calls)).returncode == -9
        assert verify_tree(root)["bad"] == []
        assert ids(root) in (expected[:60], expected)
        made_good, announced = Told(), Path(root.path, "told")
        sweep(root, inbox, told=made_good)
        assert ids(root) == expected
        assert len(folder(inbox, "done")) == 3
        before = announced.read_text().splitlines() if announced.exists() else []
        assert [*before, *(ref for ref, _ in made_good)][-1] == open_dataset(root, "toy").ref


def test_the_command_says_what_became_of_each_file(
    root: Root, inbox: Root, seqclass: Command
) -> None:
    code, out, err = seqclass("ingest", "toy")
    assert (code, out.splitlines()) == (0, ["nothing new", f"{inbox.path}: 0 series added"]), err
    for name, table in (("a", rows(0)), ("b", BREACHES["class"][0])):
        os.utime(drop(inbox, f"{name}.parquet", table), (0, 0))
    drop(inbox, "monday/c.parquet", rows(20))
    code, out, err = seqclass("ingest", "toy")
    [refused] = [line for line in out.splitlines() if "b.parquet" in line]
    assert (code, "quarantined" in refused, "expected" in refused) == (1, True, True)
    assert f"{inbox.path}: 4 series added" in out
    [line] = [line for line in out.splitlines() if "subfolders" in line]
    assert line.endswith(": monday")
    assert Path(inbox.path, "monday", "c.parquet").exists()


def test_inboxes_are_swept_beside_each_other_and_one_that_fails_stops_no_other(
    root: Root, inbox: Root
) -> None:
    """Each waits for the other before its files are put away."""
    store_series(root, "other")
    for name in ("toy", "other"):
        drop(open_root(root.join("inbox", name)), "a.parquet", rows(0))
        os.utime(root.join("inbox", name, "a.parquet"), (0, 0))
    both, announced = threading.Barrier(2), list[str]()

    def announce(ref: str, added: int) -> None:
        both.wait(120)
        announced.append(ref)

    Path(root.join("inbox", "bad")).symlink_to(root.join("datasets", "toy"))
    with pytest.raises(ValueError, match="inbox: expected a place that the store"):
        ingest(root, announce=announce)
    assert sorted(announced) == sorted(open_dataset(root, name).ref for name in ("toy", "other"))
    assert all(len(folder(open_root(root.join("inbox", name)), "done")) == 1
               for name in ("toy", "other"))  # fmt: skip


def test_a_file_waits_where_another_process_adds_to_its_dataset(root: Root, inbox: Root) -> None:
    drop(inbox, "a.parquet", rows(0))
    with try_lock(root, "arrivals", "datasets", "toy"):
        [file] = sweep(root, inbox)["files"]
    assert (file["became"], file["reason"]) == ("waiting", "another process adds to 'toy' now")
    assert inbox.names() == ["a.parquet"]


def arrivals_told(root: Root, n: int, what: str = "arrived") -> Callable[[], list[dict]]:
    """A search for events of rows that came to this root, which finds them once there are n."""

    def find() -> list[dict]:
        events = events_of(f"seqclass.data.{what}")
        of_root = [event for event in events if event["payload"]["root"] == root.url]
        return of_root if len(of_root) == n else []

    return find


def test_a_sweep_ends_in_a_named_state_and_tells_the_server(
    prefect: str, root: Root, inbox: Root
) -> None:
    from seqclass.flows.arrivals import ingest_arrivals

    state = ingest_arrivals(root=root.path, return_state=True)
    assert (state.name, state.type.value) == ("NothingNew", "COMPLETED")
    stray = drop(open_root(root.join("inbox")), "stray.parquet", rows(0))
    state = ingest_arrivals(root=root.path, return_state=True)
    assert "no file has arrived; inbox: expected" in state.message
    assert "got stray.parquet" in state.message
    stray.unlink()
    os.utime(drop(inbox, "a.parquet", rows(0)), (0, 0))
    state = ingest_arrivals(root=root.path, return_state=True)
    assert (state.name, state.message) == ("TakenIn", "4 series to toy")
    assert "dataset:toy" in last_run("ingest").tags
    ref = open_dataset(root, "toy").ref
    [event] = until(arrivals_told(root, 1))
    assert event["resource"]["prefect.resource.id"] == "seqclass.dataset.toy"
    assert event["payload"] == {"dataset": ref, "added": 4, "root": root.url}
    os.utime(drop(inbox, "again.parquet", rows(0)), (0, 0))
    state = ingest_arrivals(root=root.path, return_state=True)
    assert (state.name, state.message) == ("NothingNew", "no series is new")
    os.utime(drop(inbox, "b.parquet", BREACHES["column"][0]), (0, 0))
    state = ingest_arrivals(root=root.path, return_state=True)
    assert (state.name, state.type.value) == ("Quarantined", "COMPLETED")
    assert state.message == "1 files went to quarantine: b.parquet"
    [event] = until(arrivals_told(root, 1, "refused"))
    assert event["resource"]["prefect.resource.id"] == "seqclass.dataset.toy"
    assert event["payload"]["file"] == "b.parquet"
    assert event["payload"]["reason"].startswith("b.parquet: expected")


def test_an_import_announces_what_it_appends_once_for_each_model_of_the_dataset(
    prefect: str, root: Root, inbox: Root, seqclass: Command
) -> None:
    for model, dataset in (("line", "toy"), ("other", "elsewhere"), ("second", "toy")):
        store_champion(root, model, dataset=f"datasets/{dataset}@0")
    path = drop(inbox, "a.parquet", rows(0))
    for _ in range(2):
        code, _, err = seqclass("import", path, "--name", "toy", "--append")
        assert code == 0, err
    announce_arrival(root, "datasets/last@0", 1)
    *events, last = until(arrivals_told(root, 3))
    assert last["payload"]["dataset"] == "datasets/last@0"
    assert {event["payload"]["dataset"] for event in events} == {open_dataset(root, "toy").ref}
    assert {event["payload"]["model"] for event in events} == {"line", "second"}
    related = {event["related"][0]["prefect.resource.id"] for event in events}
    assert related == {"seqclass.model.line", "seqclass.model.second"}
