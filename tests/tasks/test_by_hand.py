"""A person's decisions by the forms in Prefect: they are carried out, and the audit names who."""

from datetime import UTC, datetime, timedelta

import pytest

from flows.forms import promote_model, prune_store, roll_back_model, set_model_policy
from seqclass.monitoring.policy import ModelPolicy
from seqclass.monitoring.retrain_spec import RetrainSpec
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
PROMOTED = "seqclass.model.promoted"


@pytest.fixture
def stored(root: Root, prefect: str) -> Root:
    """Five versions, of which the second is champion after the first."""
    store_series(root)
    for number in range(1, 6):
        store_version(root, "m")
        if number < 3:
            make_champion(root, "m", f"v{number}", number)
    return root


def said(root: Root) -> tuple[str, str]:
    entry = read_log(root, "m")[-1]
    return entry["actor"], entry["reason"]


def test_a_form_promotes_and_rolls_back_and_the_audit_names_the_person(stored: Root) -> None:
    by_form = f"Ann Lee (by the form in Prefect, run by {actor()})"
    promote_model("m@v3", *ANN, force=True, root=stored.url)
    assert (champion_of(stored, "m"), said(stored)) == ("v3", (by_form, "I looked"))
    roll_back_model("m", *ANN, root=stored.url)
    assert (champion_of(stored, "m"), said(stored)) == ("v2", (by_form, "I looked"))


def test_a_version_that_the_gate_refuses_is_not_promoted_without_force(stored: Root) -> None:
    before = read_log(stored, "m")
    with pytest.raises(ValueError, match="force overrules it"):
        promote_model("m@v3", *ANN, root=stored.url)
    assert (champion_of(stored, "m"), read_log(stored, "m")) == ("v2", before)


@pytest.mark.parametrize("person", [("", "why"), ("a\nb", "why"), ("x" * 81, "why"), ("Ann", " ")])
def test_nobody_decides_without_a_name_and_a_reason(stored: Root, person: tuple[str, str]) -> None:
    before = read_log(stored, "m")
    with pytest.raises(ValueError, match=r"^(name|reason): expected"):
        promote_model("m@v3", *person, force=True, root=stored.url)
    assert read_log(stored, "m") == before


def test_a_form_sets_and_removes_a_policy(stored: Root) -> None:
    set_model_policy("m", *ANN, ModelPolicy(owner="ops"), stored.url)
    assert policy_of(stored, "m") == ModelPolicy(owner="ops")
    assert said(stored)[0].startswith("Ann Lee")
    set_model_policy("m", *ANN, None, stored.url)
    assert policy_of(stored, "m") is None


def test_a_form_tells_what_would_go_and_removes_it_only_where_that_is_wanted(stored: Root) -> None:
    keep_none = PruneSpec(days=0, rollbacks=1)
    told = prune_store(*ANN, keep_none, False, stored.url)
    assert "models/m@v3" in told["goes"]
    assert (told["removed"], len(model_versions(stored, "m"))) == ([], 5)
    done = prune_store(*ANN, keep_none, True, stored.url)
    assert done["removed"] == told["goes"]
    assert "v3" not in model_versions(stored, "m")
    assert said(stored)[0].startswith("Ann Lee")


@pytest.mark.parametrize(
    ("words", "event"),
    [
        (("decline", "m@v3", "--reason", "odd"), "seqclass.model.refused"),
        (("approve", "m@v3", "--reason", "good"), "seqclass.model.promoted"),
        (("promote", "m@v3", "--force"), "seqclass.model.promoted"),
        (("rollback", "m"), "seqclass.model.rolled-back"),
    ],
)
def test_the_event_of_a_command_names_the_owner(
    stored: Root, seqclass: Command, words: tuple[str, ...], event: str
) -> None:
    owner = f"ann of {stored.path}"
    set_policy(stored, "m", ModelPolicy(owner=owner), "")
    version = store_version(stored, "m", evidence_stored("v2")).version
    grounds = MoveReason("me", "not worse", {})
    ask(next_turn(stored, "m"), version, grounds, datetime.now(UTC) + timedelta(days=1))
    code, _, err = seqclass(*(word.replace("v3", version) for word in words))
    assert code == 0, err

    def named() -> bool:
        return owner in [found["payload"]["owner"] for found in events_of(event)]

    until(named)


@pytest.mark.parametrize("way", ["command", "form"])
def test_a_promotion_that_needs_approval_is_announced(
    stored: Root, seqclass: Command, way: str
) -> None:
    owner = f"bob of {stored.path}"
    set_policy(stored, "m", ModelPolicy(RetrainSpec(approval=True), owner=owner), "")
    version = store_version(stored, "m", evidence_stored("v2")).ref.removeprefix("models/")

    def promote() -> None:
        if way == "command":
            assert seqclass("promote", version)[0] == 3
        else:
            with pytest.raises(ValueError, match="awaits approval"):
                promote_model(version, *ANN, root=stored.url)

    def told() -> list[dict]:
        found = events_of("seqclass.approval.needed")
        return [event for event in found if event["payload"]["owner"] == owner]

    promote()
    [event] = until(told)
    assert f"seqclass approve {version}" in event["payload"]["reason"]
    promote()
    assert seqclass("promote", version, "--force")[0] == 0
    until(lambda: owner in [own["payload"]["owner"] for own in events_of(PROMOTED)])
    assert len(told()) == 1, "the same question is announced once"


def test_whom_one_acts_as_is_forgotten_afterwards() -> None:
    own = actor()
    with acting_as("Ann"):
        assert actor() == "Ann"
    assert actor() == own
