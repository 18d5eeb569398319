"""References: what people write, taken apart and put together again."""

import pytest

from seqclass.store.references import DatasetRef, ModelRef, Reference, StudyRef


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("datasets/plant@0123", DatasetRef("plant", "0123")),
        ("plant@0123", DatasetRef("plant", "0123")),
        ("datasets/plant", DatasetRef("plant")),
        ("models/plant@v3", ModelRef("plant", "v3")),
        ("plant", ModelRef("plant")),
        ("studies/plant@0123", StudyRef("plant", "0123")),
    ],
)
def test_a_reference_is_read_with_or_without_its_kind_and_version(
    text: str, reference: Reference
) -> None:
    assert type(reference).parse(text) == reference
    assert type(reference).parse(str(reference)) == reference
    assert type(reference).parse(reference.short) == reference


def test_a_reference_of_another_kind_is_not_taken_for_a_name() -> None:
    assert ModelRef.parse("datasets/plant").name == "datasets/plant"


def test_a_reference_is_written_whole_short_and_as_folders() -> None:
    ref = ModelRef("plant", "v3")
    assert (str(ref), ref.short, ref.parts) == (
        "models/plant@v3", "plant@v3", ("models", "plant", "v3"),
    )  # fmt: skip
    assert (str(DatasetRef("plant")), DatasetRef("plant").short) == ("datasets/plant", "plant")
