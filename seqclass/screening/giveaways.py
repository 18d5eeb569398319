"""A sample of the series in a stream of tables, searched for what gives labels away."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.evaluation.leaks import SAMPLE_ROWS, SAMPLE_VALUES, Sample, giveaways
from seqclass.store.rows import SERIES, channels_of, to_dense

COLUMNS = ("label", "n_steps", "group", "split")
TEST_SHARE = 0.2
"""Share of the series, or of their groups, that count as test series if the files name none."""


class SampledSeries:
    """Labelled series of a stream, each equally likely; the same for the same stream.

    Columns that a table lacks are left out. There are at most ``SAMPLE_ROWS`` series, and fewer
    where they would have more than ``SAMPLE_VALUES`` values when padded to the longest.
    """

    def __init__(self) -> None:
        self.table: pa.Table | None = None
        self._rng, self._ranks, self._highest = np.random.default_rng(0), np.empty(0), 1.0

    def add(self, table: pa.Table) -> None:
        """Let the labelled series of a table take part."""
        ranks = self._rng.random(len(table))
        taken = table["label"].is_valid().to_numpy() & (ranks < self._highest)
        if not taken.any():
            return
        table = table.filter(pa.array(taken))
        columns = {name: table[name] for name in COLUMNS if name in table.column_names}
        columns |= {name: table[name].cast(SERIES) for name in channels_of(table.schema)}
        if self.table is not None:
            names = [name for name in self.table.column_names if name in columns]
            columns = {name: columns[name] for name in names}
            self.table = self.table.select(names)
        self._ranks = np.append(self._ranks, ranks[taken])
        sample = pa.table(columns)
        self.table = sample if self.table is None else pa.concat_tables([self.table, sample])
        self._shrink(self.table, spare=2)

    def _shrink(self, table: pa.Table, spare: int = 1) -> None:
        """Keep the series of the lowest ranks, if there are more than ``spare`` times too many."""
        longest = pc.max(table["n_steps"]).as_py()
        most = min(SAMPLE_ROWS, SAMPLE_VALUES // max(longest * len(channels_of(table.schema)), 1))
        if len(table) > spare * most:
            kept = np.sort(np.argsort(self._ranks)[:most])
            self.table, self._ranks = table.take(pa.array(kept)), self._ranks[kept]
            self._highest = self._ranks.max(initial=0)

    def giveaways(self) -> list[str]:
        """Return what gives labels away, one sentence each."""
        if self.table:
            self._shrink(self.table)
        if not self.table:
            return []
        table, longest = self.table, pc.max(self.table["n_steps"]).as_py()
        channels = channels_of(table.schema)
        x = np.stack([to_dense(table[name], longest) for name in channels], axis=-1)
        groups = _groups(table)
        sample = Sample(x, np.array(table["label"].to_pylist()), groups, _tests(table, groups))
        return giveaways(sample, channels)


def _groups(table: pa.Table) -> np.ndarray | None:
    """Return the number of each row's group, of its own if it has none; None without groups."""
    if "group" not in table.column_names:
        return None
    names = enumerate(table["group"].to_pylist())
    return np.unique([f"series {n}" if name is None else f"group {name}" for n, name in names],
                     return_inverse=True)[1]  # fmt: skip


def _tests(table: pa.Table, groups: np.ndarray | None) -> np.ndarray:
    """Mark the test rows ``(n,)`` that the files name, or a random share that keeps groups."""
    if "split" in table.column_names:
        tests = pc.equal(table["split"], "test").fill_null(False).to_numpy()
        if tests.any():
            return tests
    units = np.arange(len(table)) if groups is None else groups
    return np.random.default_rng(0).random(int(units.max()) + 1)[units] < TEST_SHARE
