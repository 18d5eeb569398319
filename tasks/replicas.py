"""What a worker process does: train one seed, or predict with stored classifiers.

TensorFlow is imported inside the functions, so only in the process that runs them.
"""

import hashlib
from typing import Any

import numpy as np

from storage.datasets import open_dataset
from storage.models import load_keras, save_keras
from storage.root import open_root
from tasks.learning.spec import TrainingSpec
from tasks.selection import select_rows
from tasks.workers import Progress, tell, tensorflow


def train_seed(
    root_url: str, dataset_ref: str, spec: TrainingSpec, seed: int, model_path: str
) -> dict[str, Any]:
    """Train a seed on the dataset's training rows, store its classifier, return its record."""
    tensorflow()
    import keras

    from tasks.learning.fitting import Rows
    from tasks.learning.training import train_replica

    root = open_root(root_url)
    dataset = open_dataset(root, dataset_ref)
    chosen = select_rows(dataset, spec)
    rows = Rows(dataset.values(chosen.train), chosen.codes[chosen.train])
    groups = None if chosen.groups is None else chosen.groups[chosen.train]
    keras.utils.clear_session()
    replica = train_replica(
        rows,
        groups,
        len(chosen.classes),
        spec,
        seed,
        lambda update, of, loss: tell(Progress(seed, update, of, loss)),
    )
    save_keras(replica.classifier, root, model_path)
    return {
        "seed": seed,
        "validation": replica.validation,
        "temperature": replica.temperature,
        "updates": sum(fit.history[-1].update for fit in replica.fits),
        "kept_update": replica.fits[-1].updates,
        "restarts": sum(fit.restarts for fit in replica.fits),
        "seconds": round(replica.seconds, 2),
        "weights_sha256": weights_digest(replica.classifier.get_weights()),
        "history": [
            {"seed": seed, "fit": number, **vars(point)}
            for number, fit in enumerate(replica.fits)
            for point in fit.history
        ],
    }


def weights_digest(weights: list[np.ndarray]) -> str:
    """SHA-256 over all weights' shapes and bytes, in the model's order."""
    digest = hashlib.sha256()
    for weight in weights:
        digest.update(str(weight.shape).encode())
        digest.update(np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def stored_weights_digest(root_url: str, model_path: str) -> str:
    """The digest of the weights in a stored classifier."""
    tensorflow()
    return weights_digest(load_keras(open_root(root_url), model_path).get_weights())


def predict_rows(
    root_url: str, dataset_ref: str, rows: np.ndarray, model_paths: list[str]
) -> list[np.ndarray]:
    """Probabilities ``(rows, classes)`` of row numbers of a dataset by each stored classifier.

    ``model_paths`` share one architecture, so it is loaded once and given each one's weights.
    """
    tensorflow()
    from tasks.learning.fitting import predict_logits

    root = open_root(root_url)
    x = open_dataset(root, dataset_ref).values(rows)
    first = load_keras(root, model_paths[0])
    predict = compiled(first)
    results = []
    for path in model_paths:
        first.set_weights(load_keras(root, path).get_weights())
        results.append(predict_logits(first, x, predict))
    return results


def compiled(model: Any) -> Any:
    tf = tensorflow()
    return tf.function(lambda rows: model(rows, training=False))


def baseline_rows(root_url: str, dataset_ref: str, spec: TrainingSpec) -> dict[str, np.ndarray]:
    """Each baseline's class codes for the dataset's test rows."""
    from tasks.learning.baselines import baseline_predictions

    dataset = open_dataset(open_root(root_url), dataset_ref)
    chosen = select_rows(dataset, spec)
    x, x_test = dataset.values(chosen.train), dataset.values(chosen.test)
    return baseline_predictions(x, chosen.codes[chosen.train], x_test, spec.split_seed)
