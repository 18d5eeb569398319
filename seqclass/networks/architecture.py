"""Layers and sizes of the trained networks."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from seqclass.series import check_ranges

Kind = Literal["conv-lstm", "bilstm", "lstm"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Architecture:
    """Layers and sizes of the trained networks.

    kind: ``conv-lstm`` (a convolution, then an LSTM in both directions), ``bilstm`` (both
    directions, no convolution) or ``lstm`` (forwards only); the last two run over every step.
    filters, width: those of the convolution. units: LSTM units per direction. longest_recurrence:
    the most steps that the LSTM sees of a series of typical length; in longer ones neighbouring
    steps are averaged. dropout: share in [0, 1), before the head.
    """

    kind: Kind = "conv-lstm"
    filters: int = 64
    width: int = 8
    units: int = 32
    longest_recurrence: int = 64
    dropout: float = 0.2

    def __post_init__(self) -> None:
        positive = "filters width units longest_recurrence"
        check_ranges(self, [(positive, 1, math.inf), ("dropout", 0, 1)])
