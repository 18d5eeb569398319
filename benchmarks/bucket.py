"""Requests and seconds of commands on 5,000 model versions in a bucket, on moto's server."""

import os
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, cast

from seqclass.evaluation.decisions import LARGEST
from seqclass.pipeline.prometheus import write_metrics
from seqclass.store.catalogue import keep_list
from seqclass.store.log import next_turn
from seqclass.store.manifests import DecisionRecord, ModelDescription
from seqclass.store.models import commit_model
from seqclass.store.registry import MoveReason, move_champion
from seqclass.store.root import Root, open_root
from seqclass.store.staging import staging
from tests.support.buckets import ACCESS, Requests, endpoint

MODELS, VERSIONS = 500, 10
COMMANDS = ("models", "models --json", "history model-7", "metrics")
KNOWN: ModelDescription = {
    "dataset": "datasets/signals@0123456789abcdef",
    "dataset_digest": "0" * 64,
    "dataset_source": {},
    "reading": {},
    "registered_seed": 0,
    "decision": cast(DecisionRecord, asdict(LARGEST)),
    "symbols": {},
    "numerics": {},
    "classes": ["a", "b"],
    "channels": ["value"],
    "refused": None,
    "metrics": {"macro_f1": 0.99, "accuracy": 0.99, "log_loss": 0.03},
    "spec": {},
}


def measure() -> list[dict[str, Any]]:
    """A row per command: its requests, and its seconds beside those of an empty store."""
    with endpoint() as (requests, url):
        os.environ.update({**ACCESS, "AWS_ENDPOINT_URL_S3": url})
        import s3fs

        s3fs.S3FileSystem().mkdir("lists")
        root = open_root("s3://lists/tree")
        _fill(root)
        plain = _run(requests, "models", root)
        unkept = _run(requests, "metrics", root)
        keep_list(root)
        write_metrics(datetime.now(UTC), root)
        rows = [_run(requests, command, root) for command in COMMANDS]
        before = [{**own, "what": f"{own['what']}, nothing kept"} for own in (plain, unkept)]
        return [*before, *rows]


def _fill(root: Root) -> None:
    """Register the versions of one model, and copy its objects for the others."""
    for number in range(1, VERSIONS + 1):
        with staging(root, "version") as folder:
            root.fs.pipe_file(f"{folder}/metrics.json", b"{}")
            commit_model(root, folder, "model-0", KNOWN, datetime.now(UTC))
        move_champion(next_turn(root, "model-0"), f"v{number}", MoveReason("bench", "newer", {}))
    folders = [root.join("models", "model-0"), root.join("log", "models", "model-0")]
    paths = [path for folder in folders for path in root.fs.find(folder)]
    made = {path: root.fs.cat_file(path) for path in paths}
    for number in range(1, MODELS):
        root.fs.pipe({
            path.replace("model-0", f"model-{number}"): content for path, content in made.items()
        })  # fmt: skip


def _run(requests: Requests, command: str, root: Root) -> dict[str, Any]:
    before, began = requests.count, time.perf_counter()
    words = [sys.executable, "-m", "seqclass.flows", *command.split(), "--root", root.url]
    found = subprocess.run(words, check=True, capture_output=True, text=True)
    return {
        "what": command,
        "requests": requests.count - before,
        "seconds": time.perf_counter() - began,
        "lines": found.stdout.count("\n"),
    }
