"""Retrainings that are decided without a training: a challenger and its verdict."""

from datetime import datetime, timedelta
from typing import Any

from prefect.logging import disable_run_logger

import seqclass.pipeline.decision
from seqclass.monitoring.retrain_spec import RetrainSpec, Rules
from seqclass.pipeline.compare import verdict_of
from seqclass.pipeline.decision import Challenge
from seqclass.pipeline.detection import NewData, RetrainRun
from seqclass.store.root import Root
from seqclass.store.staging import staging
from tests.support.evidence import WORSE, evidence
from tests.support.places import NOW
from tests.support.stored import SCORES, store_champion, store_series, store_version

VERDICT: Any = verdict_of(evidence(), Rules())
REFUSED: Any = verdict_of(evidence(**WORSE), Rules())
SEEN = {"resting": None, "words": [], "quality": None, "drift": None}
LATER = NOW + timedelta(hours=1)


def store_two(root: Root, name: str = "toy") -> Root:
    """Two versions, of which the first is champion."""
    ref = store_series(root, name).ref
    store_champion(root, name, dataset=ref, metrics=SCORES)
    store_version(root, name, VERDICT, dataset=ref, metrics=SCORES)
    return root


FRESH = frozenset(f"s{i:03d}" for i in range(30))


def apply_verdict(
    root: Root,
    verdict: dict[str, Any],
    now: datetime | None = LATER,
    spec: RetrainSpec | None = None,
    challenger: str = "v2",
    name: str = "toy",
) -> Any:
    """Decide about a challenger; ``now``: a simulated time, none for the present."""
    version = next(iter(root.names("datasets", name)))
    new_data = NewData(f"models/{name}@v1", "", "", f"datasets/{name}@{version}", FRESH)
    spec = spec or RetrainSpec()
    turn = RetrainRun(name, spec, now or NOW, root, now)
    judged = {**verdict, "rules": {**verdict["rules"], "approval": spec.approval}}
    with disable_run_logger(), staging(root, f"retraining-{name}") as folder:
        return seqclass.pipeline.decision.apply_decision(
            new_data, SEEN, Challenge(f"models/{name}@{challenger}", judged), folder, turn
        )
