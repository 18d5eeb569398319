"""A root says which layout it has; one of another release is refused, with the way out."""

import hashlib
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from seqclass import load_model, open_store
from seqclass.store.datasets import open_dataset
from seqclass.store.format_version import FILE, FORMAT
from seqclass.store.root import Root, open_root
from tests.support.commands import Command
from tests.support.places import NOW, REPOSITORY
from tests.support.stored import store_champion, store_series

COMMANDS = [
    ["models"], ["datasets"], ["show", "toy"], ["verify"], ["prune"], ["promote", "toy@v1"],
    ["generate", "signals", "--name", "more"],
]  # fmt: skip


@pytest.fixture(params=["earlier layout", "no layout"])
def old(root: Root, request: pytest.FixtureRequest) -> Root:
    """A root of an older release: rows and labels, and an earlier layout or none."""
    store_series(root, n=20)
    newest = store_series(root, n=24).manifest["version"]
    if request.param == "earlier layout":
        Path(root.join(FILE)).write_text(json.dumps({"format": FORMAT - 1}))
        return root
    Path(root.join(FILE)).unlink()
    shutil.rmtree(root.join("log"))
    latest = {"version": newest, "since": NOW.isoformat()}
    Path(root.join("datasets", "toy", "latest.json")).write_text(json.dumps(latest))
    Path(root.join("models", "toy", "audit")).mkdir(parents=True)
    return root


def test_whatever_writes_first_leaves_the_version_of_the_layout(root: Root, bucket: Root) -> None:
    for place in (root, bucket):
        store_series(place)
        assert json.loads(place.fs.cat_file(place.join(FILE))) == {"format": FORMAT}


def test_records_that_need_other_keys_have_another_layout() -> None:
    """A root lacks them. Raise ``FORMAT`` if this fails, and write its records' digest here."""
    records = json.loads((REPOSITORY / "docs/stored-files.schema.json").read_text())["$defs"]
    required = {name: sorted(record.get("required", [])) for name, record in records.items()}
    digest = hashlib.sha256(json.dumps(required, sort_keys=True).encode()).hexdigest()
    assert {FORMAT: digest[:16]} == {2: "4c9d1e2705a54765"}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_every_command_refuses_an_older_root_in_one_line(
    old: Root, seqclass: Command, command: list[str]
) -> None:
    before = sorted(Path(old.path).rglob("*"))
    code, out, err = seqclass(*command)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "which an older one wrote" in err
    assert sorted(Path(old.path).rglob("*")) == before


def test_the_way_out_carries_rows_and_labels_over(
    old: Root, seqclass: Command, tmp_path: Path
) -> None:
    [line] = re.findall("'seqclass (import .*)'", seqclass("models")[2])
    new = open_root(tmp_path / "new")
    assert seqclass(*shlex.split(line.replace("NEW", new.path)))[0] == 0
    carried, kept = open_dataset(new, "toy"), open_dataset(old, "toy")
    assert carried.labels().to_pydict() == kept.labels().to_pydict()
    assert (carried.values() == kept.values()).all()


@pytest.mark.parametrize("open_it", [open_store, lambda url: load_model("toy", url)])
def test_python_refuses_it_too(old: Root, open_it) -> None:
    with pytest.raises(ValueError, match="which an older one wrote"):
        open_it(old.url)


def test_a_root_of_a_newer_release_is_refused(root: Root, seqclass: Command) -> None:
    store_series(root)
    Path(root.join(FILE)).write_text(json.dumps({"format": FORMAT + 1}))
    code, out, err = seqclass("datasets")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"expected the layout {FORMAT} of this release, got {FORMAT + 1}" in err


def test_a_root_with_a_log_that_has_lost_the_file_is_read(root: Root, seqclass: Command) -> None:
    store_champion(root, "m", metrics={"macro_f1": 1.0, "accuracy": 1.0, "log_loss": 0.0})
    Path(root.join(FILE)).unlink()
    code, out, _ = seqclass("models")
    assert (code, "m@v1" in out) == (0, True)
