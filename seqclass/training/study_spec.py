"""The trainings of a stability study."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from seqclass.networks.architecture import Kind
from seqclass.training.spec import TrainingSpec


@dataclass(frozen=True)
class Variant:
    """One recipe with one architecture."""

    recipe: str
    architecture: Kind
    spec: TrainingSpec

    def label(self, seed: int) -> str:
        """Return the name of a run in progress and messages."""
        return f"{self.recipe}, {self.architecture}, seed {seed}"


@dataclass(frozen=True)
class StudySpec:
    """A stability study: every seed of every recipe with every architecture.

    seeds: their number, at least 1; first_seed: the lowest of them, not negative.
    architectures: kinds that each recipe is tried with (empty: its own).
    recipes: training specs by name; their own seeds do not count.
    """

    seeds: int = 20
    first_seed: int = 0
    architectures: tuple[Kind, ...] = ()
    recipes: dict[str, TrainingSpec] = field(default_factory=lambda: {"default": TrainingSpec()})

    def __post_init__(self) -> None:
        TrainingSpec(seeds=self.seeds, first_seed=self.first_seed)
        if not self.recipes or len(set(self.architectures)) < len(self.architectures):
            raise ValueError(
                "study: expected at least one recipe and different architectures, got "
                f"{', '.join(self.recipes) or 'none'} and {', '.join(self.architectures)}; "
                "correct the lists"
            )

    def variants(self) -> Iterator[Variant]:
        """Yield every recipe with every architecture, in the spec's order."""
        for name, recipe in self.recipes.items():
            for kind in self.architectures or (recipe.architecture.kind,):
                architecture = replace(recipe.architecture, kind=kind)
                spec = replace(
                    recipe,
                    architecture=architecture,
                    seeds=self.seeds,
                    first_seed=self.first_seed,
                )
                yield Variant(name, kind, spec)
