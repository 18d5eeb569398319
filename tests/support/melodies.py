"""Melodies in one block."""

import numpy as np

from seqclass.ragas.raga_series import RagaSeriesBlock, RagaSpec, generate_ragas


def draw(spec: RagaSpec, start: int = 0, stop: int | None = None) -> RagaSeriesBlock:
    blocks = list(generate_ragas(spec, start, stop))
    arrays = {
        name: start if name == "start" else np.concatenate([getattr(b, name) for b in blocks])
        for name in vars(blocks[0])
    }
    return RagaSeriesBlock(**arrays)
