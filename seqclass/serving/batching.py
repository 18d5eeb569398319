"""Series of several requests, answered together by one thread.

A large request is cut into blocks. The next one is queued when the one before is answered, so that
other requests have their turn between them, and a request that nobody waits for ends there.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from seqclass.inference.answers import Answers, answers_of, put_rows, spans
from seqclass.serving.access import HttpRefusal
from seqclass.serving.versions import ServedVersion

BATCH_ROWS, BATCH_VALUES = 128, 8_192
"""Most series of a batch, and most values per channel, padding included; more is no faster."""
WAIT_S = 0.002
"""Seconds that the first request of a batch waits for others."""


Outputs = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class _Block:
    served: ServedVersion
    series: np.ndarray
    outputs: "asyncio.Future[Outputs]"

    @property
    def size(self) -> tuple[int, int]:
        """Series, and steps of the longest."""
        return self.series.shape[0], self.series.shape[1]


class Batches:
    """Blocks that wait, and the thread that answers them in the order in which they came.

    most_values: of all requests that are not answered yet. saw: is told the series of each batch.
    """

    def __init__(self, most_values: int, saw: Callable[[int], None]) -> None:
        self._waiting: deque[_Block] = deque()
        self._n_values, self._most_values, self._saw = 0, most_values, saw
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "inference")

    async def answer(
        self, served: ServedVersion, series: np.ndarray, lengths: np.ndarray
    ) -> Answers:
        """Return a version's answers to series ``(n, steps, channels)`` padded with NaN."""
        if self._n_values and self._n_values + series.size > self._most_values:
            raise HttpRefusal(
                503, f"server: expected fewer values at a time, {self._n_values:,} wait; try again"
            )
        order, outputs = np.argsort(lengths, kind="stable"), Outputs()
        self._n_values += series.size
        try:
            for start, stop in spans(lengths[order], BATCH_ROWS, BATCH_VALUES):
                rows = order[start:stop]
                block = series[rows, : lengths[rows[-1]]]
                put_rows(outputs, rows, await self._outputs(served, block), len(series))
        finally:
            self._n_values -= series.size
        return answers_of(outputs, served.scorer.decision)

    async def _outputs(self, served: ServedVersion, series: np.ndarray) -> Outputs:
        """Return what the classifier gives for a block, once it had its turn."""
        block = _Block(served, series, asyncio.get_running_loop().create_future())
        self._waiting.append(block)
        self._arrived.set()
        return await block.outputs

    async def run(self) -> None:
        """Answer blocks until this task is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            await asyncio.sleep(WAIT_S)
            while batch := self._take():
                try:
                    outputs = await loop.run_in_executor(self._thread, _answered, batch)
                except Exception as error:
                    for block in batch:
                        _give(block.outputs, error)
                else:
                    for block, part in zip(batch, outputs, strict=True):
                        _give(block.outputs, part)
            self._arrived.clear()

    def _take(self) -> list[_Block]:
        """Take the blocks that came first: of one version, and no more than a batch holds."""
        batch: list[_Block] = []
        rows = longest = 0
        while self._waiting:
            if self._waiting[0].outputs.done():  # nobody waits for it any more
                self._waiting.popleft()
                continue
            n, steps = self._waiting[0].size
            rows, longest = rows + n, max(longest, steps)
            is_other = batch and self._waiting[0].served is not batch[0].served
            if batch and (is_other or rows > BATCH_ROWS or rows * longest > BATCH_VALUES):
                break
            batch.append(self._waiting.popleft())
        if batch:
            self._saw(sum(len(block.series) for block in batch))
        return batch

    def close(self) -> None:
        """End the thread after what it is at."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _give(future: "asyncio.Future[Outputs]", result: Outputs | Exception) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _answered(batch: list[_Block]) -> list[Outputs]:
    """Answer the blocks of a batch together; returns the outputs for each."""
    sizes = [block.size for block in batch]
    ends = np.cumsum([n for n, _ in sizes]).tolist()
    starts = [0, *ends[:-1]]
    longest, n_channels = max(steps for _, steps in sizes), batch[0].series.shape[2]
    x = np.full((ends[-1], longest, n_channels), np.nan, np.float32)
    for block, start, end in zip(batch, starts, ends, strict=True):
        x[start:end, : block.size[1]] = block.series
    outputs = batch[0].served.infer(x)
    return [
        {name: values[start:end] for name, values in outputs.items()}
        for start, end in zip(starts, ends, strict=True)
    ]
