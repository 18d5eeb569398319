"""A root says which layout it has; one of another release is refused."""

import json
from pathlib import Path

import pytest

from seqclass import load_model, open_store
from seqclass.store.format_version import FILE, FORMAT
from seqclass.store.root import Root
from tests.support.commands import Command
from tests.support.stored import store_champion, store_series

COMMANDS = [
    ["models"], ["datasets"], ["show", "toy"], ["verify"], ["prune"], ["promote", "toy@v1"],
    ["generate", "signals", "--name", "more"],
]  # fmt: skip


def test_whatever_writes_first_leaves_the_version_of_the_layout(root: Root, bucket: Root) -> None:
    for place in (root, bucket):
        store_series(place)
        assert json.loads(place.fs.cat_file(place.join(FILE))) == {"format": FORMAT}


@pytest.fixture
def other(root: Root) -> Root:
    """What a later release wrote."""
    store_series(root, n=20)
    Path(root.join(FILE)).write_text(json.dumps({"format": FORMAT + 1}))
    return root


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_every_command_refuses_a_root_of_another_release_in_one_line(
    other: Root, seqclass: Command, command: list[str]
) -> None:
    before = sorted(Path(other.path).rglob("*"))
    code, out, err = seqclass(*command)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"expected the layout {FORMAT} of this release, got {FORMAT + 1}" in err
    assert sorted(Path(other.path).rglob("*")) == before


@pytest.mark.parametrize("open_it", [open_store, lambda url: load_model("toy", url)])
def test_python_refuses_it_too(other: Root, open_it) -> None:
    with pytest.raises(ValueError, match="of this release"):
        open_it(other.url)


def test_a_root_with_a_log_that_has_lost_the_file_is_read(root: Root, seqclass: Command) -> None:
    store_champion(root, "m", metrics={"macro_f1": 1.0, "accuracy": 1.0, "log_loss": 0.0})
    Path(root.join(FILE)).unlink()
    code, out, _ = seqclass("models")
    assert (code, "m@v1" in out) == (0, True)
