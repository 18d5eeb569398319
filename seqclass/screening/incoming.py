"""The spec of an import, and the rules for its rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pyarrow as pa

from seqclass.screening.contract import Policy
from seqclass.screening.screening import ValidationContext
from seqclass.store.datasets import Dataset, committed_versions, open_dataset
from seqclass.store.duplicates import DuplicateIndex
from seqclass.store.formats import ColumnNames, Limits, expand, names_of
from seqclass.store.formats.facts import Listener
from seqclass.store.formats.file_format import check_files
from seqclass.store.formats.isolated import IsolatedReader
from seqclass.store.formats.overview import Described
from seqclass.store.quarantine import quarantined_before
from seqclass.store.root import Root
from seqclass.store.validation import Names


@dataclass(frozen=True)
class ArrivalSpec:
    """Settings for files that arrive: how they are read, and when they count as complete.

    policy: actions for rows that break the dataset's contract; a file that it refuses goes to
        quarantine whole.
    quiet_s: seconds for which a file must not have changed.
    patience_s: seconds after which a file without an end is set aside.
    limits: bounds on what a file may hold.
    """

    columns: ColumnNames = field(default_factory=ColumnNames)
    policy: Policy = field(default_factory=Policy)
    quiet_s: float = 2.0
    patience_s: float = 3600.0
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 0 <= self.quiet_s <= self.patience_s:
            raise ValueError(
                f"quiet_s: expected seconds from 0 to patience_s ({self.patience_s:g}), "
                f"got {self.quiet_s:g}; correct them"
            )


@dataclass(frozen=True)
class ImportSpec:
    """Files or folders to import, an official test split, and the columns' names.

    policy: actions for rows that break the contract of the newest version of the name.
    append: add the rows to that version.
    new_contract: ignore its contract.
    limits: bounds on what a file may hold.
    """

    paths: Names
    test_paths: Names = ()
    columns: ColumnNames = field(default_factory=ColumnNames)
    policy: Policy = field(default_factory=Policy)
    append: bool = False
    new_contract: bool = False
    limits: Limits = field(default_factory=Limits)

    def files(self) -> tuple[list[str], list[str]]:
        """Return the files to read, with folders expanded, and those of the test split."""
        paths = expand(list(self.paths), "PATH")
        test_paths = expand(list(self.test_paths), "--test")
        check_files([*paths, *test_paths], self.columns)
        return paths, test_paths

    def beside(self, parent: Dataset | None) -> "ImportSpec":
        """Return the spec with the reading options of the version to which the rows are added."""
        before = names_of(parent.manifest) if parent else ColumnNames()
        return replace(self, columns=self.policy.reading(self.columns, before))


def terms_of(root: Root, name: str, spec: ImportSpec) -> tuple[ValidationContext, Dataset | None]:
    """Return the rules for the rows, and the version to which they are added."""
    if not committed_versions(root, name) or (spec.new_contract and not spec.append):
        return ValidationContext(spec.policy), None
    latest = open_dataset(root, name)
    contract = None if spec.new_contract else latest.manifest
    columns = tuple(latest.manifest["columns"])
    aside = quarantined_before(root, name) if spec.append else DuplicateIndex()
    terms = ValidationContext(spec.policy, latest.ref, columns, contract, spec.append, aside)
    return terms, latest if spec.append else None


def tables_of(
    paths: list[str], test_paths: list[str], spec: ImportSpec, listener: Listener | None = None
) -> Iterator[pa.Table]:
    """Yield the rows of all files in order; if there are test files, each row names its split.

    Infinite values are read and left to the policy, unless it refuses them.
    """
    cure, train = spec.policy.infinite_cure, "train" if test_paths else None
    with IsolatedReader(listener) as reader:
        yield from reader.read_files(paths, spec.columns, train, cure, spec.limits)
        yield from reader.read_files(test_paths, spec.columns, "test", cure, spec.limits)


def check_trainable(described: Described) -> None:
    """Refuse a dataset that can't be trained on; series without any label may still be scored."""
    classes, channels = list(described["classes"]), described["channels"]
    if all(channel["lowest"] is None for channel in channels.values()):
        raise ValueError(
            f"PATH: expected numbers, got no value in {', '.join(channels)}; look at "
            "how they are written with 'seqclass inspect PATH'"
        )
    n_series = described["n_series"]
    if classes and (len(classes) < 2 or n_series < 3):
        raise ValueError(
            f"PATH: expected at least 3 series of at least 2 classes, got {n_series} of "
            f"{', '.join(classes)}; add the other classes' files to the import, or score them with "
            "'seqclass score MODEL PATH', which stores no dataset"
        )
