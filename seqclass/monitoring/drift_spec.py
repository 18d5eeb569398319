"""When new rows count as unlike those that a model was trained on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DriftSpec:
    """When a difference counts as drift.

    significance: chance of any false alarm in one look, in (0, 1). shift: Kolmogorov-Smirnov
    distance, or share of rows that have changed class, from which on a difference is large, in
    (0, 1). stability_index: the same of the population stability index, above 0. least_rows: new
    rows below which nothing is compared. most_rows: rows of either side that are looked at.
    """

    significance: float = 0.002
    shift: float = 0.15
    stability_index: float = 0.1
    least_rows: int = 20
    most_rows: int = 20_000

    def __post_init__(self) -> None:
        for name in ("significance", "shift"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise ValueError(
                    f"{name}: expected a number between 0 and 1, got {value}; correct it"
                )
        if not self.stability_index > 0 or self.least_rows < 2 or self.most_rows < 2:
            raise ValueError(
                "drift: expected stability_index above 0 and at least 2 rows, got "
                f"{self.stability_index}, {self.least_rows} and {self.most_rows}; correct them"
            )
