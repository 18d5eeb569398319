"""The stability gate: whether the seeds of a recipe agree well enough to trust one of them."""

from collections.abc import Sequence

import numpy as np

from seqclass.training.spec import Limits


def stability_gate(
    balanced_accuracy: Sequence[float],
    macro_f1: Sequence[float],
    restarts: Sequence[int],
    n_classes: int,
    limits: Limits,
) -> str | None:
    """Return one sentence on which limits are broken, by how much, and what to try; else None.

    The first three hold one value per seed, all of them from the same test rows.
    """
    return refused_by(unstable(balanced_accuracy, macro_f1, restarts, n_classes, limits))


def unstable(
    balanced_accuracy: Sequence[float],
    macro_f1: Sequence[float],
    restarts: Sequence[int],
    n_classes: int,
    limits: Limits,
) -> list[str]:
    """Return the limits that seeds break, one sentence each; arguments as in ``stability_gate``."""
    n_seeds, floor = len(macro_f1), 1 / n_classes + limits.above_chance
    worst = min(balanced_accuracy)
    spread = float(np.std(macro_f1, ddof=1)) if n_seeds > 1 else 0.0
    mean_restarts = float(np.mean(restarts))
    broken = []
    if not worst >= floor:
        broken.append(
            f"the worst of {n_seeds} seeds has balanced accuracy {worst:.4f}, {floor - worst:.4f} "
            f"below the floor of {floor:.4f} (chance and {limits.above_chance:g}); check the "
            "labels, lower the learning rate, or add rows"
        )
    if not spread <= limits.spread:
        broken.append(
            f"macro F1 spreads over {n_seeds} seeds by a standard deviation of {spread:.4f}, "
            f"{spread - limits.spread:.4f} above the limit of {limits.spread:g}; add rows, or "
            "raise the updates"
        )
    if not mean_restarts <= limits.restarts:
        broken.append(
            f"seeds began again {mean_restarts:.2f} times on average, "
            f"{mean_restarts - limits.restarts:.2f} above the limit of {limits.restarts:g}; lower "
            "the learning rate, or check the labels"
        )
    return broken


def refused_by(reasons: list[str] | None) -> str | None:
    """Return a gate's refusal in one sentence, or None without reasons."""
    return "refused by the gate: " + "; and ".join(reasons) if reasons else None
