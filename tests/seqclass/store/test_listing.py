"""Lists of a bucket's models: what is damaged, and how many requests a history takes."""

import pytest

from seqclass.store.catalogue import list_models
from seqclass.store.registry import tenures_of
from seqclass.store.root import Damages, Root
from tests.support.commands import CountRequests
from tests.support.stored import make_champion, newest_entry_of, store_champion, store_version

SCORES = {"macro_f1": 1.0, "accuracy": 1.0, "log_loss": 0.0}
MODELS = 6


OBJECTS: dict[str, bytes] = {}
"""The objects of a bucket with six models, by place: stored once, then copied."""


@pytest.fixture
def filled(bucket: Root) -> Root:
    if OBJECTS:
        bucket.fs.pipe({bucket.path + place: content for place, content in OBJECTS.items()})
        return bucket
    for number in range(MODELS):
        store_champion(
            bucket, f"m{number:02}", metrics=SCORES, dataset="datasets/d@1", refused=None
        )
    for path in bucket.fs.find(bucket.path):
        OBJECTS[path.removeprefix(bucket.path)] = bucket.fs.cat_file(path)
    return bucket


def test_a_history_asks_for_each_decision_once(filled: Root, requests_of: CountRequests) -> None:
    for second in range(1, 4):
        newer = store_version(filled, "m02", metrics=SCORES, dataset="datasets/d@1", refused=None)
        make_champion(filled, "m02", newer.version, second)
    assert len(tenures_of(filled, "m02")) == 4
    assert requests_of(lambda: tenures_of(filled, "m02")) <= 2 * 4 + 1  # and registrations


def test_a_damaged_model_or_log_hides_no_other(filled: Root) -> None:
    filled.fs.pipe_file(filled.join("models", "m03", "v1", "manifest.json"), b"{}")
    filled.fs.pipe_file(newest_entry_of(filled, "m04"), b"{}")
    bad = Damages()
    assert [model["name"] for model in list_models(filled, bad)] == [
        f"m{number:02}" for number in range(MODELS) if number != 3
    ]
    assert len(bad) == 2
    assert "m03/v1" in bad[0]["path"]
    assert "m04" in bad[1]["path"]
