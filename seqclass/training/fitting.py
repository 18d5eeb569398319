"""Training of one network to convergence, with the same result every time."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import keras
import numpy as np
import tensorflow as tf

from seqclass.networks.outputs import answer_in_batches
from seqclass.networks.recurrence import accelerate
from seqclass.training.learnt_rows import LearntRows, Rows
from seqclass.training.recipe import CHUNK, Recipe

NO_ROWS = np.empty(0, dtype=np.int32)
Build = Callable[[int], keras.Model]
Frozen = Callable[[], keras.Model]
ProgressCallback = Callable[[int, int, float], None]
"""Callback with the updates done, the most there may be, and the latest mean loss (nats)."""


@dataclass
class Fit:
    """A trained network and its training.

    losses: training loss (nats) of every update ``(updates,)``. held_back_logits: ``(n, classes)``,
    for the held-back rows. seen: number of the rows that it learnt from, at least if it was taken
    further.
    """

    network: keras.Model
    restarts: int
    losses: np.ndarray
    held_back_logits: np.ndarray
    seen: int

    @property
    def loss(self) -> float:
        """Mean training loss (nats) of the last ``CHUNK`` updates."""
        return float(self.losses[-CHUNK:].mean())

    def after(self, earlier: "Fit") -> "Fit":
        """Return the fit with the training of an earlier one, which it has taken further."""
        losses = np.concatenate([earlier.losses, self.losses])
        return replace(self, restarts=earlier.restarts, losses=losses, seen=earlier.seen)


@dataclass(frozen=True)
class Learner:
    """The network to train, which ``build(seed)`` returns.

    ``frozen()`` returns the part before it, which is not trained. It is computed for all rows of a
    chunk at once, since small networks spend more time on calling operations than in them.
    ``begin`` may set the weights that the first attempt begins with.
    """

    build: Build
    frozen: Frozen | None = None
    begin: Callable[[keras.Model], None] | None = None


@dataclass(frozen=True)
class FitConfig:
    """The way a network is trained, and the callback that is told of it.

    ``stop(update)``, if given, ends the training early. ``log_prior (classes,)`` is added to the
    logits in the loss, so that the network learns the evidence for a class apart from the class's
    frequency (Menon et al. 2021, "Long-tail learning via logit adjustment", equation 10).
    """

    recipe: Recipe
    seed: int
    watch: ProgressCallback
    log_prior: np.ndarray | None = None
    stop: Callable[[int], bool] | None = None


def fit(learner: Learner, train: LearntRows, held_back: np.ndarray, config: FitConfig) -> Fit:
    """Train a network, leave its averaged weights in it, and answer the ``held_back`` rows.

    held_back: ``(n, steps, channels)``, with as many steps and channels as the training rows. They
    influence neither the weights nor the end of the training. A run that fails to learn is begun
    again from another seed, derived from the config's. Calls whose ``build`` and ``frozen`` are
    equal, as frozen dataclasses are, share compiled code.
    """
    recipe, trainer = config.recipe, _trainer(_compilation(learner, train, held_back, config))
    for restart in range(recipe.restarts + 1):
        own_seed = config.seed + 1_000_003 * restart
        network = learner.build(own_seed)
        if learner.begin and restart == 0:
            learner.begin(network)
        run = _Run(trainer, network, train, recipe, own_seed)
        if run.learn(config, last_chance=restart == recipe.restarts):
            break
    trainer.unflatten(run.kept, network.trainable_variables)
    seen = train.seen(len(run.losses) * recipe.batch(len(train)))
    return Fit(network, restart, np.array(run.losses), trainer.logits(run.kept, held_back), seen)


@dataclass(frozen=True)
class Compilation:
    """Everything that a compiled training depends on.

    limit: most updates; batch: its rows; rate: peak of the learning rate; decay: weight decay;
    shape: ``(steps, channels)`` of a series; prior: log-prior of the classes.
    """

    build: Build
    recipe: Recipe
    limit: int
    batch: int
    rate: float
    decay: float
    shape: tuple[int, ...]
    prior: tuple[float, ...] | None = None
    frozen: Frozen | None = None


def _compilation(
    learner: Learner, train: LearntRows, held_back: np.ndarray, config: FitConfig
) -> Compilation:
    recipe, prior, n = config.recipe, config.log_prior, len(train)
    return Compilation(
        learner.build, recipe, recipe.update_limit(train.counted), recipe.batch(n), recipe.rate(n),
        recipe.decay(n), held_back.shape[1:], None if prior is None else tuple(prior.tolist()),
        learner.frozen,
    )  # fmt: skip


class CompiledTrainer:
    """A network on the fast recurrence, its optimizer and averaged weights, compiled once.

    A run begins with ``reset``, after which nothing of an earlier run is left. The optimizer and
    the average see two long vectors, the kernels and the rest, since small networks spend more time
    on calling operations than in them.
    """

    def __init__(self, work: Compilation) -> None:
        self.frozen = work.frozen() if work.frozen else (lambda x, training: x)
        self.network = accelerate(work.build(0))
        self.ema_decay = work.recipe.ema_decay
        self.prior = None if work.prior is None else tf.constant(work.prior, tf.float32)
        self.variables = self.network.trainable_variables
        self.groups = [
            [k for k, v in enumerate(self.variables) if (len(v.shape) < 2) == is_rest]
            for is_rest in (False, True)
        ]
        flat = self._flat([v.value for v in self.variables])
        self.weights = [keras.Variable(part) for part in flat]
        self.averages = [tf.Variable(part, trainable=False) for part in flat]
        self.optimizer = _optimizer(work, *self.weights)
        series = tf.TensorSpec([CHUNK * work.batch, *work.shape], tf.float32)
        codes = tf.TensorSpec([CHUNK * work.batch], tf.int32)
        self.train_chunk = tf.function(
            self._train_chunk, input_signature=[series, codes], autograph=False
        )
        self._infer = tf.function(
            lambda x: self.network(self.frozen(x, training=False), training=False),
            input_signature=[tf.TensorSpec([None, *work.shape], tf.float32)],
            autograph=False,
        )

    def reset(self, network: keras.Model) -> None:
        """Begin from the weights and the random states of a network with the same layers."""
        for variable, given in zip(self.network.variables, network.variables, strict=True):
            variable.assign(given.value)
        flat = self._flat([v.value for v in self.variables])
        for weights, average, part in zip(self.weights, self.averages, flat, strict=True):
            weights.assign(part)
            average.assign(part)
        for variable in self.optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))

    def unflatten(self, flat: Sequence[tf.Tensor], variables: Sequence[keras.Variable]) -> None:
        """Set the variables of this network, or of one with the same layers, from long vectors."""
        for group, part in zip(self.groups, flat, strict=True):
            pieces = tf.split(part, [math.prod(variables[k].shape) for k in group])
            for k, piece in zip(group, pieces, strict=True):
                variables[k].assign(tf.reshape(piece, variables[k].shape))

    def _flat(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        return [
            tf.concat([tf.reshape(values[k], [-1]) for k in group], axis=0) for group in self.groups
        ]

    def logits(self, weights: Sequence[tf.Tensor], x: np.ndarray) -> np.ndarray:
        """Return logits of ``x (n, steps, channels)`` by other weights, and keep its own."""
        self.unflatten(weights, self.variables)
        logits = answer_in_batches(self._infer, x)
        self.unflatten([part.value for part in self.weights], self.variables)
        return logits

    def _train_chunk(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """Update the weights by ``CHUNK`` batches, and return the loss of each in nats."""
        frozen = self.frozen(x, training=False)
        batches = tf.reshape(frozen, [CHUNK, -1, *frozen.shape[1:]])
        codes = tf.reshape(y, [CHUNK, -1])

        def update(step: tf.Tensor, losses: tf.TensorArray) -> tuple[tf.Tensor, tf.TensorArray]:
            return step + 1, losses.write(step, self._update(batches[step], codes[step]))

        begun = tf.constant(0), tf.TensorArray(tf.float32, CHUNK)
        _, losses = tf.while_loop(lambda step, _: step < CHUNK, update, begun)
        return losses.stack()

    def _update(self, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        """Update the weights by the gradient of a batch, and return its mean loss in nats."""
        with tf.GradientTape() as tape:
            logits = self.network(x, training=True)
            if self.prior is not None:
                logits += self.prior
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        gradients = tape.gradient(loss, [v.value for v in self.variables])
        self.optimizer.apply(self._flat(gradients), self.weights)
        self.unflatten([part.value for part in self.weights], self.variables)
        self._average()
        return loss

    def _average(self) -> None:
        """Update an exponential average whose window grows with the run, to forget the start."""
        t = tf.cast(self.optimizer.iterations.value, tf.float32)
        rate = 1.0 - tf.minimum(self.ema_decay, (1.0 + t) / (10.0 + t))
        for average, weights in zip(self.averages, self.weights, strict=True):
            average.assign_add((weights.value - average) * rate)


@lru_cache(maxsize=5)
def _trainer(work: Compilation) -> CompiledTrainer:
    return CompiledTrainer(work)


class _Run:
    """One attempt: the trainer's latest averaged weights, and the losses of its updates."""

    def __init__(
        self,
        trainer: CompiledTrainer,
        network: keras.Model,
        train: LearntRows,
        recipe: Recipe,
        seed: int,
    ) -> None:
        self.trainer, self.recipe, self.seed = trainer, recipe, seed
        self.train, self.n_classes = train, network.output_shape[-1]
        trainer.reset(network)
        self.losses: list[float] = []
        self.kept = [v.numpy() for v in trainer.averages]

    def learn(self, config: FitConfig, last_chance: bool) -> bool:
        """Train to the end; return False if the attempt should be begun again."""
        end = self.recipe.update_limit(self.train.counted)
        for update, rows in self._chunks(end):
            series, codes = tf.constant(rows.x), tf.constant(rows.y, tf.int32)
            losses = self.trainer.train_chunk(series, codes).numpy()
            loss = float(losses.mean())
            config.watch(update, end, loss)
            self.losses += losses.tolist()
            if not np.isfinite(losses).all():
                return False
            self.kept = [v.numpy() for v in self.trainer.averages]
            if self._is_hopeless(update, loss) and not last_chance:
                return False
            is_solved = update >= self.recipe.shortest and loss < self.recipe.solved
            if is_solved or (config.stop and config.stop(update)):
                break
        return True

    def _chunks(self, end: int) -> Iterator[tuple[int, Rows]]:
        """Yield update numbers and the rows of the next ``CHUNK`` batches, of successive passes.

        Of a window that is left, the rest is left out.
        """
        size = CHUNK * self.recipe.batch(len(self.train))
        passes, held, stream = self.train.windows(self.seed), None, NO_ROWS
        for update in range(CHUNK, end + 1, CHUNK):
            while len(stream) < size:
                rows, order = next(passes)
                stream = np.concatenate([stream if rows is held else NO_ROWS, order])
                held = rows
            yield update, rows.take(stream[:size])
            stream = stream[size:]

    def _is_hopeless(self, update: int, loss: float) -> bool:
        is_due = update - CHUNK < self.recipe.restart_check_step <= update
        return is_due and loss > 0.9 * math.log(self.n_classes)


def _optimizer(
    work: Compilation, kernels: keras.Variable, rest: keras.Variable
) -> keras.optimizers.Optimizer:
    recipe = work.recipe
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        max(work.limit - recipe.warm_up, 1),
        warmup_target=work.rate,
        warmup_steps=recipe.warm_up,
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=work.decay, global_clipnorm=recipe.clip
    )
    optimizer.exclude_from_weight_decay(var_list=[rest])
    optimizer.build([kernels, rest])
    return optimizer
