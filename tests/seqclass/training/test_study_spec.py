"""What a stability study trains: every seed of every recipe with every architecture."""

from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.networks.architecture import KINDS, Architecture
from seqclass.training.spec import TrainingSpec
from seqclass.training.study_spec import StudySpec

RECIPES = {
    "plain": TrainingSpec(seeds=9, first_seed=3),
    "calm": TrainingSpec(validation_fraction=0.3, architecture=Architecture("lstm", units=8)),
}


@settings(max_examples=20)
@given(
    kinds=st.lists(st.sampled_from(KINDS), unique=True).map(tuple),
    names=st.lists(st.sampled_from([*RECIPES]), min_size=1, unique=True),
    seeds=st.integers(1, 9),
    first=st.integers(0, 99),
)
def test_every_recipe_meets_every_architecture_and_keeps_the_rest_of_itself(
    kinds: tuple, names: list[str], seeds: int, first: int
) -> None:
    study = StudySpec(seeds, first, kinds, {name: RECIPES[name] for name in names})
    variants = [*study.variants()]
    assert [(variant.recipe, variant.architecture) for variant in variants] == [
        (name, kind) for name in names for kind in kinds or (RECIPES[name].architecture.kind,)
    ]
    for variant in variants:
        recipe = RECIPES[variant.recipe]
        assert variant.spec.architecture.kind == variant.architecture
        assert variant.spec.architecture.units == recipe.architecture.units
        assert variant.spec.validation_fraction == recipe.validation_fraction
        assert variant.spec.replica_seeds == range(first, first + seeds)
        assert variant.label(7) == f"{variant.recipe}, {variant.architecture}, seed 7"
