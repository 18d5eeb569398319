"""Flows for a person's decisions, as forms in Prefect; there are commands for the same."""

from prefect import flow

from seqclass.flows.run_context import label_run, resolve_root
from seqclass.monitoring.policy import ModelPolicy
from seqclass.pipeline.by_hand import Person, Pruned
from seqclass.pipeline.promote import Move
from seqclass.store.approvals import question_about
from seqclass.store.prune_spec import PruneSpec
from seqclass.tasks.data import refresh_catalogue
from seqclass.tasks.events import announce_by_hand, announce_question
from seqclass.tasks.registry import promote_by_hand, prune, roll_back_by_hand, set_policy_by_hand


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
    move = promote_by_hand(model, person, force, store)
    if move["refused"]:
        if not asked_before:
            announce_question(move["model"], store)
        raise ValueError(f"MODEL: expected a version that the gate lets in, got {model}: "
                         f"{move['refused']}; force overrules it")  # fmt: skip
    refresh_catalogue(store, [move["model"]])
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
    move = roll_back_by_hand(model, person, store)
    refresh_catalogue(store, [move["model"]])
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
    refresh_catalogue(store, [set_policy_by_hand(model, policy, person, store)])


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
    pruned = prune(spec or PruneSpec(), remove, person, store)
    refresh_catalogue(store, pruned["pages"])
    return pruned
