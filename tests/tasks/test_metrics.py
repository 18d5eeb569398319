"""The state of a root as Prometheus reads it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from seqclass.pages.model_facts import FACTS, facts_of_models
from seqclass.pipeline.prometheus import METRICS, _text, metrics_text, write_metrics
from seqclass.store.catalogue import verify_tree
from seqclass.store.retrainings import commit_retraining, write_attempt
from seqclass.store.root import Root, open_root
from seqclass.store.staging import staging
from tests.support.commands import Command, CountRequests
from tests.support.places import NOW
from tests.support.rights import ordinary_rights
from tests.support.stored import (
    DECIDED,
    make_champion,
    newest_entry_of,
    store_champion,
    store_series,
    store_version,
)

Samples = dict[tuple[str, str], float]


def parsed(text: str) -> Samples:
    """Values by the sample's name and its labels, in the order of their names."""
    return {
        (
            sample.name,
            " ".join(sample.labels[label] for label in sorted(sample.labels)),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def kept(root: Root) -> Root:
    known = store_series(root).ref
    model = store_champion(root, "toy", dataset=known)
    stability = {"seeds": [{"seconds": 2.5}, {"seconds": 3.0}]}
    Path(model.folder, "stability.json").write_text(json.dumps(stability))
    for number, decision in enumerate(("promoted", "refused", "refused", "failed")):
        with staging(root, "retraining") as folder:
            record = {**DECIDED, "decision": decision, "dataset": known, "waited_s": 10.0 * number}
            commit_retraining(root, folder, "toy", record, NOW + timedelta(seconds=number))
    write_attempt(
        root, "toy", {"champion": "models/toy@v1", "dataset": "d", "tries": 3, "error": None}
    )
    aside = Path(root.join("inbox", "toy", "quarantine"))
    aside.mkdir(parents=True)
    for name in ("a.csv", "a.csv.reason.txt", "../b.csv"):
        (aside / name).write_text("x")
    return root


def test_prometheus_reads_what_is_stored(kept: Root) -> None:
    assert samples_of(kept) == {
        ("seqclass_champion_age_seconds", "toy"): 3600,
        ("seqclass_training_seconds", "toy"): 5.5,
        ("seqclass_decisions_total", "promoted toy"): 1,
        ("seqclass_decisions_total", "refused toy"): 2,
        ("seqclass_decisions_total", "failed toy"): 1,
        ("seqclass_rows_to_decision_seconds_count", "toy"): 4,
        ("seqclass_rows_to_decision_seconds_sum", "toy"): 60,
        ("seqclass_tries", "toy"): 3,
        ("seqclass_inbox_files", "toy"): 1,
        ("seqclass_quarantine_files", "toy"): 1,
    }


def test_the_command_prints_and_the_upkeep_writes_the_same(kept: Root, seqclass: Command) -> None:
    code, out, _ = seqclass("metrics")
    assert code == 0
    write_metrics(NOW, kept)
    written = parsed(Path(kept.join(METRICS)).read_text())
    assert parsed(out).keys() == written.keys()
    assert len(written) == 10


def test_an_empty_root_and_a_model_that_is_damaged_or_closed_do_no_harm(kept: Root) -> None:
    store_champion(kept, "other")
    Path(newest_entry_of(kept, "toy")).write_text("{")
    samples = parsed(metrics_text(kept, NOW).decode())
    assert ("seqclass_tries", "toy") in samples
    ages = [key for key in samples if key[0] == "seqclass_champion_age_seconds"]
    assert ages == [("seqclass_champion_age_seconds", "other")]
    Path(kept.join("retrainings", "toy")).chmod(0)
    with ordinary_rights():
        assert ages[0] in parsed(metrics_text(kept, NOW).decode())
    Path(kept.join("retrainings", "toy")).chmod(0o755)
    empty = open_root(f"{kept.path}-empty")
    assert parsed(metrics_text(empty, NOW).decode()) == {}


def test_a_first_retraining_that_ends_meanwhile_is_told_the_next_time(root: Root) -> None:
    facts = facts_of_models(root)
    decide(root, "late", "refused", 0)
    assert parsed(_text(root, facts, NOW).decode()) == {}
    assert parsed(metrics_text(root, NOW).decode())[("seqclass_decisions_total", "refused late")]


MODELS = 4


@pytest.fixture
def many(bucket: Root) -> Root:
    """Models with retrainings, one of which is under way, and inboxes."""
    for number in range(MODELS):
        name = f"m{number}"
        store_champion(bucket, name)
        for second, decision in enumerate(("refused", "promoted")):
            decide(bucket, name, decision, second)
        bucket.fs.pipe_file(bucket.join("inbox", name, "a.csv"), b"x")
        bucket.fs.pipe_file(bucket.join("inbox", name, "done", "b.csv"), b"x")
    write_attempt(
        bucket, "m1", {"champion": "models/m1@v1", "dataset": "d", "tries": 2, "error": None}
    )
    return bucket


def decide(root: Root, name: str, decision: str, second: int) -> None:
    with staging(root, "retraining") as folder:
        record = {**DECIDED, "decision": decision, "dataset": "datasets/d@1", "waited_s": 10.0}
        commit_retraining(root, folder, name, record, NOW + timedelta(seconds=second))


def samples_of(root: Root) -> Samples:
    return parsed(metrics_text(root, NOW + timedelta(hours=1)).decode())


def test_an_upkeep_leaves_few_requests_until_something_changes_in_a_bucket(
    many: Root, requests_of: CountRequests
) -> None:
    plain = samples_of(many)
    assert requests_of(lambda: samples_of(many)) > 5 * MODELS
    write_metrics(NOW, many)
    assert samples_of(many) == plain
    assert plain[("seqclass_tries", "m1")] == 2
    assert plain[("seqclass_inbox_files", "m3")] == 1
    assert requests_of(lambda: samples_of(many)) <= 12 + MODELS
    decide(many, "m2", "refused", 5)
    newer = store_version(many, "m3")
    make_champion(many, "m3", newer.version, 60)
    changed = samples_of(many)
    assert changed[("seqclass_decisions_total", "refused m2")] == 2
    assert changed[("seqclass_champion_age_seconds", "m3")] == 3540
    assert changed[("seqclass_champion_age_seconds", "m0")] == 3600
    assert requests_of(lambda: samples_of(many)) <= 12 + MODELS + 20


def test_facts_of_another_form_are_not_told_and_a_damaged_model_is_looked_at_each_time(
    many: Root,
) -> None:
    plain = samples_of(many)
    write_metrics(NOW, many)
    path = many.join(FACTS)
    facts = json.loads(many.fs.cat_file(path))
    facts["facts"]["m0"]["decisions"] = 99
    many.fs.pipe_file(path, json.dumps(facts).encode())
    assert samples_of(many) == plain
    assert verify_tree(many)["bad"] == []
    entry = newest_entry_of(many, "m0")
    sound = many.fs.cat_file(entry)
    many.fs.pipe_file(entry, b"{")
    write_metrics(NOW, many)
    assert ("seqclass_champion_age_seconds", "m0") not in samples_of(many)
    many.fs.pipe_file(entry, sound)
    assert ("seqclass_champion_age_seconds", "m0") in samples_of(many)
