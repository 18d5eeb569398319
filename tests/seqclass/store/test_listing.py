"""Lists of a bucket's models: how many requests they take, and that they are up to date."""

from datetime import timedelta
from typing import Any

import pytest

from seqclass.pages.index_pages import refresh
from seqclass.store import pruning
from seqclass.store.catalogue import LIST, keep_list, list_models, verify_tree
from seqclass.store.metadata_cache import keep_facts
from seqclass.store.models import model_versions
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.registry import tenures_of
from seqclass.store.root import Damages, Root, replace_file
from tests.support.commands import CountRequests
from tests.support.places import NOW
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


def test_a_kept_list_is_read_in_a_few_requests(filled: Root, requests_of: CountRequests) -> None:
    plain = list_models(filled)
    assert requests_of(lambda: list_models(filled)) > 2 * MODELS
    keep_list(filled)
    assert requests_of(lambda: list_models(filled)) <= 4
    assert list_models(filled) == plain


def test_a_change_reads_the_changed_model_alone(filled: Root, requests_of: CountRequests) -> None:
    keep_list(filled)
    second = store_version(filled, "m03", metrics=SCORES, dataset="datasets/d@1", refused=None)
    make_champion(filled, "m03", second.version, 1)
    assert requests_of(lambda: list_models(filled)) <= 10
    listed = {m["version"]: m["champion"] for m in list_models(filled) if m["name"] == "m03"}
    assert listed == {"v1": False, "v2": True}
    filled.fs.rm(filled.join("models", "m03"), recursive=True)
    filled.fs.rm(filled.join("log", "models", "m03"), recursive=True)
    assert "m03" not in {model["name"] for model in list_models(filled)}
    assert len(list_models(filled)) == MODELS - 1


def test_a_history_asks_for_each_decision_once(filled: Root, requests_of: CountRequests) -> None:
    for second in range(1, 4):
        newer = store_version(filled, "m02", metrics=SCORES, dataset="datasets/d@1", refused=None)
        make_champion(filled, "m02", newer.version, second)
    assert len(tenures_of(filled, "m02")) == 4
    assert requests_of(lambda: tenures_of(filled, "m02")) <= 2 * 4 + 1  # and registrations


def test_a_damaged_model_or_log_is_told_each_time(filled: Root) -> None:
    filled.fs.pipe_file(filled.join("models", "m03", "v1", "manifest.json"), b"{}")
    filled.fs.pipe_file(newest_entry_of(filled, "m04"), b"{}")
    for _ in range(2):
        keep_list(filled)
        bad = Damages()
        assert len(list_models(filled, bad)) == MODELS - 1
        assert len(bad) == 2
        assert "m03/v1" in bad[0]["path"]
        assert "m04" in bad[1]["path"]


def test_a_list_that_is_kept_while_a_version_is_removed_names_it_no_more(
    filled: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process keeps the list between the entry of a pruning and the removal of files."""
    newer = store_version(filled, "m03", metrics=SCORES, dataset="datasets/d@1", refused=None)
    for number in range(2):
        newest = store_version(filled, "m03", metrics=SCORES, dataset="datasets/d@1", refused=None)
        make_champion(filled, "m03", newest.version, number + 1)
    note = pruning.create_file

    def keep_meanwhile(*words: Any) -> None:
        keep_list(filled)
        note(*words)

    monkeypatch.setattr(pruning, "create_file", keep_meanwhile)
    pruning.remove_items(filled, PruneSpec(days=0), [newer.ref], "why", NOW + timedelta(days=1))
    assert newer.version not in model_versions(filled, "m03")
    listed = {model["version"] for model in list_models(filled) if model["name"] == "m03"}
    assert listed == set(model_versions(filled, "m03"))


OTHERS = (b"", b'{"facts": {"m00": 1}}', b"[]", b'{"facts": 1}')
ODD = ({"m00": 1}, {"m00": {"tag": 1, "versions": 1}},
       {"m00": {"tag": "x", "versions": [{"name": "m01"}]}})  # fmt: skip


def test_a_list_of_another_form_is_not_used(filled: Root) -> None:
    plain = list_models(filled)
    for content in OTHERS:
        replace_file(filled, filled.join(LIST), content)
        assert list_models(filled) == plain, content
        assert verify_tree(filled)["bad"] == [], content
    for facts in ODD:
        keep_facts(filled, LIST, facts)
        assert list_models(filled) == plain, facts


def test_flows_keep_the_list(filled: Root, root: Root) -> None:
    refresh(filled, ["models/m00@v1"])
    assert filled.exists(LIST)
    refresh(root, [])
    assert not root.exists(LIST)
