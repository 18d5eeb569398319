"""Classification of sequences from Python: train a classifier, load a model, work in a store.

It needs neither Prefect nor a server, and importing it imports neither Prefect nor TensorFlow.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seqclass.estimator import SequenceClassifier
    from seqclass.loading import StoredClassifier, load_model
    from seqclass.stores import open_store

    __version__: str

__all__ = ["SequenceClassifier", "StoredClassifier", "load_model", "open_store"]

_MODULES = {
    "SequenceClassifier": "estimator",
    "StoredClassifier": "loading",
    "load_model": "loading",
    "open_store": "stores",
}

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # which takes longer than this package

        return version("sequence-classification")
    if name not in _MODULES:
        raise AttributeError(f"module 'seqclass' has no attribute {name!r}")
    return getattr(import_module(f"seqclass.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
