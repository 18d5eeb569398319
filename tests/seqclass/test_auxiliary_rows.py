"""Which rows of another dataset train beside a dataset's own, and which can't."""

from dataclasses import replace

import pytest

from seqclass.auxiliary_rows import AuxiliaryRows, find_auxiliary
from seqclass.row_split import leaks_of, select_rows
from seqclass.store.datasets import Dataset
from seqclass.store.root import Root
from seqclass.training.spec import TrainingSpec
from tests.support.stored import store_series

SPEC = TrainingSpec(auxiliary="more")


def found(toy: Dataset) -> AuxiliaryRows:
    rows = find_auxiliary(toy, select_rows(toy, SPEC), SPEC)
    assert rows is not None
    return rows


def test_labelled_rows_of_known_classes_train_except_test_rows(root: Root) -> None:
    toy = store_series(root)
    label = ["up", "down", "flat", None, "up", "down"] * 4
    split = ["train"] * 18 + ["test"] * 6
    more = store_series(root, "more", 24, label=label, split=split)
    rows = found(toy)
    assert rows.dataset.ref == more.ref
    expected = [k for k in range(18) if label[k] in ("up", "down")]
    assert rows.rows.tolist() == expected
    assert [("down", "up")[code] for code in rows.codes] == [label[k] for k in expected]
    assert (rows.left_out, rows.lacking) == (["flat"], [])
    assert rows.remark.endswith("those of other classes are left out: flat")
    assert find_auxiliary(toy, select_rows(toy, SPEC), TrainingSpec()) is None


def test_a_class_that_the_auxiliary_dataset_lacks_is_named(root: Root) -> None:
    toy = store_series(root)
    store_series(root, "more", 20, label=["up"] * 20)
    assert found(toy).lacking == ["down"]
    assert "it has none of down" in found(toy).remark


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"label": ["flat", "steep"] * 12}, "expected series of the classes down, up"),
        ({"label": [None] * 24}, "has no labels"),
        ({"other": [[0.0] * 12] * 24}, "expected the channels value of datasets/toy@"),
    ],
)
def test_rows_that_can_not_train_beside_others_are_refused(
    root: Root, columns: dict[str, list], says: str
) -> None:
    toy = store_series(root)
    store_series(root, "more", 24, **columns)
    with pytest.raises(ValueError, match=f"^auxiliary: .*{says}"):
        found(toy)


def test_the_same_rows_under_another_name_and_no_such_dataset_are_refused(root: Root) -> None:
    toy = store_series(root)
    with pytest.raises(ValueError, match=r"^auxiliary: expected one of toy@"):
        found(toy)
    store_series(root, "more")
    with pytest.raises(ValueError, match=r"^auxiliary: expected another dataset than"):
        found(toy)


def test_more_rows_than_are_held_at_once_are_refused(root: Root) -> None:
    toy = store_series(root)
    store_series(root, "more", 100)
    found(toy).check_window(48, 148)
    with pytest.raises(ValueError, match="expected at most 147 training rows"):
        found(toy).check_window(48, 147)


def test_a_test_series_with_a_copy_among_auxiliary_rows_is_a_leak(root: Root) -> None:
    toy = store_series(root)
    store_series(root, "more", 100)  # the first sixty are those of toy
    split = select_rows(toy, SPEC)
    assert leaks_of(toy, split)["exact"] == 0
    assert leaks_of(toy, split, found(toy))["exact"] == len(split.test)
    none = replace(found(toy), rows=found(toy).rows[60:])
    assert leaks_of(toy, split, none)["exact"] == 0
