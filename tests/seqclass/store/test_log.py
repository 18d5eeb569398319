"""The log of a model: numbered entries, each with the digest of the one before; none is lost."""

import hashlib
import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from seqclass.store.catalogue import verify_tree
from seqclass.store.log import (
    OvertakenError,
    entry_files,
    entry_name,
    in_turn,
    log_problems,
    next_turn,
    read_log,
)
from seqclass.store.registry import MoveReason, champion_of, move_champion, write_refusal
from seqclass.store.root import DamagedError, Damages, Root, manifest_digest, open_root
from tests.support.commands import Command
from tests.support.places import NOW
from tests.support.stored import make_champion, store_champion

WRITTEN = ["register", "promote", "register", "promote", "register", "promote", "rollback",
           "refuse"]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A root with three registrations, four moves and a refusal at the end."""
    root = open_root(tmp_path_factory.mktemp("made") / "tree")
    for number in range(3):
        store_champion(root, "m", number)
    back = MoveReason("me", "back", {}, NOW.replace(second=3))
    move_champion(next_turn(root, "m"), "v2", back, what="rollback")
    write_refusal(next_turn(root, "m"), "v1", MoveReason("me", "worse", {}, NOW.replace(second=4)))
    return root


@pytest.fixture
def moved(made: Root, root: Root) -> Root:
    shutil.copytree(made.path, root.path)
    return root


def entries(root: Root) -> list[Path]:
    return sorted(Path(root.join("log", "models", "m")).glob("0*.json"))


def change(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def forge(path: Path, **fields: object) -> None:
    """What a careful forger would do: change an entry, and its digest of itself."""
    record = {**json.loads(path.read_text()), **fields}
    del record["sha256"]
    path.write_text(json.dumps({**record, "sha256": manifest_digest(record)}))


def bad(root: Root) -> dict[str, str]:
    problems: dict[str, str] = {}
    for item in verify_tree(root)["bad"]:
        name = Path(item["path"]).name
        problems[name] = f"{problems.get(name, '')}; {item['problem']}"
    return problems


def test_an_untouched_log_is_whole(moved: Root) -> None:
    assert bad(moved) == {}
    written = read_log(moved, "m")
    assert [entry["number"] for entry in written] == list(range(1, 9))
    assert [entry["what"] for entry in written] == WRITTEN
    for before, entry in pairwise(entries(moved)):
        digest = hashlib.sha256(before.read_bytes()).hexdigest()
        assert json.loads(entry.read_text())["previous"] == digest


def test_entries_keep_their_order_beyond_the_digits_of_their_names(root: Root) -> None:
    folder = Path(root.join("log", "models", "m"))
    folder.mkdir(parents=True)
    names = [entry_name(number) for number in (1, 999_999, 1_000_000)]
    for name in names:
        (folder / name).touch()
    assert entry_files(root, "m") == names == ["000001.json", "999999.json", "1000000.json"]


def swap(root: Root) -> None:
    second, third = entries(root)[1:3]
    first, other = second.read_bytes(), third.read_bytes()
    second.write_bytes(other)
    third.write_bytes(first)


def copy_to(root: Root, name: str) -> None:
    entries(root)[2].with_name(name).write_bytes(entries(root)[2].read_bytes())


TAMPERED: dict[str, tuple[Callable[[Root], object], str]] = {
    "first deleted": (lambda r: entries(r)[0].unlink(), "expected entry 1, not to be found"),
    "two deleted": (lambda r: [e.unlink() for e in entries(r)[2:4]], "entries 3 to 4, not to be"),
    "all deleted": (lambda r: [e.unlink() for e in entries(r)], "registers this version, there is"),
    "last edited": (lambda r: change(entries(r)[-1], reason="other"), "was altered"),
    "reason forged": (lambda r: forge(entries(r)[1], reason="other"), "was edited"),
    "move forged": (lambda r: forge(entries(r)[-2], **{"from": "v1"}), "was edited"),
    "no time": (lambda r: forge(entries(r)[1], time="noon"), "time, got 'noon'"),
    "swapped": (swap, "edited or renamed"),
    "put in between": (lambda r: copy_to(r, "x.json"), "nothing refers to it"),
    "put at the end": (lambda r: copy_to(r, "000009.json"), "edited or renamed"),
    "no entry": (lambda r: entries(r)[1].write_text('{"what": "x"}'), "expected from, got nothing"),
}


@pytest.mark.parametrize("deed", TAMPERED)
def test_whatever_is_done_to_the_log_is_named(moved: Root, seqclass: Command, deed: str) -> None:
    spoil, problem = TAMPERED[deed]
    spoil(moved)
    code, out, _ = seqclass("verify")
    assert code == 1
    assert problem in out


@pytest.mark.parametrize("number", [1, 2, 7])
def test_an_edited_entry_is_named_itself_though_others_follow(moved: Root, number: int) -> None:
    path = entries(moved)[number - 1]
    change(path, reason="another")
    for turn in range(2):
        assert [item["path"] for item in log_problems(moved, "m")] == [str(path)], turn
        write_refusal(next_turn(moved, "m"), "v1", MoveReason("me", "again", {}))


def test_a_file_that_nothing_names_is_named(moved: Root) -> None:
    for place in ("v1/extra.bin", "v1/folder/x", "notes.txt", "w1/model.keras"):
        path = Path(moved.join("models", "m", place))
        path.parent.mkdir(exist_ok=True)
        path.write_text("more")
    assert bad(moved).keys() == {"extra.bin", "folder", "notes.txt", "w1"}


def test_another_manifest_than_the_registered_one_is_named(moved: Root) -> None:
    path = Path(moved.join("models", "m", "v1", "manifest.json"))
    record = {**json.loads(path.read_text()), "created": NOW.replace(second=59).isoformat()}
    del record["manifest_sha256"]
    path.write_text(json.dumps({**record, "manifest_sha256": manifest_digest(record)}))
    assert "that was registered" in bad(moved)["manifest.json"]


def test_a_damaged_entry_is_told_of_and_left_out(moved: Root) -> None:
    entries(moved)[1].write_text("[]")
    damages = Damages()
    assert [entry["number"] for entry in read_log(moved, "m", damages)] == [1, 3, 4, 5, 6, 7, 8]
    assert [Path(item["path"]).name for item in damages] == [entry_name(2)]


def test_a_champion_is_not_guessed_where_the_newest_entries_can_t_be_read(moved: Root) -> None:
    entries(moved)[-1].write_text("{")
    with pytest.raises(DamagedError, match=r"000008\.json: expected a JSON object"):
        champion_of(moved, "m")
    entries(moved)[-1].unlink()
    assert champion_of(moved, "m") == "v2"


def test_an_entry_that_is_there_is_not_replaced(moved: Root) -> None:
    turn = next_turn(moved, "m")
    make_champion(moved, "m", "v1", 9)
    before = entries(moved)[-1].read_bytes()
    with pytest.raises(OvertakenError, match=r"000009\.json: expected to write the next entry"):
        move_champion(turn, "v3", MoveReason("me", "late", {}))
    assert entries(moved)[-1].read_bytes() == before
    assert champion_of(moved, "m") == "v1"


def test_who_comes_second_decides_again_from_what_the_first_has_decided(moved: Root) -> None:
    seen = []

    def decide(turn) -> str:
        seen.append(champion_of(moved, "m"))
        if len(seen) == 1:
            make_champion(moved, "m", "v1", 9)
        move_champion(turn, "v3", MoveReason("me", f"instead of {seen[-1]}", {}))
        return "done"

    assert in_turn(moved, "m", decide) == "done"
    assert seen == ["v2", "v1"]
    assert [(e["from"], e["to"]) for e in read_log(moved, "m")[-2:]] == [("v2", "v1"), ("v1", "v3")]
    assert bad(moved) == {}
