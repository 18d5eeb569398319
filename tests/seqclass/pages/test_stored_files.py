"""Every stored JSON file holds the record that the docs say, with no key beside."""

import json
import re
from pathlib import Path

from seqclass.pages import index_pages
from seqclass.store.layout import AGAIN, CHECKED, KEPT, LAYOUT, SEALED, WORK, place_of
from seqclass.store.retrainings import note_told, write_attempt
from seqclass.store.root import Root
from tests.support.small_roots import store_all
from tests.support.stored_files import (
    SCHEMAS,
    STORED_FILES,
    inner_records,
    keys_of,
    meanings,
    schemas,
    summary_of,
    type_of,
    undeclared,
)

TYPES = [*dict.fromkeys([*STORED_FILES.values(), *inner_records()])]
EXAMPLES = {"name": "toy", "model": "toy", "dataset": "toy", "source": "files", "version": "v1",
            "digest": "0" * 16, "time": "20260101T000000.000000Z-abcd", "number": "000001",
            "days": "2026-01-01-to-2026-01-02", "path": "models/toy"}  # fmt: skip


def example(place: str) -> str:
    return re.sub("<(.+?)>", lambda match: EXAMPLES[match[1]], place)


def test_a_trained_and_studied_tree_holds_what_is_declared(tree: Root) -> None:
    faults = [fault for fault in undeclared(tree) if not fault.startswith("models/bare/")]
    assert faults == []
    names = {"/".join(tree.parts_of(path)) for path in tree.fs.find(tree.path)}
    seen = {type_of(name) for name in names if name.endswith(".json")}
    assert len(seen) >= 18


def test_a_small_root_holds_what_is_declared(root: Root, tmp_path: Path) -> None:
    store_all(root)
    write_attempt(
        root,
        "m",
        {"champion": "models/m@v2", "dataset": "datasets/toy@0", "tries": 1, "error": None},
    )
    note_told(root, "m", "datasets/toy@0")
    index_pages.write_all(root)
    made_up = ("votes-", "/stability.json", "comparison.json", "/runs/")
    assert [fault for fault in undeclared(root) if not any(part in fault for part in made_up)] == []


def test_what_is_not_declared_is_found(root: Root) -> None:
    store_all(root)
    path = Path(root.join("log", "datasets", "toy", "000001.json"))
    path.write_text(json.dumps({**json.loads(path.read_text()), "actor": 5, "more": 1}))
    Path(root.join("models", "m", "new.json")).write_text("{}")
    faults = undeclared(root)
    assert "models/m/new.json: a file that is not listed" in faults
    for key in ("actor", "more"):
        assert any(
            fault.startswith(f"log/datasets/toy/000001.json: ('{key}',)") for fault in faults
        )


def test_every_file_of_the_list_is_at_a_place_of_the_layout() -> None:
    for place in STORED_FILES:
        parts = tuple(example(place).split("/"))
        file, folder = place_of(parts), place_of(parts[:-1])
        kept = file is not None and file.how in (KEPT, CHECKED, AGAIN, WORK)
        assert kept or (folder is not None and folder.how == SEALED), place
        assert type_of(example(place)) is STORED_FILES[place], place


def test_every_place_of_the_layout_that_holds_a_record_is_in_the_list() -> None:
    listed = {place_of(tuple(example(place).split("/"))) for place in STORED_FILES}
    listed |= {place_of(tuple(example(place).split("/")[:-1])) for place in STORED_FILES}
    lacking = [declared.path for declared in LAYOUT if declared not in listed]
    assert not [path for path in lacking if "json" in path or "RECORD" in path]
    assert not [
        declared for declared in LAYOUT if declared.how == SEALED and declared not in listed
    ]


def test_every_key_has_a_meaning() -> None:
    for kind in TYPES:
        assert summary_of(kind), kind
        explained = {key for key, meaning in meanings(kind).items() if meaning}
        assert not keys_of(kind).keys() - explained, kind


def test_the_schemas_are_current() -> None:
    assert SCHEMAS.read_text() == schemas(), "'python -m tests.support.stored_files' writes it"
    names = [kind.__name__ for kind in TYPES]
    assert sorted(set(names)) == sorted(names)
