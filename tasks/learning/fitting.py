"""Train one network to convergence, the same way every time."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import keras
import numpy as np
import tensorflow as tf

from tasks.learning.calibration import tempered_loss
from tasks.learning.recurrence import accelerated
from tasks.learning.spec import CHUNK, Recipe

Build = Callable[[int], keras.Model]
Watch = Callable[[int, int, float], None]
BATCH_STEPS = 2**18
"""Bounds the memory that a batch of predictions takes, to some 400 MB."""


@dataclass(frozen=True)
class Rows:
    """Series ``(n, steps, channels)`` float32 with NaN, and class codes ``(n,)`` int32."""

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: np.ndarray) -> "Rows":
        return Rows(self.x[index], self.y[index])


@dataclass(frozen=True)
class Point:
    """A look at the losses (nats); the validation loss is tempered, and NaN without such rows."""

    update: int
    training_loss: float
    validation_loss: float


@dataclass
class Fit:
    """A trained network, how many updates it took, and the way there.

    held_back_logits: ``(n, classes)`` of the rows that were held back.
    """

    network: keras.Model
    updates: int
    restarts: int
    history: list[Point]
    held_back_logits: np.ndarray


def fit(
    build: Build,
    train: Rows,
    held_back: Rows | None,
    recipe: Recipe,
    seed: int,
    watch: Watch,
    updates: int | None = None,
    log_prior: np.ndarray | None = None,
    begin: Callable[[keras.Model], None] | None = None,
) -> Fit:
    """Train ``build(seed)`` and leave its averaged weights in it.

    ``log_prior (classes,)`` is added to the logits in the loss, so that the network learns what
    speaks for a class apart from how frequent it is (Menon et al. 2021, "Long-tail learning via
    logit adjustment", equation 10). ``updates`` fixes the length of the run, which otherwise
    follows from the losses.
    ``begin`` may set the weights that the run begins with.
    A run that fails to learn is begun again from another seed, derived from ``seed``, without it.
    Calls whose ``build`` is equal, as frozen dataclasses are, share what is compiled.
    """
    prior = None if log_prior is None else tuple(log_prior.tolist())
    budget, decay = recipe.budget(len(train)), recipe.decay(len(train))
    machine = _machine(build, recipe, budget, decay, train.x.shape[1:], prior)
    for restart in range(recipe.restarts + 1):
        own_seed = seed + 1_000_003 * restart
        network = build(own_seed)
        if begin and restart == 0:
            begin(network)
        run = _Run(machine, network, train, held_back, recipe, own_seed)
        if run.learn(watch, updates, last_chance=restart == recipe.restarts):
            break
    machine.pour(run.kept, network.trainable_variables)
    held_x = train.x[:0] if held_back is None else held_back.x
    logits = machine.logits(run.kept, held_x)
    return Fit(network, run.kept_update, restart, run.history, logits)


class _Machine:
    """A network on the fast recurrence, its optimizer and averaged weights, compiled once.

    A run begins by ``reset``, after which nothing of an earlier one is left. The optimizer and the
    average see two long vectors, kernels and the rest, since small networks spend more time on
    calling operations than in them.
    """

    def __init__(
        self,
        network: keras.Model,
        recipe: Recipe,
        budget: int,
        decay: float,
        shape: tuple[int, ...],
        prior: tuple[float, ...] | None,
    ) -> None:
        self.network = accelerated(network)
        self.averaging = recipe.averaging
        self.prior = None if prior is None else tf.constant(prior, tf.float32)
        self.variables = self.network.trainable_variables
        self.groups = [
            [k for k, v in enumerate(self.variables) if (len(v.shape) < 2) == is_rest]
            for is_rest in (False, True)
        ]
        flat = self._flat([v.value for v in self.variables])
        self.weights = [keras.Variable(part) for part in flat]
        self.averages = [tf.Variable(part, trainable=False) for part in flat]
        self.optimizer = _optimizer(recipe, budget, decay, *self.weights)
        rows = tf.TensorSpec([None, *shape], tf.float32)
        codes, order = tf.TensorSpec([None], tf.int32), tf.TensorSpec([CHUNK, None], tf.int32)
        self.train_chunk = tf.function(self._train_chunk, input_signature=[rows, codes, order])
        self._infer = tf.function(lambda x: self.network(x, training=False), input_signature=[rows])

    def reset(self, network: keras.Model) -> None:
        """Begin from the weights and the random states of a network of the same layers."""
        for own, given in zip(self.network.variables, network.variables, strict=True):
            own.assign(given.value)
        flat = self._flat([v.value for v in self.variables])
        for weights, average, part in zip(self.weights, self.averages, flat, strict=True):
            weights.assign(part)
            average.assign(part)
        for variable in self.optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))

    def pour(self, flat: Sequence, variables: Sequence[keras.Variable]) -> None:
        """Set the variables of this network, or of one of the same layers, from long vectors."""
        for group, part in zip(self.groups, flat, strict=True):
            pieces = tf.split(part, [math.prod(variables[k].shape) for k in group])
            for k, piece in zip(group, pieces, strict=True):
                variables[k].assign(tf.reshape(piece, variables[k].shape))

    def _flat(self, values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        return [
            tf.concat([tf.reshape(values[k], [-1]) for k in group], axis=0) for group in self.groups
        ]

    def logits(self, weights: Sequence, x: np.ndarray) -> np.ndarray:
        """Of ``x (n, steps, channels)`` under other weights; its own stay as they are."""
        self.pour(weights, self.variables)
        found = predict_logits(self.network, x, self._infer)
        self.pour([part.value for part in self.weights], self.variables)
        return found

    def _train_chunk(self, all_x: tf.Tensor, all_y: tf.Tensor, order: tf.Tensor) -> tf.Tensor:
        losses = tf.TensorArray(tf.float32, CHUNK)
        for step in tf.range(CHUNK):
            x, y = tf.gather(all_x, order[step]), tf.gather(all_y, order[step])
            with tf.GradientTape() as tape:
                logits = self.network(x, training=True)
                if self.prior is not None:
                    logits += self.prior
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
            gradients = tape.gradient(loss, [v.value for v in self.variables])
            self.optimizer.apply(self._flat(gradients), self.weights)
            self.pour([part.value for part in self.weights], self.variables)
            self._average()
            losses = losses.write(step, loss)
        return losses.stack()

    def _average(self) -> None:
        """Exponential average whose window grows with the run, so that it forgets the start."""
        t = tf.cast(self.optimizer.iterations.value, tf.float32)
        rate = 1.0 - tf.minimum(self.averaging, (1.0 + t) / (10.0 + t))
        for average, weights in zip(self.averages, self.weights, strict=True):
            average.assign_add((weights.value - average) * rate)


@lru_cache(maxsize=2)
def _machine(
    build: Build,
    recipe: Recipe,
    budget: int,
    decay: float,
    shape: tuple[int, ...],
    prior: tuple[float, ...] | None,
) -> _Machine:
    return _Machine(build(0), recipe, budget, decay, shape, prior)


class _Run:
    """One attempt: what the machine learned from its rows, and the losses on the way."""

    def __init__(
        self,
        machine: _Machine,
        network: keras.Model,
        train: Rows,
        held_back: Rows | None,
        recipe: Recipe,
        seed: int,
    ) -> None:
        self.machine, self.recipe, self.seed = machine, recipe, seed
        self.n_rows, self.held_back = len(train), held_back
        self.n_classes = network.output_shape[-1]
        machine.reset(network)
        self.x, self.y = tf.constant(train.x), tf.constant(train.y, tf.int32)
        self.history: list[Point] = []
        self.kept = [v.numpy() for v in machine.averages]
        self.kept_loss, self.kept_update = math.inf, 0
        self.best_loss, self.best_update = math.inf, 0

    def learn(self, watch: Watch, updates: int | None, last_chance: bool) -> bool:
        """Run to the end; False where the attempt should be begun again."""
        end = updates or self.recipe.budget(self.n_rows)
        for update, order in self._chunks(end):
            losses = self.machine.train_chunk(self.x, self.y, tf.constant(order)).numpy()
            loss = float(losses.mean())
            watch(update, end, loss)
            if not np.isfinite(losses).all():
                self.history.append(Point(update, loss, math.nan))
                return False
            self._look(update, loss)
            if self._hopeless(update, loss) and not last_chance:
                return False
            if updates is None and self._is_done(update):
                break
        return True

    def _chunks(self, end: int) -> Iterator[tuple[int, np.ndarray]]:
        """Row numbers ``(CHUNK, batch)`` out of one shuffled pass after another."""
        rng = np.random.Generator(np.random.Philox(self.seed))
        batch = self.recipe.batch(self.n_rows)
        stream = np.empty(0, dtype=np.int32)
        for update in range(CHUNK, end + 1, CHUNK):
            while len(stream) < CHUNK * batch:
                stream = np.concatenate([stream, rng.permutation(self.n_rows).astype(np.int32)])
            yield update, stream[: CHUNK * batch].reshape(CHUNK, batch)
            stream = stream[CHUNK * batch :]

    def _hopeless(self, update: int, loss: float) -> bool:
        return update == self.recipe.verdict and loss > 0.9 * math.log(self.n_classes)

    def _look(self, update: int, loss: float) -> None:
        held_loss = math.nan
        if self.held_back is not None and len(self.held_back):
            held_loss = self._held_back_loss(self.held_back)
        self.history.append(Point(update, loss, held_loss))
        if not held_loss >= self.best_loss - self.recipe.better:
            self.best_loss, self.best_update = held_loss, update
        if not self._trusts_validation() or held_loss < self.kept_loss:
            self.kept = [v.numpy() for v in self.machine.averages]
            self.kept_loss, self.kept_update = held_loss, update

    def _trusts_validation(self) -> bool:
        return self.recipe.trusts(0 if self.held_back is None else len(self.held_back))

    def _is_done(self, update: int) -> bool:
        trusted, latest = self._trusts_validation(), self.history[-1]
        if trusted and max(latest.training_loss, latest.validation_loss) < self.recipe.solved:
            return update >= self.recipe.shortest // 2
        if update < self.recipe.shortest:
            return False
        plenty = self.n_rows > self.recipe.few_rows
        if trusted and plenty and update - self.best_update >= self.recipe.patience:
            return True
        return max(point.training_loss for point in self.history[-2:]) < self.recipe.solved

    def _held_back_loss(self, rows: Rows) -> float:
        """Of the averaged weights, tempered, on the first ``monitored`` held-back rows."""
        seen = Rows(rows.x[: self.recipe.monitored], rows.y[: self.recipe.monitored])
        logits = self.machine.logits(self.machine.averages, seen.x)
        prior = 0.0 if self.machine.prior is None else self.machine.prior.numpy()
        return tempered_loss(logits + prior, seen.y)


def _optimizer(
    recipe: Recipe, budget: int, decay: float, kernels: keras.Variable, rest: keras.Variable
) -> keras.optimizers.Optimizer:
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        max(budget - recipe.warm_up, 1),
        warmup_target=recipe.learning_rate,
        warmup_steps=recipe.warm_up,
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=decay, global_clipnorm=recipe.clip)
    optimizer.exclude_from_weight_decay(var_list=[rest])
    optimizer.build([kernels, rest])
    return optimizer


def predict_logits(
    network: keras.Model, x: np.ndarray, infer: Callable | None = None, batch: int = 256
) -> np.ndarray:
    """Outputs of a network for ``(n, steps, channels)``, in batches of one shape.

    The last batch is filled up with its own first row, so that there is one shape to compile.
    Batches of long series are smaller: ``BATCH_STEPS`` steps of all their series at most.
    """
    infer = infer or tf.function(lambda rows: network(rows, training=False))
    batch = max(1, min(batch, BATCH_STEPS // x.shape[1]))
    if not len(x):
        return np.empty((0, *network.output_shape[1:]), np.float32)
    outputs = []
    for start in range(0, len(x), batch):
        rows = x[start : start + batch]
        full = np.concatenate([rows, np.repeat(rows[:1], min(batch, len(x)) - len(rows), axis=0)])
        outputs.append(infer(tf.constant(full)).numpy()[: len(rows)])
    return np.concatenate(outputs)
