"""Task: assess the accuracy, or the expected accuracy, of a version's answers."""

import json

from prefect import get_run_logger, task

from seqclass.inference.assessment import Assessment, assess_answers
from seqclass.inference.score_data import ScoringSpec
from seqclass.store.registry import open_model
from seqclass.store.root import open_root


@task(name="assess")
def assess(model_ref: str, tables: list[str], spec: ScoringSpec, root_url: str) -> Assessment:
    """Score the rows whose labels are known, None without any, and estimate the accuracy of all."""
    model = open_model(open_root(root_url), model_ref)
    summary = assess_answers(model, tables, spec)
    get_run_logger().info("%s", json.dumps(summary))
    return summary
