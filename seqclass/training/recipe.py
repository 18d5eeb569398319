"""The settings by which a network is trained."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from seqclass.series import check_ranges

MAX_CLOSED = 20_000
"""Most training rows that members in closed form are fitted to."""
MAX_LANDMARKS = 1000
"""Most training rows (landmarks) that a kernel compares rows with."""
CHUNK = 50
"""Updates between two checks of the losses; budgets are rounded up to a multiple of it."""


@dataclass(frozen=True)
class Recipe:
    """The settings of a network's training, the same for all data sets, chosen on training rows.

    updates: most gradient steps, or ``epochs`` passes over the rows if that is more.
    longest: most gradient steps to which a network that still learns is taken further.
    smallest_batch, largest_batch: limits of the batch, which is a tenth of the rows, rounded down
    to a multiple of the smallest: the kernel takes as long for 17 rows as for 32.
    learning_rate: its peak with batches of the smallest size; it grows in proportion to the batch
    (the linear scaling rule of Goyal et al. 2017, "Accurate, Large Minibatch SGD"). It is reached
    after ``warm_up`` updates and followed by a cosine to zero.
    weight_decay: of kernels only (AdamW), for at most ``few_rows`` training rows. With more rows it
    falls in proportion to their reciprocal, since it stands for a prior, which counts less with
    more rows.
    clip: global norm of the gradient. ema_decay: momentum of the averaged weights, which are kept.
    solved: mean loss (nats) at which nothing is left to learn. A network stops there once it has
    had ``shortest`` updates, and members that cost more are not trained.
    restarts: most new beginnings of a network whose loss is not finite or is too high at its check.
    restart_check_step: updates after which the loss must be below 0.9 ln(classes); it is compared
    at the next multiple of 50.
    balance: whether rare classes get the logit-adjusted loss; ``auto``: if the largest class has at
    least ``imbalance`` times the rows of the smallest.
    """

    updates: int = 400
    epochs: int = 20
    longest: int = 6400
    smallest_batch: int = 16
    largest_batch: int = 64
    learning_rate: float = 2e-3
    warm_up: int = 100
    weight_decay: float = 0.1
    few_rows: int = 1000
    clip: float = 1.0
    ema_decay: float = 0.99
    solved: float = 0.01
    shortest: int = 100
    restarts: int = 3
    restart_check_step: int = 400
    balance: Literal["auto", "always", "never"] = "auto"
    imbalance: float = 10.0

    def __post_init__(self) -> None:
        check_ranges(
            self,
            [
                ("updates smallest_batch largest_batch imbalance few_rows", 1, math.inf),
                ("epochs longest shortest restarts restart_check_step warm_up", 0, math.inf),
                ("weight_decay solved", 0, math.inf),
                ("learning_rate clip", 1e-12, math.inf),
                ("ema_decay", 0, 1),
            ],
        )

    def balances(self, rows_per_class: Sequence[int]) -> bool:
        """Check whether rare classes are balanced, by the rows of each class."""
        rare, frequent = min(rows_per_class), max(rows_per_class)
        return self.balance == "always" or (
            self.balance == "auto" and frequent >= self.imbalance * rare
        )

    def batch(self, n_rows: int) -> int:
        """Return the rows of a batch, out of ``n_rows``."""
        least = self.smallest_batch
        size = min(self.largest_batch, n_rows // 10 // least * least)
        return min(n_rows, max(least, size))

    def rate(self, n_rows: int) -> float:
        """Return the peak learning rate of a network that is fitted to ``n_rows``."""
        return self.learning_rate * max(1.0, self.batch(n_rows) / self.smallest_batch)

    def update_limit(self, n_rows: int) -> int:
        """Return the limit of updates, a multiple of ``CHUNK``."""
        passes = math.ceil(self.epochs * n_rows / self.batch(n_rows))
        return math.ceil(max(self.updates, passes) / CHUNK) * CHUNK

    def further(self, updates: int) -> "Recipe":
        """Return the recipe that takes a network further by so many updates."""
        return replace(self, updates=updates, epochs=0, restarts=0)

    def decay(self, n_rows: int) -> float:
        """Return the weight decay of a network that is fitted to ``n_rows``."""
        return self.weight_decay * min(1.0, self.few_rows / n_rows)
