"""Which models are due: in which order, and at what cost where nothing is new."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from prefect.logging import disable_run_logger

from seqclass.monitoring.policy import ModelPolicy
from seqclass.pipeline.overdue import Due, find_due
from seqclass.policies import set_paused, set_policy
from seqclass.store.datasets import open_dataset
from seqclass.store.retrainings import commit_retraining, note_told
from seqclass.store.root import Root
from seqclass.store.staging import staging
from tests.support.places import NOW
from tests.support.stored import DECIDED, newest_entry_of, store_champion, store_series

LATER = NOW + timedelta(days=1)
READS: Counter[str] = Counter()
WATCHED: list[str] = []


def _hear(event: str, words: tuple) -> None:
    """``open`` alone: the ``os.open`` within it is told of without a mode."""
    if event == "open" and WATCHED and words[1] and str(words[0]).startswith(WATCHED[0]):
        READS[Path(str(words[0])).name] += Path(str(words[0])).is_file()


sys.addaudithook(_hear)


@contextmanager
def reads_of(root: Root) -> Iterator[Counter[str]]:
    """Files of a root that are opened meanwhile, by name."""
    READS.clear()
    WATCHED.append(root.path)
    yield READS
    WATCHED.clear()


def due(root: Root) -> Due:
    with disable_run_logger():
        return find_due(LATER, root)


def kept(root: Root, name: str, n: int, moves: int = 1) -> None:
    """A model whose champion knows the first 40 rows of its dataset, which has n."""
    known = store_series(root, name, n=40).ref
    for second in range(moves):
        store_champion(root, name, second, dataset=known)
    store_series(root, name, n=n)


def test_the_highest_priority_goes_first_and_then_the_fewest_rows(root: Root) -> None:
    for name, n in (("large", 200), ("small", 70), ("urgent", 300), ("idle", 40), ("few", 45)):
        kept(root, name, n)
    set_policy(root, "urgent", ModelPolicy(priority=1), "", LATER)
    assert due(root) == Due(["urgent", "small", "large"], [])


def test_a_damaged_model_does_not_keep_the_others_from_their_turn(root: Root) -> None:
    kept(root, "a", 70)
    kept(root, "b", 70)
    Path(newest_entry_of(root, "a")).write_text("{")
    assert due(root) == Due(["b"], ["a"])


def test_a_decision_is_overdue_until_somebody_was_told(root: Root) -> None:
    for name in ("late", "patient", "paused"):
        kept(root, name, 70)
        set_policy(root, name, ModelPolicy(due_s=1e9 if name == "patient" else 60.0), "", LATER)
    set_paused(root, "paused", True, "why")
    latest = open_dataset(root, "late").ref
    assert [(name, late["dataset"]) for name, late in due(root).overdue.items()] == [
        ("late", latest)
    ]
    note_told(root, "late", latest)
    assert due(root).overdue == {}
    assert due(root).names == ["late", "patient"]


def looked_at(root: Root, name: str, times: int) -> None:
    for number in range(times):
        with staging(root, "retraining") as folder:
            latest = f"datasets/{name}@{root.names('datasets', name)[0]}"
            record = {**DECIDED, "dataset": latest}
            commit_retraining(root, folder, name, record, NOW + timedelta(minutes=number))


@pytest.mark.parametrize("history", [1, 5])
def test_a_model_without_news_costs_six_reads_however_long_its_history(
    root: Root, history: int
) -> None:
    for number in range(3):
        name = f"m{number}"
        for rows in range(20, 20 + history):  # older versions of the dataset
            store_series(root, name, n=rows)
        kept(root, name, 40, moves=history)
        looked_at(root, name, history)
    with reads_of(root) as reads:
        assert due(root) == Due([], [])
    assert sum(reads.values()) <= 3 * 6, reads
