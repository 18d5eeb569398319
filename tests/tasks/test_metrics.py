"""The state of a root as Prometheus reads it."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from seqclass.store.retrainings import Attempt, commit_retraining, write_attempt
from seqclass.store.root import Root, open_root
from seqclass.store.staging import staging
from tasks.retraining.prometheus import METRICS, metrics_text, write_metrics
from tests.support.commands import Command
from tests.support.places import NOW
from tests.support.stored import store_champion, store_series

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
            record = {"decision": decision, "dataset": known, "waited_s": 10.0 * number}
            commit_retraining(root, folder, "toy", record, NOW + timedelta(seconds=number))
    write_attempt(root, "toy", Attempt("models/toy@v1", "d", 3, NOW.isoformat()))
    aside = Path(root.join("inbox", "toy", "quarantine"))
    aside.mkdir(parents=True)
    for name in ("a.csv", "a.csv.reason.txt", "../b.csv"):
        (aside / name).write_text("x")
    return root


def test_prometheus_reads_what_is_stored(kept: Root) -> None:
    found = parsed(metrics_text(kept, NOW + timedelta(hours=1)).decode())
    assert found == {
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
    write_metrics.fn(NOW, kept.url)
    written = parsed(Path(kept.join(METRICS)).read_text())
    assert parsed(out).keys() == written.keys()
    assert len(written) == 10


def test_an_empty_root_and_a_damaged_pointer_do_no_harm(root: Root, kept: Root) -> None:
    Path(kept.join("models", "toy", "aliases", "champion.json")).write_text("{")
    found = parsed(metrics_text(kept, NOW).decode())
    assert ("seqclass_tries", "toy") in found
    assert not any(name == "seqclass_champion_age_seconds" for name, _ in found)
    empty = open_root(f"{root.path}-empty")
    assert parsed(metrics_text(empty, NOW).decode()) == {}
