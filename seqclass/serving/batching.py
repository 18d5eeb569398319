"""Series of several requests, answered together by one thread."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from seqclass.inference.answers import Answers, answers_between
from seqclass.serving.limits import Refusal
from seqclass.serving.versions import ServedVersion

BATCH_ROWS, BATCH_VALUES = 512, 262_144
"""Most series of a batch, and most values per channel, padding included."""
WAIT_S = 0.002
"""Seconds that the first request of a batch waits for others."""


@dataclass(frozen=True, eq=False)
class _Question:
    served: ServedVersion
    series: np.ndarray
    lengths: np.ndarray
    answer: "asyncio.Future[Answers]"

    @property
    def size(self) -> tuple[int, int]:
        """Series, and steps of the longest."""
        return self.series.shape[0], self.series.shape[1]


class Batches:
    """Questions that wait, and the thread that answers them in the order in which they came.

    saw: is told the series of each batch.
    """

    def __init__(self, most_waiting: int, saw: Callable[[int], None]) -> None:
        self._waiting: deque[_Question] = deque()
        self._n_waiting, self._most_waiting, self._saw = 0, most_waiting, saw
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "inference")

    async def answer(
        self, served: ServedVersion, series: np.ndarray, lengths: np.ndarray
    ) -> Answers:
        """Return a version's answers to series ``(n, steps, channels)`` padded with NaN."""
        if self._n_waiting and self._n_waiting + len(series) > self._most_waiting:
            raise Refusal(503, f"server: expected fewer series at a time, {self._n_waiting:,} wait")
        question = _Question(served, series, lengths, asyncio.get_running_loop().create_future())
        self._waiting.append(question)
        self._n_waiting += len(series)
        self._arrived.set()
        return await question.answer

    async def run(self) -> None:
        """Answer questions until this task is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._arrived.wait()
            await asyncio.sleep(WAIT_S)
            while batch := self._take():
                try:
                    answers = await loop.run_in_executor(self._thread, _answered, batch)
                except Exception as error:
                    for question in batch:
                        _give(question.answer, error)
                else:
                    for question, own in zip(batch, answers, strict=True):
                        _give(question.answer, own)
            self._arrived.clear()

    def _take(self) -> list[_Question]:
        """Take the questions that came first: of one version, and no more than a batch holds."""
        batch: list[_Question] = []
        rows = longest = 0
        while self._waiting:
            n, steps = self._waiting[0].size
            rows, longest = rows + n, max(longest, steps)
            is_other = batch and self._waiting[0].served is not batch[0].served
            if batch and (is_other or rows > BATCH_ROWS or rows * longest > BATCH_VALUES):
                break
            question = self._waiting.popleft()
            self._n_waiting -= n
            if not question.answer.done():  # else nobody waits for it any more
                batch.append(question)
        if batch:
            self._saw(sum(len(question.series) for question in batch))
        return batch

    def close(self) -> None:
        """End the thread after what it is at."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _give(future: "asyncio.Future[Answers]", result: Answers | Exception) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _answered(batch: list[_Question]) -> list[Answers]:
    """Answer the questions of a batch together; returns the answers to each."""
    if len(batch) == 1:
        return [batch[0].served.answer(batch[0].series, batch[0].lengths)]
    longest = max(question.size[1] for question in batch)
    n = sum(len(question.series) for question in batch)
    x = np.full((n, longest, batch[0].series.shape[2]), np.nan, np.float32)
    ends = np.cumsum([len(question.series) for question in batch]).tolist()
    starts = [0, *ends[:-1]]
    for question, start, end in zip(batch, starts, ends, strict=True):
        x[start:end, : question.size[1]] = question.series
    lengths = np.concatenate([question.lengths for question in batch])
    found = batch[0].served.answer(x, lengths)
    return [answers_between(found, start, end) for start, end in zip(starts, ends, strict=True)]
