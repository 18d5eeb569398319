"""What balancing brings where a class is rare: the default recipe beside the unweighted loss."""

import tempfile
from dataclasses import replace
from typing import Any

from seqclass.flows.cli.command_line import set_defaults

N_SERIES, SHARES, SEEDS = 4000, (100.0, 1.0, 1.0), 5


def balanced_against_plain(seeds: int = SEEDS) -> list[dict[str, Any]]:
    """A row per recipe, for the families of preset ``hard`` at 100:1:1 and a test split as skewed.

    ``margin`` is the gain in mean balanced accuracy, ``spread`` the larger of both standard
    deviations over seeds.
    """
    set_defaults()
    from seqclass.flows.generation import generate_signals
    from seqclass.flows.stability import study_stability
    from seqclass.store.root import open_root
    from seqclass.store.studies import open_study
    from seqclass.synthesis.signals import PRESETS, SignalSpec
    from seqclass.training.recipe import Recipe
    from seqclass.training.spec import TrainingSpec
    from seqclass.training.study_spec import StudySpec

    plain = TrainingSpec(test_fraction=0.5, recipe=replace(Recipe(), balance="never"))
    recipes = {"default": replace(plain, recipe=Recipe()), "unweighted": plain}
    rare = SignalSpec(n_series=N_SERIES, weights=SHARES, **PRESETS["hard"])
    with tempfile.TemporaryDirectory() as root:
        dataset = generate_signals("rare", rare, root)
        study = study_stability(dataset, StudySpec(seeds=seeds, recipes=recipes), root)["study"]
        found = open_study(open_root(root), study).read_json("stability.json")["variants"]
    spreads = [variant["spread"]["balanced_accuracy"] for variant in found]
    margin = spreads[0]["mean"] - spreads[1]["mean"]
    return [
        {
            "recipe": variant["recipe"],
            "seeds": variant["n_seeds"],
            **{f"balanced_{key}": spread[key] for key in ("mean", "sd", "min", "max")},
            "macro_f1": variant["spread"]["macro_f1"]["mean"],
            "log_loss": variant["log_loss_mean"],
            "margin": margin,
            "spread": max(s["sd"] for s in spreads),
        }
        for variant, spread in zip(found, spreads, strict=True)
    ]
