"""What manifests say of the dataset and of the files that were read."""

from typing import Any

from seqclass.store.formats.table import ColumnNames, names_of
from seqclass.store.manifests import known_dataset
from tests.support.stored import DESCRIBED


def test_a_model_knows_the_dataset_that_its_rows_were_chosen_from() -> None:
    chosen: Any = {**DESCRIBED, "dataset": "datasets/a.chosen@1"}
    assert known_dataset(chosen) == "datasets/a.chosen@1"
    chosen["dataset_source"] = {"chosen_from": "datasets/a@0"}
    assert known_dataset(chosen) == "datasets/a@0"


def test_files_are_read_as_usual_where_nothing_was_kept_of_it() -> None:
    assert names_of({}) == ColumnNames()
    told = ColumnNames(series_id="unit", ignore=("note",)).to_record()
    assert names_of({"reading": told}) == ColumnNames(series_id="unit", ignore=("note",))
