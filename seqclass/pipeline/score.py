"""Scores: the answers of a model to a dataset or to files, stored and assessed."""

from seqclass.inference.assessment import Assessed, assess_answers
from seqclass.inference.score_data import RunJobs, ScoringSpec, score_data, score_in_turn
from seqclass.store.garbage import collect_garbage
from seqclass.store.registry import open_model
from seqclass.store.root import Root
from seqclass.workers import workers


def score(
    root: Root, model: str, data: str, spec: ScoringSpec | None = None, run: RunJobs | None = None
) -> Assessed:
    """Answer the rows that a version has not answered yet, and assess all of its answers.

    model: NAME, whose champion answers, or NAME@vN. data: a dataset, or a file or folder. run: runs
    the jobs; by default in processes that hold TensorFlow. ValueError, and nothing of this file is
    stored, if its rows can't be read, or are none that the model takes.
    """
    collect_garbage(root)
    version, spec = open_model(root, model), spec or ScoringSpec()
    jobs = run or workers().run
    answered = score_data(root, version.ref, data, spec, lambda shares: score_in_turn(shares, jobs))
    return {**answered, **assess_answers(version, answered["tables"], spec)}
