"""Tasks on registered models: registration, a person's decisions, reproduction."""

from prefect import task

from seqclass.pipeline import approve, by_hand
from seqclass.pipeline import register as registration
from seqclass.pipeline import reproduce as reproduction
from seqclass.pipeline.candidates import Candidate
from seqclass.pipeline.evaluate import Evaluated
from seqclass.store.models import REPORT
from seqclass.store.root import Root
from seqclass.tasks.compute.assets import describe_asset
from seqclass.tasks.training import train_seeds

answer = task(name="answer")(approve.answer)
decline_unanswered = task(name="decline unanswered")(approve.decline_unanswered)
promote_by_hand = task(name="promote by hand")(by_hand.promote_by_hand)
roll_back_by_hand = task(name="roll back by hand")(by_hand.roll_back_by_hand)
set_policy_by_hand = task(name="set policy")(by_hand.set_policy_by_hand)
prune = task(name="prune")(by_hand.prune)


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
