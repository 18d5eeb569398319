"""Records of older releases: what the keys mean that they lack."""

from seqclass.store.formats.table import ColumnNames, names_of
from seqclass.store.manifests import ModelDescription, decision_of, is_settled, known_dataset


def test_a_model_of_an_older_release_answers_every_row() -> None:
    assert decision_of({}) == {"offsets": None, "threshold": 0.0, "coverage": 1.0, "risk": 0.0}
    kept: ModelDescription = {"decision": {"offsets": [0.1], "threshold": 0.4}}
    assert decision_of(kept) == {"offsets": [0.1], "threshold": 0.4}


def test_a_model_knows_the_dataset_that_its_rows_were_chosen_from() -> None:
    chosen: ModelDescription = {"dataset": "datasets/a.chosen@1"}
    assert known_dataset(chosen) == "datasets/a.chosen@1"
    chosen["dataset_source"] = {"chosen_from": "datasets/a@0"}
    assert known_dataset(chosen) == "datasets/a@0"


def test_files_are_read_as_usual_where_nothing_was_kept_of_it() -> None:
    assert names_of({}) == ColumnNames()
    told = ColumnNames(series_id="unit", ignore=("note",)).to_record()
    assert names_of({"reading": told}) == ColumnNames(series_id="unit", ignore=("note",))


def test_a_retraining_of_an_older_release_has_seen_its_rows() -> None:
    record = {
        "dataset": "datasets/a@0", "decision": "refused", "reasons": [], "trusted": False,
        "champion": "models/m@v1", "challenger": None, "entry": None,
    }  # fmt: skip
    assert is_settled(record)  # type: ignore[arg-type]
    assert not is_settled({**record, "settled": False})  # type: ignore[arg-type]
