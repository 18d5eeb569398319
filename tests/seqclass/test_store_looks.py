"""A store as Python users see it: names, champions and rows, and what is not there."""

import shutil
from pathlib import Path

import pytest

from seqclass.loading import load_model
from seqclass.store.root import DamagedError, Root
from seqclass.stores import open_store
from tests.support.stored import make_champion, store_series, store_version


@pytest.fixture
def filled(root: Root) -> Root:
    store_series(root, "b", n=8)
    store_series(root, "a", n=4)
    for name in ("m", "m", "k"):
        store_version(root, name)
    make_champion(root, "m", "v2")
    return root


def test_everything_is_listed_by_name_and_the_oldest_first(filled: Root) -> None:
    store = open_store(filled.url)
    assert store.models() == ["k@v1", "m@v1", "m@v2"]
    assert [ref.partition("@")[0] for ref in store.datasets()] == ["a", "b"]
    assert (store.champion("m"), store.champion("k"), store.champion("none")) == (
        "m@v2",
        None,
        None,
    )
    assert repr(store) == f"Store({filled.url!r})"


def test_an_empty_store_is_empty(root: Root) -> None:
    store = open_store(root.url)
    assert (store.models(), store.datasets()) == ([], [])
    for look in (store.model, store.dataset):
        with pytest.raises(ValueError, match="expected") as refused:
            look("m")
        assert "\n" not in str(refused.value)


def test_what_is_asked_for_and_not_there_is_named(filled: Root) -> None:
    for ref in ("m@v9", "x", "m@w"):
        with pytest.raises(ValueError, match="MODEL: expected one of"):
            load_model(ref, root=filled.url)
    with pytest.raises(ValueError, match="DATASET: expected one of"):
        open_store(filled.url).dataset("x")


@pytest.mark.parametrize("path", ["nope.seqclass", "there/nope", "models/m/v1"])
def test_a_path_at_which_nothing_is_does_not_mean_a_name(path: str) -> None:
    for given in (path, Path(path)):
        with pytest.raises(ValueError, match="there is none at") as refused:
            load_model(given)
        assert repr(path) in str(refused.value)
    with pytest.raises(ValueError, match="MODEL: expected one of"):
        load_model("models/m@v1")


def test_a_folder_of_a_version_leads_to_its_store(filled: Root, tmp_path: Path) -> None:
    folder = Path(filled.url) / "models" / "m" / "v1"
    (folder / "model.keras").write_bytes(b"other")
    with pytest.raises(DamagedError, match="expected SHA-256"):
        load_model(folder)
    shutil.rmtree(folder)
    with pytest.raises(ValueError, match="MODEL: expected"):
        load_model(folder, root=filled.url)


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("seeds", 1.5, "field seeds: .* got 1.5"),
        ("members", "steps", "field members: .* got 'steps'"),
        ("abstention", {"max_error": 2}, "max_error: expected"),
        ("recipe", {"updats": 3}, "field recipe.updats: .* got 3"),
        ("sedes", 3, "expected fields out of seeds, .* got 'sedes'"),
    ],
)
def test_a_field_that_does_not_fit_is_named_before_anything_is_trained(
    filled: Root, field: str, value: object, named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        open_store(filled.url).train("b", **{field: value})


def test_nobody_moves_a_champion_without_a_reason(filled: Root) -> None:
    store = open_store(filled.url)
    for move in (lambda: store.promote("m@v1", " ", force=True), lambda: store.rollback("m", "\n")):
        with pytest.raises(ValueError, match="reason: expected words"):
            move()
    assert store.champion("m") == "m@v2"
