"""Names of datasets and models in Prefect's lineage: any root has one that Prefect takes."""

import pytest

from seqclass.store.references import DatasetRef
from seqclass.store.root import open_root
from seqclass.tasks.compute.assets import asset_of


@pytest.mark.parametrize("folder", ["plain", "a b #?&%'\"<>[]{}|^`", "/".join(["d" * 100] * 6)])
def test_any_root_gives_an_asset_that_names_the_dataset(folder: str) -> None:
    keys = {asset_of(open_root(f"/x/{folder}"), DatasetRef(name)).key for name in ("one", "two")}
    assert len(keys) == 2
    assert all(key.endswith(("/datasets/one", "/datasets/two")) for key in keys)


def test_two_deep_roots_are_two() -> None:
    roots = [open_root(f"/x/{'/'.join([letter * 100] * 6)}") for letter in "ab"]
    assert len({asset_of(root, DatasetRef("one")).key for root in roots}) == 2
