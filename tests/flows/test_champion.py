"""Moving a champion by hand, or by a sealed decision: only to a version that is as it was made."""

from pathlib import Path

import pytest

from seqclass.store.models import load_keras
from seqclass.store.registry import champion_of
from seqclass.store.retrainings import commit_retraining, retrainings_of
from seqclass.store.root import DamagedError, Root, open_root
from seqclass.store.staging import staging
from tests.support.commands import Command
from tests.support.places import NOW
from tests.support.stored import DECIDED, read_decisions, store_champion, store_version


@pytest.fixture
def two(root: Root) -> Root:
    """A root whose second version is champion after the first."""
    for number in range(2):
        store_champion(root, "m", number)
    return root


def decisions(root: Root) -> int:
    return len(read_decisions(root, "m"))


def flip(root: Root, *path: str) -> None:
    file = Path(root.join("models", "m", *path))
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("artifact", ["model.keras", "comparison.json", "manifest.json"])
def test_a_damaged_version_is_not_promoted(two: Root, seqclass: Command, artifact: str) -> None:
    store_version(two, "m")
    flip(two, "v3", artifact)
    code, out, err = seqclass("promote", "m@v3", "--force")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"models/m/v3/{artifact}" in err
    assert champion_of(two, "m") == "v2"
    assert decisions(two) == 2


def test_a_champion_is_not_rolled_back_to_a_damaged_version(two: Root, seqclass: Command) -> None:
    flip(two, "v1", "model.keras")
    code, out, err = seqclass("rollback", "m")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "models/m/v1/model.keras" in err
    assert champion_of(two, "m") == "v2"


@pytest.mark.parametrize("artifact", ["model.keras", "manifest.json"])
def test_a_damaged_champion_is_no_hindrance_to_another(
    two: Root, seqclass: Command, artifact: str
) -> None:
    flip(two, "v2", artifact)
    assert seqclass("rollback", "m")[0] == 0
    assert champion_of(two, "m") == "v1"


def test_a_decision_that_no_entry_carries_out_counts_for_nothing(two: Root) -> None:
    """Its run was killed in between, or another process took the entry's number."""
    sealed = {**DECIDED, "decision": "promoted", "challenger": "models/m@v3", "trusted": True}
    with staging(two, "retraining") as folder:
        for second, number in enumerate((1, 99), 9):
            commit_retraining(two, folder, "m", sealed, NOW.replace(second=second), number)
        commit_retraining(two, folder, "m", {**DECIDED, "trusted": True}, NOW.replace(second=11))
    assert [record["entry"] for record in retrainings_of(two, "m")] == [None]


@pytest.mark.parametrize("kind", ["lambda", "custom class", "no network", "pickle"])
def test_a_hostile_network_is_refused_in_one_line(tmp_path: Path, kind: str) -> None:
    import keras

    root = open_root(tmp_path)
    if kind in ("no network", "pickle"):
        (tmp_path / "m.keras").write_bytes(b"other" if kind == "no network" else b"\x80\x04K\x01.")
    else:
        layer = keras.layers.Lambda(lambda x: x * 2) if kind == "lambda" else odd_layer()()
        keras.Sequential([keras.Input((3,)), layer]).save(tmp_path / "m.keras")
    with pytest.raises(DamagedError, match="expected a network of stock Keras layers") as refused:
        load_keras(root, str(tmp_path / "m.keras"))
    assert "\n" not in str(refused.value)


def odd_layer() -> type:
    import keras

    class Odd(keras.layers.Layer):
        """A class that nobody but its author knows."""

        def call(self, x: object) -> object:
            return x

    return Odd
