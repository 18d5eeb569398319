"""A network that still learns is taken further, as far as held-back rows show a gain."""

from dataclasses import replace

import numpy as np

from seqclass.training.learnt_rows import Rows
from seqclass.training.members import STILL_LEARNS, LstmMember
from seqclass.training.recipe import Recipe
from seqclass.training.replica import TrainingRows, begin_training
from seqclass.training.spec import TrainingSpec
from tests.support.networks import SMALL

SHORT = Recipe(updates=50, epochs=0, longest=200, shortest=50, warm_up=20)


def waves(n: int) -> Rows:
    """Noisy waves of two frequencies that are close together."""
    rng = np.random.default_rng(1)
    y = (np.arange(n) % 2).astype(np.int32)
    frequency, phase = np.where(y, 1.1, 1.0), rng.uniform(0, 2 * np.pi, n)
    waves = np.sin(frequency[:, None] * np.arange(20) + phase[:, None])
    return Rows((waves + rng.normal(0, 0.5, waves.shape))[..., None].astype(np.float32), y)


def member_of(rows: Rows, recipe: Recipe = SHORT, budget_s: float | None = None) -> LstmMember:
    spec = TrainingSpec(
        members=("conv-lstm",), recipe=recipe, architecture=SMALL, budget_s=budget_s
    )
    updates = list[tuple[str, int, int, float]]()
    member = LstmMember(
        begin_training(TrainingRows(rows, 2), spec, 0, lambda *a: updates.append(a))
    )
    member.next_fold()
    updates.clear()
    member.next_fold()
    assert [update for _, update, _, _ in updates] == [*range(50, member.limit + 1, 50)]
    return member


def test_all_networks_go_as_far_as_the_first_gains() -> None:
    member = member_of(waves(500))
    assert member.limit == 200
    assert [len(fit.losses) for fit in member.fits] == [200, 200]
    assert member.trained().why == STILL_LEARNS
    short = member_of(waves(500), replace(SHORT, longest=50))
    assert short.limit == 50
    assert member.fits[0].loss < short.fits[0].loss


def test_a_network_that_gains_nothing_ends_at_its_first_limit() -> None:
    rows = waves(500)
    noise = Rows(rows.x, np.random.default_rng(0).permutation(rows.y))
    member = member_of(noise)
    assert (member.limit, member.trained().why) == (50, None)


def test_few_rows_and_a_budget_that_is_spent_take_nothing_further() -> None:
    assert member_of(waves(300)).limit == 50
    assert member_of(waves(500), budget_s=0.001).limit == 50
