"""A root with one of every record, and where each lies."""

from seqclass.store.references import StudyRef
from seqclass.store.retrainings import commit_retraining
from seqclass.store.root import Root
from seqclass.store.scores import TABLE, ScoreSet
from seqclass.store.staging import staging
from seqclass.store.studies import commit_study
from tests.support.places import NOW
from tests.support.stored import DECIDED, store_champion, store_series

RECORDS = {
    "model": "models/m/v1/manifest.json",
    "dataset": "datasets/toy/*/manifest.json",
    "study": "studies/toy/*/manifest.json",
    "scores": "scores/m/v1/toy/*/manifest.json",
    "retraining": "retrainings/m/*/manifest.json",
    "entry": "log/models/m/000002.json",
}
SEALED = tuple(RECORDS)[:5]
"""Records that carry a digest of themselves."""


def store_every_record(root: Root) -> None:
    """A dataset, two versions of a model that were champions, a study, scores, a retraining."""
    store_series(root)
    for number in range(2):
        store_champion(root, "m", number)
    with staging(root, "study") as folder:
        root.fs.makedirs(folder, exist_ok=True)
        root.fs.pipe_file(f"{folder}/stability.json", b"{}")
        known = {"dataset": "datasets/toy@0", "spec": {}, "numerics": {}}
        commit_study(root, folder, StudyRef("toy", "0" * 16), known, NOW)
    with staging(root, "scores") as folder:
        root.fs.makedirs(folder, exist_ok=True)
        root.fs.pipe_file(f"{folder}/{TABLE}", b"")
        ScoreSet(root, "m", "v1", "toy", "0" * 16).write(folder, {"rows": 0, "unknown": 0}, NOW)
    with staging(root, "retraining") as folder:
        commit_retraining(root, folder, "m", DECIDED, NOW)
