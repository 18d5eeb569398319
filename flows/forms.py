"""Flows for a person's decisions, as forms in Prefect; there are commands for the same."""

from prefect import flow

from seqclass.flows.dispatch import start_due
from seqclass.flows.run_context import is_served, label_run, resolve_root
from seqclass.monitoring.policy import ModelPolicy
from seqclass.pages.index_pages import refresh
from seqclass.pipeline.by_hand import Person, Pruned, prune
from seqclass.pipeline.promote import Move, promote_version, roll_back
from seqclass.policies import set_policy
from seqclass.store.approvals import question_about
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.registry import check_model, plain_name
from seqclass.tasks.compute.steps import as_task
from seqclass.tasks.events import announce_by_hand, announce_question


@flow(name="promote-version", flow_run_name="promote {model}")
def promote_model(
    model: str, name: str, reason: str, force: bool = False, root: str | None = None
) -> Move:
    """Make a version the champion.

    Args:
        model: The version, NAME@vN.
        name: Who decides; it stands in the audit.
        reason: Why; it stands in the audit.
        force: Overrule the gate and the policy's approval, as the audit then says.
    """
    person, store = Person(name, reason), resolve_root(root)
    asked_before = question_about(store, model)
    label_run(model=model.partition("@")[0])
    with person.acting():
        move = as_task(promote_version)(store, model, reason, force)
    if move["refused"]:
        if not asked_before:
            announce_question(move["model"], store)
        raise ValueError(f"MODEL: expected a version that the gate lets in, got {model}: "
                         f"{move['refused']}; force overrules it")  # fmt: skip
    announce_by_hand("seqclass.model.promoted", move, reason, store)
    return move


@flow(name="roll-back-model", flow_run_name="roll back {model}")
def roll_back_model(model: str, name: str, reason: str, root: str | None = None) -> Move:
    """Make the champion before the present one the champion again.

    Args:
        model: The model, NAME.
        name: Who decides; it stands in the audit.
        reason: Why; it stands in the audit.
    """
    person, store = Person(name, reason), resolve_root(root)
    label_run(model=model)
    with person.acting():
        move = as_task(roll_back)(store, model, reason)
    announce_by_hand("seqclass.model.rolled-back", move, reason, store)
    return move


@flow(name="set-policy", flow_run_name="policy of {model}")
def set_model_policy(
    model: str,
    name: str,
    reason: str,
    policy: ModelPolicy | None = None,
    root: str | None = None,
) -> None:
    """Set what every training and retraining of a model keeps to, or remove it.

    Args:
        model: The model, NAME.
        name: Who decides; it stands in the audit.
        reason: Why; it stands in the audit.
        policy: The whole policy; none removes it.
    """
    person, store = Person(name, reason), resolve_root(root)
    label_run(model=model)
    checked = check_model(store, plain_name(model, "every version"))
    with person.acting():
        as_task(set_policy)(store, checked, policy, reason)
    as_task(refresh)(store, [f"models/{checked}"])
    if is_served():
        as_task(start_due)([checked], store)


@flow(name="prune-store", flow_run_name="prune")
def prune_store(
    name: str,
    reason: str,
    spec: PruneSpec | None = None,
    remove: bool = False,
    root: str | None = None,
) -> Pruned:
    """Say which versions, datasets, scores and files nothing needs any more, and remove them.

    Args:
        name: Who decides; it stands in the audit.
        reason: Why; it stands in the audit.
        spec: How much is kept: days, and champions before the present one.
        remove: Remove it; else it is only told in the run's log.
    """
    person, store = Person(name, reason), resolve_root(root)
    with person.acting():
        pruned = as_task(prune)(spec or PruneSpec(), remove, reason, store)
    as_task(refresh)(store, pruned["pages"])
    return pruned
