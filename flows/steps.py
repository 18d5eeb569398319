"""The steps of trainings and retrainings as tasks of Prefect."""

from seqclass.pipeline.candidates import Candidate
from seqclass.pipeline.evaluate import Evaluated
from seqclass.pipeline.training import Steps
from seqclass.store.references import ModelRef, reference_of
from seqclass.store.root import Root
from seqclass.tasks import evaluation, registry, retraining, training
from seqclass.tasks.compute.assets import materializing
from seqclass.tasks.data import collect_leftovers, refresh_catalogue, split_rows
from seqclass.tasks.events import announce


def _register(candidate: Candidate, evaluated: Evaluated, name: str) -> str:
    """Register a candidate as an asset that is made from its dataset."""
    made_from = reference_of(candidate.dataset.ref)
    register = materializing(registry.register, ModelRef(name), candidate.root, made_from)
    return register(candidate, evaluated, name)


def _refresh(root: Root, refs: list[str]) -> str:
    return refresh_catalogue(root, *refs)


TASKS = Steps(
    collect_garbage=collect_leftovers,
    split_rows=split_rows,
    train_and_answer=training.train_and_answer,
    assemble=training.assemble,
    evaluate=evaluation.evaluate,
    compare=evaluation.compare,
    write_report=evaluation.write_report,
    register=_register,
    promote=registry.promote,
    forget_older=training.forget_older,
    refresh=_refresh,
    apply_training_policy=registry.apply_training_policy,
    apply_policy=registry.apply_policy,
    detect_new_data=retraining.detect_new_data,
    begin_try=retraining.begin_try,
    note_failure=retraining.note_failure,
    inspect_rows=retraining.inspect_rows,
    choose_rows=retraining.choose_rows,
    evaluate_challenger=retraining.evaluate_challenger,
    apply_decision=retraining.apply_decision,
    announce=announce,
)
