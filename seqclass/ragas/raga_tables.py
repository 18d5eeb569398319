"""Rows of a dataset of melodies, and its generator."""

from collections.abc import Iterator

import pyarrow as pa

from seqclass.generators import Generator, channel_columns, id_digits, series_ids
from seqclass.ragas.raga_series import generate_ragas
from seqclass.ragas.raga_spec import RagaSpec


def raga_tables(spec: RagaSpec, start: int = 0, stop: int | None = None) -> Iterator[pa.Table]:
    """Yield rows of a dataset: a melody each, with its composition, tonic and notation."""
    names, digits = pa.array(spec.classes, pa.string()), id_digits(spec)
    for block in generate_ragas(spec, start, stop):
        yield pa.table(
            {
                "series_id": series_ids("raga", block, digits),
                "label": names.take(pa.array(block.codes)),
                "n_steps": block.n_steps,
                "group": [f"composition-{i:0{digits}d}" for i in block.composition],
                "tonic_hz": block.tonic_hz,
                "notation": block.notations(),
                **channel_columns(block, spec.channels),
            }
        )


GENERATORS = {
    "ragas": Generator(
        RagaSpec, raga_tables, "melodies of Carnatic ragas", "ragas, melodies, noise, seed"
    )
}
