"""A person's decisions by the forms in Prefect: they are carried out, and the audit names who."""

from datetime import UTC, datetime, timedelta

import pytest

from seqclass.flows.forms import promote_model, prune_store, roll_back_model, set_model_policy
from seqclass.monitoring.policy import ModelPolicy
from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.pipeline.by_hand import Person
from seqclass.policies import policy_of, set_policy
from seqclass.store.approvals import ask
from seqclass.store.log import acting_as, actor, next_turn, read_log
from seqclass.store.models import model_versions
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.registry import MoveReason, champion_of
from seqclass.store.root import Root
from tests.support.commands import Command
from tests.support.events import events_of
from tests.support.evidence import stored as evidence_stored
from tests.support.stored import make_champion, store_series, store_version
from tests.support.waiting import until

ANN = ("Ann Lee", "I looked")
PROMOTED, REFUSED = "seqclass.model.promoted", "seqclass.model.refused"


@pytest.fixture
def stored(root: Root, prefect: str) -> Root:
    """Five versions, of which the second is champion after the first."""
    store_series(root)
    for number in range(1, 6):
        store_version(root, "m")
        if number < 3:
            make_champion(root, "m", f"v{number}", number)
    return root


def last_words(root: Root) -> tuple[str, str]:
    entry = read_log(root, "m")[-1]
    return entry["actor"], entry["reason"]


def test_a_form_promotes_and_rolls_back_and_the_audit_names_the_person(stored: Root) -> None:
    by_form = f"Ann Lee (by the form in Prefect, run by {actor()})"
    promote_model("m@v3", *ANN, force=True, root=stored.url)
    assert (champion_of(stored, "m"), last_words(stored)) == ("v3", (by_form, "I looked"))
    roll_back_model("m", *ANN, root=stored.url)
    assert (champion_of(stored, "m"), last_words(stored)) == ("v2", (by_form, "I looked"))


def test_a_form_sets_a_policy_and_prunes_where_that_is_wanted(stored: Root) -> None:
    set_model_policy("m", *ANN, ModelPolicy(owner="ops"), stored.url)
    assert policy_of(stored, "m") == ModelPolicy(owner="ops")
    assert last_words(stored)[0].startswith("Ann Lee")
    set_model_policy("m", *ANN, None, stored.url)
    assert policy_of(stored, "m") is None
    keep_none = PruneSpec(days=0, rollbacks=1)
    plan = prune_store(*ANN, keep_none, False, stored.url)
    assert "models/m@v3" in plan["goes"]
    assert (plan["removed"], len(model_versions(stored, "m"))) == ([], 5)
    assert prune_store(*ANN, keep_none, True, stored.url)["removed"] == plan["goes"]
    assert "v3" not in model_versions(stored, "m")
    assert last_words(stored)[0].startswith("Ann Lee")


def test_a_version_that_the_gate_refuses_is_not_promoted_without_force(stored: Root) -> None:
    before = read_log(stored, "m")
    with pytest.raises(ValueError, match="force overrules it"):
        promote_model("m@v3", *ANN, root=stored.url)
    assert (champion_of(stored, "m"), read_log(stored, "m")) == ("v2", before)


@pytest.mark.parametrize("person", [("", "why"), ("a\nb", "why"), ("x" * 81, "why"), ("Ann", " ")])
def test_nobody_decides_without_a_name_and_a_reason(person: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=r"^(name|reason): expected"):
        Person(*person)


def test_whom_one_acts_as_is_forgotten_afterwards() -> None:
    account = actor()
    with acting_as("Ann"):
        assert actor() == "Ann"
    assert actor() == account


def owned(root: Root, policy: ModelPolicy) -> str:
    """Set a policy of an owner that no other test has, and a version that passes the gate."""
    set_policy(root, "m", policy, "")
    return store_version(root, "m", evidence_stored("v2")).ref.removeprefix("models/")


def of_owner(event: str, owner: str) -> list[dict]:
    return [found for found in events_of(event) if found["payload"]["owner"] == owner]


def test_the_event_of_a_command_names_the_owner(stored: Root, seqclass: Command) -> None:
    owner = f"ann of {stored.path}"
    version = owned(stored, ModelPolicy(owner=owner))
    for words, event in (
        (("decline", version, "--reason", "odd"), REFUSED),
        (("approve", version, "--reason", "good"), PROMOTED),
        (("rollback", "m"), "seqclass.model.rolled-back"),
    ):
        if event != "seqclass.model.rolled-back":
            later = datetime.now(UTC) + timedelta(days=1)
            number = version.rpartition("@")[2]
            ask(next_turn(stored, "m"), number, MoveReason("me", "not worse", {}), later)
        assert seqclass(*words)[0] == 0
        until(lambda event=event: of_owner(event, owner))


def test_a_promotion_that_needs_approval_is_announced_once(stored: Root, seqclass: Command) -> None:
    owner = f"bob of {stored.path}"
    for first in ("command", "form"):
        version = owned(stored, ModelPolicy(RetrainSpec(approval=True), owner=owner))
        for way in (first, "form", "command"):
            if way == "command":
                assert seqclass("promote", version)[0] == 3
            else:
                with pytest.raises(ValueError, match="awaits approval"):
                    promote_model(version, *ANN, root=stored.url)
        needed = until(lambda version=version: [
            event for event in of_owner("seqclass.approval.needed", owner)
            if f"seqclass approve {version}" in event["payload"]["reason"]
        ])  # fmt: skip
        assert len(needed) == 1
    assert seqclass("promote", version, "--force")[0] == 0
    until(lambda: of_owner(PROMOTED, owner))
    assert len(of_owner("seqclass.approval.needed", owner)) == 2
