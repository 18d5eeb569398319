"""The audit shows what was done to it: entries are numbered, and each holds a digest."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from seqclass.pipeline.promote import promote_version
from seqclass.store.audit import read_audit
from seqclass.store.catalogue import verify_tree
from seqclass.store.registry import (
    MoveReason,
    champion_of,
    finish_move,
    move_champion,
    write_refusal,
)
from seqclass.store.root import Root
from tests.support.commands import Command
from tests.support.places import NOW, REPOSITORY
from tests.support.stored import make_champion, store_champion


@pytest.fixture
def moved(root: Root) -> Root:
    """A root with four moves and a refusal at the end."""
    for number in range(3):
        store_champion(root, "m", number)
    move_champion(
        root, "m", "v2", MoveReason("me", "back", {}, NOW.replace(second=3)), what="rollback"
    )
    write_refusal(root, "m", "v1", MoveReason("me", "worse", {}, NOW.replace(second=4)))
    return root


def entries(root: Root) -> list[Path]:
    return sorted(Path(root.join("models", "m", "audit")).glob("[02]*.json"))


def change(path: Path, **fields: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def bad(root: Root) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in verify_tree(root)["bad"]:
        name = Path(item["path"]).name
        found[name] = f"{found[name]}; {item['problem']}" if name in found else item["problem"]
    return found


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_untouched_audit_is_whole(moved: Root) -> None:
    assert bad(moved) == {}
    found = read_audit(moved, "m")
    assert [entry["number"] for entry in found] == [1, 2, 3, 4, 5]
    for before, entry in pairwise(entries(moved)):
        assert json.loads(entry.read_text())["previous"] == digest(before)


def swap(root: Root) -> None:
    second, third = entries(root)[1:3]
    first, other = second.read_bytes(), third.read_bytes()
    second.write_bytes(other)
    third.write_bytes(first)


def forge(root: Root) -> None:
    """A promotion in the middle, with a name and a time of its own."""
    path = entries(root)[2]
    record = {**json.loads(path.read_text()), "time": NOW.replace(microsecond=5).isoformat()}
    stamp = NOW.replace(microsecond=5).strftime("%Y%m%dT%H%M%S.%fZ")
    path.with_name(f"{stamp}-promote.json").write_text(json.dumps(record))


def renumber(root: Root) -> None:
    second, third = entries(root)[1:3]
    change(second, number=3)
    change(third, number=2)


NOTE = '{"what": "x", "time": "", "from": null, "to": null}'
TAMPERED: dict[str, tuple[Callable[[Root], object], str]] = {
    "first deleted": (lambda r: entries(r)[0].unlink(), "not to be found"),
    "middle deleted": (lambda r: entries(r)[2].unlink(), "not to be found"),
    "last deleted": (lambda r: entries(r)[-1].unlink(), "not to be found"),
    "all deleted": (lambda r: [e.unlink() for e in entries(r)], "not to be found"),
    "reason edited": (lambda r: change(entries(r)[1], reason="other"), "was edited"),
    "last edited": (lambda r: change(entries(r)[-1], reason="other"), "was edited"),
    "target edited": (lambda r: change(entries(r)[0], to="v3"), "was edited"),
    "time edited": (lambda r: change(entries(r)[1], time="2030-01-01T00:00:00+00:00"), "edited"),
    "number taken away": (lambda r: change(entries(r)[1], number=0), "expected a number"),
    "swapped": (swap, "edited or renamed"),
    "renumbered": (renumber, "edited or renamed"),
    "forged": (forge, "no file of the audit"),
    "renamed": (lambda r: entries(r)[1].rename(entries(r)[1].with_name("x.json")), "no file of"),
    "no entry": (
        lambda r: entries(r)[0].with_name("note.json").write_text(NOTE),
        "expected alias, got nothing",
    ),
    "head taken away": (
        lambda r: entries(r)[0].with_name(".head.json").unlink(), "expected the digest of entry 5"
    ),
}  # fmt: skip


@pytest.mark.parametrize("deed", TAMPERED)
def test_whatever_is_done_to_the_audit_is_named(moved: Root, seqclass: Command, deed: str) -> None:
    spoil, problem = TAMPERED[deed]
    spoil(moved)
    assert any(problem in found for found in bad(moved).values()), bad(moved)
    code, out, _ = seqclass("verify")
    assert code == 1
    assert problem in out


def pointer(root: Root) -> Path:
    return Path(root.join("models", "m", "aliases", "champion.json"))


@pytest.mark.parametrize(
    "forged",
    [{"version": "v1"}, {"since": NOW.isoformat()}, {"version": None, "since": None}],
    ids=["version", "time", "none"],
)
def test_a_forged_pointer_is_named(moved: Root, forged: dict) -> None:
    change(pointer(moved), **forged)
    assert "the audit says v2" in bad(moved)["champion.json"]


def test_a_pointer_without_an_audit_is_named(moved: Root) -> None:
    for path in (*entries(moved), entries(moved)[0].with_name(".head.json")):
        path.unlink()
    assert "no entry of the audit says so" in bad(moved)["champion.json"]


@pytest.mark.parametrize(
    "place", [("v1", "extra.bin"), ("v1", "folder", "x"), ("notes.txt",), ("w1", "model.keras")]
)
def test_a_file_that_nothing_names_is_named(moved: Root, place: tuple[str, ...]) -> None:
    path = Path(moved.join("models", "m", *place))
    path.parent.mkdir(exist_ok=True)
    path.write_text("more")
    assert len(bad(moved)) == 1
    assert set(bad(moved)) <= set(place)


def test_a_move_that_was_cut_short_is_sound_and_is_ended(
    moved: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("seqclass.store.registry.swap_file", killed)
        with pytest.raises(KeyboardInterrupt):
            make_champion(moved, "m", "v3", 9)
    with monkeypatch.context() as patch:
        assert bad(moved) == {}
        assert finish_move(moved, "m")
        patch.setattr("seqclass.store.audit.swap_file", killed)
        with pytest.raises(KeyboardInterrupt):
            make_champion(moved, "m", "v1", 10)
    assert bad(moved) == {}
    assert finish_move(moved, "m")
    make_champion(moved, "m", "v2", 11)
    assert bad(moved) == {}
    assert champion_of(moved, "m") == "v2"


def test_a_lost_pointer_is_set_again_as_the_audit_has_it(moved: Root) -> None:
    before, path = champion_of(moved, "m"), Path(moved.join("models/m/aliases/champion.json"))
    content = path.read_bytes()
    path.unlink()
    assert bad(moved)
    assert promote_version(moved, f"m@{before}", "why", False)["moved"] is False
    assert path.read_bytes() == content
    assert bad(moved) == {}


def test_of_two_who_would_write_the_same_entry_one_is_refused(moved: Root) -> None:
    Path(moved.join("models", "m", "audit", "000006.json")).write_text("")
    with pytest.raises(ValueError, match=r"000006\.json: expected to write the next entry"):
        make_champion(moved, "m", "v1", 9)
    assert champion_of(moved, "m") == "v2"


PROMOTER = """
import sys
from datetime import UTC, datetime, timedelta
from seqclass.store.root import open_root
from seqclass.pipeline.promote import promote_version
root, first = open_root(sys.argv[1]), int(sys.argv[2])
for turn in range(8):
    now = datetime.now(UTC) + timedelta(microseconds=first)
    promote_version(root, f"m@v{(first + turn) % 3 + 1}", "at once", True, now)
"""


def test_the_order_of_the_audit_is_the_order_of_the_moves(moved: Root) -> None:
    """Three processes promote at once, each with a time that it took before its turn."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    running = [
        subprocess.Popen([sys.executable, "-c", PROMOTER, moved.path, str(k)], env=environment)
        for k in range(3)
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0]
    assert bad(moved) == {}
    moves = [entry for entry in read_audit(moved, "m") if entry["what"] != "refuse"]
    assert len(moves) > 10
    assert all(entry["from"] == before["to"] for before, entry in pairwise(moves))
    assert moves[-1]["to"] == champion_of(moved, "m")
