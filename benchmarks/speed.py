"""Training and inference of small LSTMs against stock Keras and PyTorch.

W1 is the author's network, W2 a wide batch of short series, W3 a deep network on long ones; each
on series of one length and of lengths between half and all of it. Every contender of a workload
runs in a process of its own, one after the other, on all cores. ``python -m benchmarks.speed
CONTENDER WORKLOAD`` is such a process; it prints the seconds of each epoch as JSON. Of W2 and W3 an
epoch is timed on a part of the rows, in whole batches, and scaled.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

Row = dict[str, Any]
EPOCHS = 5
CLASSES = 3


@dataclass(frozen=True)
class Workload:
    """``layers``: units and whether in both directions; ``dense``: tanh units after the first.

    part: batches that are timed (0: an epoch's).
    """

    n_series: int
    n_steps: int
    n_channels: int
    batch: int
    layers: tuple[tuple[int, bool], ...]
    dense: int = 0
    part: int = 0
    ragged: bool = False

    @property
    def n_timed(self) -> int:
        return self.part * self.batch or self.n_series

    def gflop(self) -> float:
        """Of the matrix products of an epoch's training: three times those of the forward pass."""
        width, total = self.n_channels, 0
        for units, both in self.layers:
            total += (1 + both) * 4 * units * (width + units)
            width = self.dense or units * (1 + both)
        return 6e-9 * total * self.n_steps * self.n_series

    def rows(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Series ``(n, T, C)`` with NaN after their ends, class codes, and lengths."""
        rng = np.random.default_rng(0)
        n = self.n_timed
        x = rng.standard_normal((n, self.n_steps, self.n_channels), dtype=np.float32)
        lengths = np.full(n, self.n_steps)
        if self.ragged:
            lengths = rng.integers(self.n_steps // 2, self.n_steps + 1, n)
            x[np.arange(self.n_steps) >= lengths[:, None]] = np.nan
        return x, rng.integers(0, CLASSES, n).astype(np.int32), lengths


FIXED = {
    "W1": Workload(4000, 100, 1, 64, ((16, False), (16, False)), dense=16),
    "W2": Workload(20_000, 128, 3, 256, ((64, False),), part=20),
    "W3": Workload(5000, 500, 1, 64, ((64, True), (64, True)), part=10),
}
WORKLOADS = FIXED | {
    f"{name} ragged": Workload(**(vars(work) | {"ragged": True})) for name, work in FIXED.items()
}
WORKLOADS["default"] = Workload(4000, 100, 1, 64, ())
"""The product's own network, which only Keras builds."""


def keras_network(work: Workload) -> Any:
    import keras
    from keras import layers, ops

    keras.utils.set_random_seed(0)
    if not work.layers:
        from seqclass.networks.architecture import Architecture
        from seqclass.networks.scaling import Scaling
        from tests.support.networks import build_network

        return build_network(CLASSES, Scaling((0.0,), (1.0,)), 2, Architecture(), seed=0)
    raw = keras.Input((work.n_steps, work.n_channels))
    x, mask = raw, None
    if work.ragged:
        mask = ops.logical_not(ops.isnan(raw[..., 0]))
        x = ops.where(ops.isnan(raw), 0.0, raw)
    for number, (units, both) in enumerate(work.layers):
        last = number == len(work.layers) - 1
        layer = layers.LSTM(units, return_sequences=not last)
        x = (layers.Bidirectional(layer) if both else layer)(x, mask=mask)
        if work.dense and not last:
            x = layers.Dense(work.dense, activation="tanh")(x)
    return keras.Model(raw, layers.Dense(CLASSES)(x))


def stock_keras(work: Workload) -> Iterator[float]:
    """``fit`` of the stock layers with Adam; its iterator's autotuning is part of what it costs."""
    import keras

    x, y, _ = work.rows()
    model = keras_network(work)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, jit_compile=False)
    while True:
        began = time.perf_counter()
        model.fit(x, y, batch_size=work.batch, verbose=0)
        yield time.perf_counter() - began


def this_product(work: Workload) -> Iterator[float]:
    """The product's own loop: AdamW, clipping and averaged weights included."""
    import tensorflow as tf

    from seqclass.runtime import tensorflow
    from seqclass.training.fitting import Compilation, CompiledTrainer
    from seqclass.training.recipe import CHUNK, Recipe

    tensorflow()
    x, y, _ = work.rows()
    recipe, n = Recipe(), len(x)
    machine = CompiledTrainer(
        Compilation(
            lambda seed: keras_network(work), recipe, 10_000, work.batch, recipe.rate(n),
            recipe.decay(n), x.shape[1:],
        )
    )  # fmt: skip
    order = np.random.default_rng(1).integers(0, len(x), CHUNK * work.batch)
    while True:
        began = time.perf_counter()
        machine.train_chunk(tf.constant(x[order]), tf.constant(y[order])).numpy()
        yield (time.perf_counter() - began) * work.n_timed / (CHUNK * work.batch)


def pytorch(work: Workload) -> Iterator[float]:
    """``nn.LSTM`` with Adam, packed where lengths differ."""
    import torch
    from torch import nn
    from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

    torch.set_num_threads(os.cpu_count() or 1)
    torch.manual_seed(0)
    widths = [work.n_channels, *(work.dense or u * (1 + b) for u, b in work.layers)]
    stack = nn.ModuleList(
        nn.LSTM(width, units, batch_first=True, bidirectional=both)
        for width, (units, both) in zip(widths, work.layers, strict=False)
    )
    units, both = work.layers[-1]
    between, head = nn.Linear(work.layers[0][0], work.dense or 1), nn.Linear(units * (1 + both), 3)
    parts = nn.ModuleList([stack, between, head])
    optimizer, loss_of = torch.optim.Adam(parts.parameters()), nn.CrossEntropyLoss()
    x, y, lengths = (torch.from_numpy(np.nan_to_num(part)) for part in work.rows())
    y = y.long()

    def answer(rows: Any) -> Any:
        h = x[rows]
        if work.ragged:
            h = pack_padded_sequence(h, lengths[rows], batch_first=True, enforce_sorted=False)
        for number, layer in enumerate(stack):
            h, (last, _) = layer(h)
            if work.dense and number == 0:
                packed = isinstance(h, PackedSequence)
                dense = torch.tanh(between(h.data if packed else h))
                h = h._replace(data=dense) if packed else dense
        return head(torch.cat(tuple(last), dim=1))

    while True:
        began = time.perf_counter()
        for rows in torch.randperm(len(x)).split(work.batch):
            optimizer.zero_grad()
            loss_of(answer(rows), y[rows]).backward()
            optimizer.step()
        yield time.perf_counter() - began


CONTENDERS: dict[str, Callable[[Workload], Iterator[float]]] = {
    "this product": this_product,
    "stock Keras": stock_keras,
    "PyTorch": pytorch,
}


def recurrences() -> list[Row]:
    """Seconds an epoch of each workload by each contender, and how many times ours they are."""
    peak = _peak_gflops()
    rows: list[Row] = []
    for name, work in WORKLOADS.items():
        found = {who: _epochs(who, name) for who in CONTENDERS if work.layers or who != "PyTorch"}
        ours = statistics.median(found["this product"] or [np.nan])
        for who, seconds in found.items():
            if not seconds:
                rows.append({"workload": name, "who": who, "note": "not installed"})
                continue
            median = statistics.median(seconds)
            rows.append(
                {"workload": name, "who": who, "epoch_s": median,
                 "range_s": [min(seconds), max(seconds)], "times_ours": round(median / ours, 2),
                 "of_sgemm_peak": round(work.gflop() / median / peak, 3) or None}
            )  # fmt: skip
    rows.append({"workload": "sgemm 2048", "who": "NumPy", "note": f"{peak:.0f} GFLOP/s"})
    return rows


def eight_seeds(n_seeds: int = 8) -> list[Row]:
    """Wall seconds of seeds of the author's families, by the product and by the author's recipe.

    The product trains them in the processes of ``seqclass train``, their start included, without
    Prefect; the author's recipe runs once a process, on all cores, as his script did.
    """
    from benchmarks.peer import author_rows
    from seqclass.generators import signal_tables
    from seqclass.pipeline.replicas import train_and_store
    from seqclass.row_split import select_rows
    from seqclass.store.datasets import write_dataset
    from seqclass.store.root import open_root
    from seqclass.synthesis.signals import SignalSpec
    from seqclass.training.spec import TrainingSpec
    from seqclass.workers import workers

    with TemporaryDirectory() as folder:
        root = open_root(folder)
        dataset = write_dataset(root, "x", signal_tables(SignalSpec()), {}, datetime.now(UTC))
        began = time.perf_counter()
        spec = TrainingSpec(seeds=n_seeds)
        job = dataset, select_rows(dataset, spec), spec
        workers().run(
            [(train_and_store, (*job, s, root.join(f"{s}.keras"))) for s in spec.replica_seeds]
        )
        ours = time.perf_counter() - began
        call = f"from {author_rows.__module__} import *; author_rows(*{(root.url, dataset.ref)}, "
        began = time.perf_counter()
        for seed in range(n_seeds):
            subprocess.run(
                [sys.executable, "-c", f"{call}{seed})"], check=True, capture_output=True
            )
        his = time.perf_counter() - began
    return [
        {"what": f"{n_seeds} seeds, this product", "seconds": ours, "times_ours": 1.0},
        {"what": f"{n_seeds} runs of the author's recipe", "seconds": his,
         "times_ours": round(his / ours, 1)},
    ]  # fmt: skip


def _epochs(who: str, workload: str) -> list[float]:
    from seqclass.runtime import THREADS, environment

    threads = str(os.cpu_count() or 1)
    own = {THREADS: threads, "TF_CPP_MIN_LOG_LEVEL": "3"}
    if who == "this product":
        own = environment() | own
    words = [sys.executable, "-m", "benchmarks.speed", who, workload]
    found = subprocess.run(words, env=os.environ | own, capture_output=True, text=True)
    if found.returncode and "No module named 'torch'" in found.stderr:
        return []
    found.check_returncode()
    return json.loads(found.stdout.splitlines()[-1])


def _peak_gflops(n: int = 2048) -> float:
    a = np.ones((n, n), np.float32)
    a @ a
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        a @ a
        seconds.append(time.perf_counter() - began)
    return 2e-9 * n**3 / min(seconds)


def main() -> None:
    work = WORKLOADS[sys.argv[2]]
    epochs = CONTENDERS[sys.argv[1]](work)
    next(epochs)
    scale = work.n_series / work.n_timed
    print(json.dumps([scale * next(epochs) for _ in range(EPOCHS)]))


if __name__ == "__main__":
    main()
