"""What manifests say of the dataset and of the files that were read."""

from typing import Any

from seqclass.store.manifests import known_dataset
from tests.support.stored import DESCRIBED


def test_a_model_knows_the_dataset_that_its_rows_were_chosen_from() -> None:
    manifest: Any = {**DESCRIBED, "dataset": "datasets/a.chosen@1"}
    assert known_dataset(manifest) == "datasets/a.chosen@1"
    manifest["dataset_source"] = {"chosen_from": "datasets/a@0"}
    assert known_dataset(manifest) == "datasets/a@0"
