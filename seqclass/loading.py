"""What is registered, from Python."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqclass.answering import Answering, Network
from seqclass.inference.prediction import scorer_of
from seqclass.runtime import start_tensorflow
from seqclass.store.datasets import dataset_versions, open_dataset
from seqclass.store.models import Model, load_keras, model_versions
from seqclass.store.references import DatasetRef, ModelRef
from seqclass.store.registry import champion_of, open_model
from seqclass.store.root import Root, open_root

if TYPE_CHECKING:
    from seqclass.estimator import SequenceClassifier


class StoredClassifier(Answering):
    """A registered version. ``ref`` names it; ``channels_`` are those that it takes, in order."""

    def __init__(self, model: Model) -> None:
        start_tensorflow()
        scorer = scorer_of(model)
        self.ref = model.ref
        self.channels_ = list(scorer.channels)
        self.classes_ = np.array(scorer.classes)
        self.n_channels_ = len(scorer.channels)
        self.decision_ = scorer.decision
        self._network = Network(load_keras(model.root, scorer.path))

    def __repr__(self) -> str:
        return f"StoredClassifier({self.ref!r})"


def load_model(
    model: str | os.PathLike[str], root: str | os.PathLike[str] | None = None
) -> "StoredClassifier | SequenceClassifier":
    """Load a registered version, or the file that ``SequenceClassifier.save`` wrote.

    model: ``name`` (its champion), ``name@v3``, the folder of a version, or a file. root: the
    store's folder or URL, by default as for the commands; with it ``model`` is no path. Files of a
    version are compared with what was registered. ValueError where there is nothing of that name.
    """
    folder = Path(os.fspath(model))
    if root is None and folder.is_file():
        from seqclass.estimator import (
            SequenceClassifier,  # scikit-learn, which stored ones need not
        )
        from seqclass.fitted_record import from_file
        from seqclass.store.classifier_file import read_classifier

        start_tensorflow()
        return from_file(str(folder), read_classifier(folder), SequenceClassifier)
    if root is None and (folder / "manifest.json").is_file():
        place = folder.resolve()
        root, model = place.parents[2], ModelRef(*place.parts[-2:]).short
    return StoredClassifier(open_model(open_root(root), os.fspath(model)))


def open_store(root: str | os.PathLike[str] | None = None) -> "Store":
    """Look into a store: a folder or URL, by default as for the commands."""
    return Store(open_root(root))


class Store:
    """A store, to be read: names of models and datasets, and what they hold."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self.url = root.url

    def __repr__(self) -> str:
        return f"Store({self.url!r})"

    def models(self) -> list[str]:
        """References of all versions, ``name@v1``, by name, the oldest first."""
        return [
            ModelRef(name, version).short
            for name in self._root.names("models")
            for version in model_versions(self._root, name)
        ]

    def champion(self, name: str) -> str | None:
        """Reference of a name's champion, None where it has none."""
        version = champion_of(self._root, name)
        return version and ModelRef(name, version).short

    def model(self, ref: str) -> StoredClassifier:
        """A version, or a name's champion, ready to answer."""
        return StoredClassifier(open_model(self._root, ref))

    def datasets(self) -> list[str]:
        """References of all datasets, ``name@digest``, by name."""
        return [
            DatasetRef(name, version).short
            for name in self._root.names("datasets")
            for version in dataset_versions(self._root, name)
        ]

    def dataset(self, ref: str) -> tuple[np.ndarray, np.ndarray]:
        """Series ``(n, steps, channels)``, padded with NaN, and labels ``(n,)`` of a dataset."""
        found = open_dataset(self._root, ref)
        return found.values(), np.array(found.labels()["label"].to_pylist(), dtype=object)
