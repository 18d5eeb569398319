"""Tasks on registered models: registration and reproduction."""

from prefect import task

from seqclass.pipeline import register as registration
from seqclass.pipeline import reproduce as reproduction
from seqclass.pipeline.candidates import Candidate
from seqclass.pipeline.evaluate import Evaluated
from seqclass.store.models import REPORT
from seqclass.store.root import Root
from seqclass.tasks.compute.assets import describe_asset
from seqclass.tasks.training import train_seeds


@task(name="register")
def register(candidate: Candidate, evaluated: Evaluated, name: str) -> str:
    """Seal a candidate as ``models/<name>@vN``; returns its reference."""
    root = candidate.root
    ref = registration.register(candidate, evaluated, name)
    report = f"{root.url}/{ref.replace('@', '/')}/{REPORT}"
    describe_asset(root, ref, digest=candidate.dataset.manifest["digest"], report=report)
    return ref


@task(name="reproduce")
def reproduce(model: str, root: Root) -> reproduction.Reproduction:
    """Train a registered model again and compare weights, predictions and scores."""
    return reproduction.reproduce(model, root, train_seeds)
