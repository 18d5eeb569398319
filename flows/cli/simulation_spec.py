"""The spec of ``seqclass simulate``."""

import math
from dataclasses import dataclass, field

from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.networks.architecture import Architecture
from seqclass.series import check_choice, check_ranges
from seqclass.synthesis.arrival_scenarios import SCENARIOS, ScenarioSpec
from seqclass.training.recipe import Recipe
from seqclass.training.spec import TrainingSpec

LIGHT = TrainingSpec(
    seeds=1,
    members=("conv-lstm",),
    networks={"conv-lstm": 1},
    recipe=Recipe(updates=400, epochs=1, restart_check_step=200, restarts=1),
    architecture=Architecture(filters=16, units=16),
)
"""A training of a few seconds, which is enough for series of a few dozen steps."""


@dataclass(frozen=True)
class SimulationSpec:
    """The replay of ``weeks`` of a scenario, with a first delivery before them."""

    scenario: str = "story"
    weeks: int = 12
    arrivals: ScenarioSpec = field(default_factory=ScenarioSpec)
    training: TrainingSpec = LIGHT
    retraining: RetrainSpec = field(default_factory=RetrainSpec)

    def __post_init__(self) -> None:
        check_choice("--scenario", self.scenario, SCENARIOS)
        check_ranges(self, [("weeks", 1, math.inf)])
