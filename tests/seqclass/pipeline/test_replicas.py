"""The work of worker processes."""

from typing import Any

import numpy as np
import pytest

from seqclass.pipeline import replicas
from seqclass.row_split import select_rows
from seqclass.store.root import Root
from tests.support.stored import QUICK, store_series


def test_the_process_that_trained_a_seed_answers_without_loading_it(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, load, loaded = store_series(root), replicas.load_keras, list[str]()

    def counted(root: Root, path: str) -> Any:
        loaded.append(path)
        return load(root, path)

    monkeypatch.setattr(replicas, "load_keras", counted)
    split = select_rows(dataset, QUICK)
    paths = [root.join(f"seed-{seed}.keras") for seed in range(2)]
    for seed, path in enumerate(paths):
        replicas.train_seed(dataset, split, QUICK, seed, path)
    in_memory = [replicas.predict_members(dataset, split.test, path) for path in paths]
    assert loaded == []
    stored = [replicas.predict_members(dataset, split.test, path) for path in paths]
    assert loaded == [replicas.members_path(path) for path in paths]
    for seed in range(2):
        assert in_memory[seed].keys() == stored[seed].keys() == {"convolutions"}
        np.testing.assert_array_equal(*(own[seed]["convolutions"] for own in (in_memory, stored)))
