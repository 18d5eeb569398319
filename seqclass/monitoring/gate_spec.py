"""The limits that a challenger must keep."""

from dataclasses import dataclass, field

from seqclass.training.spec import Limits


@dataclass(frozen=True)
class GateSpec:
    """Limits that a challenger must keep on frozen test rows.

    floor: least macro F1 on the old ones, in [0, 1].
    significance: level of the one-sided tests for worse, in (0, 1).
    worse: macro F1 that it may lose, in [0, 1], on the old and on the newest rows; see
        ``paired.allowance``.
    class_fall: recall that a class may lose, in [0, 1], and ``class_falls`` by name where it
        differs; classes with fewer than ``class_rows`` rows are not judged alone, since a limit of
        a tenth is less than three of them, which can be lost by chance.
    least_rows: old test rows below which nothing is promoted.
    recovery: share of a drop in quality on new rows that the challenger must make good, in [0, 1].
    """

    floor: float = 0.0
    significance: float = 0.05
    worse: float = 0.03
    class_fall: float = 0.1
    class_falls: dict[str, float] | None = None
    class_rows: int = 30
    least_rows: int = 10
    recovery: float = 0.5

    def __post_init__(self) -> None:
        shares = ("floor", "significance", "worse", "class_fall", "recovery")
        for name, value in (
            *((name, getattr(self, name)) for name in shares),
            *(self.class_falls or {}).items(),
        ):
            if not 0 <= value <= 1:
                raise ValueError(
                    f"{name}: expected a number from 0 to 1, got {value}; correct the value"
                )
        for name in ("class_rows", "least_rows"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name}: expected at least 1, got {getattr(self, name)}; correct the value"
                )


@dataclass(frozen=True)
class Rules:
    """The rules that judge a version: the gate, limits for seeds and for first champions, and
    whether a person must approve."""

    gate: GateSpec = field(default_factory=GateSpec)
    limits: Limits = field(default_factory=Limits)
    approval: bool = False
