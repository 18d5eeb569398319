"""The registry under any order of deeds: it does what a list does.

Examples are drawn from the tests themselves (``derandomize``), so that each run tries the same.
"""

import itertools
import tempfile
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from seqclass.pipeline.promote import promote_version, roll_back
from seqclass.store.catalogue import verify_tree
from seqclass.store.log import next_turn
from seqclass.store.models import model_versions
from seqclass.store.registry import MoveReason, champion_of, write_refusal
from seqclass.store.root import Root, open_root
from tests.support.places import NOW
from tests.support.stored import read_decisions, store_version


class Registry(RuleBasedStateMachine):
    """A root with one model beside a list of its moves."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.root: Root = open_root(self.folder.name)
        self.moves: list[tuple[str, str | None, str]] = []
        self.refusals, self.clock = 0, itertools.count()
        store_version(self.root, "m")

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    @property
    def champion(self) -> str | None:
        return self.moves[-1][2] if self.moves else None

    def before(self) -> str | None:
        """The champion that the present one took the place of when it was last promoted."""
        promoted = [
            old for what, old, new in self.moves if (what, new) == ("promote", self.champion)
        ]
        return promoted[-1] if promoted else None

    def now(self):
        return NOW + timedelta(seconds=next(self.clock))

    @rule()
    def register(self) -> None:
        n_versions = len(model_versions(self.root, "m"))
        assert store_version(self.root, "m").version == f"v{n_versions + 1}"

    @rule(number=st.integers(0, 9))
    def promote(self, number: int) -> None:
        versions = model_versions(self.root, "m")
        version = versions[number % len(versions)]
        moved = promote_version(self.root, f"m@{version}", "why", True, self.now())["moved"]
        assert moved is (version != self.champion)
        if moved:
            self.moves.append(("promote", self.champion, version))

    @rule()
    def rollback(self) -> None:
        wanted = self.before()
        if wanted is None:
            with pytest.raises(ValueError, match="expected"):
                roll_back(self.root, "m", "why", self.now())
            return
        assert roll_back(self.root, "m", "why", self.now())["to"] == wanted
        self.moves.append(("rollback", self.champion, wanted))

    @rule()
    def refuse(self) -> None:
        write_refusal(next_turn(self.root, "m"), "v1", MoveReason("me", "worse", {}, self.now()))
        self.refusals += 1

    @invariant()
    def is_as_the_list_says(self) -> None:
        if not hasattr(self, "root"):
            return
        assert champion_of(self.root, "m") == self.champion
        decided = [(e["what"], e["from"], e["to"]) for e in read_decisions(self.root, "m")]
        assert [entry for entry in decided if entry[0] != "refuse"] == self.moves
        assert len(decided) == len(self.moves) + self.refusals
        assert verify_tree(self.root)["bad"] == []


@pytest.mark.system
def test_the_registry_does_what_a_list_does() -> None:
    drawn = settings(max_examples=15, stateful_step_count=15, derandomize=True, database=None,
                     suppress_health_check=list(HealthCheck))  # fmt: skip
    run_state_machine_as_test(Registry, settings=drawn)
