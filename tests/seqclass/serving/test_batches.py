"""Batches: whoever asks gets the answers to his own series, and nobody waits for ever."""

import asyncio
import threading

import numpy as np
import pytest

from seqclass.evaluation.decisions import Decision
from seqclass.inference.answers import Answers
from seqclass.inference.prediction import Scorer
from seqclass.serving.access import HttpRefusal
from seqclass.serving.batching import BATCH_ROWS, Batches
from seqclass.serving.versions import ServedVersion

DECISION = Decision(None, 0.0, 1.0, 0.0)


def version(infer: object) -> ServedVersion:
    scorer = Scorer("models/m@v1", "", ("a", "b"), ("x",), DECISION, ())
    return ServedVersion("m", "v1", "0", scorer, infer)  # type: ignore[arg-type]


def means(rows: np.ndarray) -> dict[str, np.ndarray]:
    """A classifier whose probability of the second class is the mean of what is observed."""
    mean = np.nanmean(rows, axis=(1, 2))
    n = len(rows)
    return {"probabilities": np.stack([1 - mean, mean], axis=1), "p_value": np.ones(n),
            "nearest": np.zeros((n, 1), int)}  # fmt: skip


async def ask(batches: Batches, served: ServedVersion, value: float, n: int, steps: int) -> Answers:
    x = np.full((n, steps, 1), value, np.float32)
    return await batches.answer(served, x, np.full(n, steps))


def test_a_failure_reaches_those_who_asked_and_the_next_are_answered() -> None:
    def broken(rows: np.ndarray) -> dict[str, np.ndarray]:
        raise FloatingPointError("broken")

    async def three() -> list[object]:
        batches = Batches(100, [].append)
        work = asyncio.create_task(batches.run())
        asked = [ask(batches, served, 0.2, 2, 3) for served in (version(broken), version(means))]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        work.cancel()
        batches.close()
        return answers

    failed, answered = asyncio.run(three())
    assert isinstance(failed, FloatingPointError)
    assert isinstance(answered, Answers)


def test_more_than_may_wait_is_refused_and_who_left_is_not_answered() -> None:
    free, sizes = threading.Event(), []

    def slow(rows: np.ndarray) -> dict[str, np.ndarray]:
        free.wait(30)
        return means(rows)

    async def crowd() -> None:
        batches, served = Batches(4, sizes.append), version(slow)
        work = asyncio.create_task(batches.run())
        first = asyncio.create_task(ask(batches, served, 0.1, 1, 1))
        while not sizes:
            await asyncio.sleep(0.001)
        gone = asyncio.create_task(ask(batches, served, 0.2, 3, 1))
        await asyncio.sleep(0)
        with pytest.raises(HttpRefusal, match="4 wait") as refused:
            await ask(batches, served, 0.3, 1, 1)
        assert refused.value.status == 503
        gone.cancel()
        free.set()
        assert (await first).codes.tolist() == [0]
        assert (await ask(batches, served, 0.9, 2, 2)).codes.tolist() == [1] * 2
        work.cancel()
        batches.close()

    asyncio.run(crowd())
    assert sizes == [1, 2]


def test_a_small_request_is_answered_between_two_blocks_of_a_large_one() -> None:
    """And a large one that nobody waits for ends after the block that is being answered."""
    sizes: list[int] = []

    async def three() -> None:
        batches, served = Batches(10**6, sizes.append), version(means)
        work = asyncio.create_task(batches.run())
        n = BATCH_ROWS * 50
        large, left = (asyncio.create_task(ask(batches, served, 0.2, n, 2)) for _ in range(2))
        while len(sizes) < 2:
            await asyncio.sleep(0)
        left.cancel()
        await ask(batches, served, 0.9, 1, 2)
        assert len(sizes) < 20
        assert (await large).probabilities.shape == (n, 2)
        work.cancel()
        batches.close()

    asyncio.run(three())
    assert max(sizes) <= BATCH_ROWS
    assert sum(sizes) < BATCH_ROWS * 60
