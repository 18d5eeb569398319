"""Access to registered models and to stores from Python."""

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from seqclass.answering import Answering
from seqclass.evaluation.contribution import LSTM
from seqclass.inference.prediction import scorer_of
from seqclass.network_process import Network
from seqclass.store.datasets import open_dataset
from seqclass.store.format_version import check_format
from seqclass.store.models import HISTORY, Model
from seqclass.store.references import ModelRef
from seqclass.store.registry import open_model
from seqclass.store.root import open_root
from seqclass.store.tables import read_table

if TYPE_CHECKING:
    from seqclass.estimator import SequenceClassifier
    from seqclass.fitted_record import Parameters

STABILITY = "stability.json"
"""File of a version with the records of its seeds."""


class StoredClassifier(Answering):
    """A registered model version that predicts, as ``load_model`` and ``Store.model`` return it.

    It has the methods of ``SequenceClassifier`` but ``fit``.

    Attributes
    ----------
    ref : str
        Reference of the version, ``models/<name>@v<number>``.
    classes_ : array (classes,)
        The classes, in the order of the probabilities.
    channels_ : list of str
        Names of the channels that it takes, in order.
    n_features_in_, n_channels_ : int
        Steps of the longest series of its dataset, and channels.
    validation_, members_ : dict, list of dict
        Scores and members of the registered seed; empty for an average of seeds.
    losses_ : list of list of float
        Training loss (nats) of every update of each network of the LSTM, of the registered seed.

    Examples
    --------
    >>> from seqclass import load_model
    >>> model = load_model("courses@v1", root="my-store")
    >>> model.ref, model.channels_
    ('models/courses@v1', ['value'])
    >>> model.predict(X[[0, -1]]).tolist()
    ['falls', 'rises']
    """

    def __init__(self, model: Model) -> None:
        scorer = scorer_of(model)
        self.ref = model.ref
        self.channels_ = list(scorer.channels)
        self.classes_ = np.array(scorer.classes)
        self.n_channels_ = len(scorer.channels)
        self.decision_ = scorer.decision
        self._model = model
        seeds = model.read_json(STABILITY)["seeds"]
        registered = model.manifest["registered_seed"]
        trained: dict[str, Any] = next((s for s in seeds if s["seed"] == registered), {})
        self.validation_ = trained.get("validation", {})
        self.members_ = trained.get("members", [])
        self._network = Network(model.read("model.keras"), scorer.path)
        self._network.ask("sizes")

    def __repr__(self) -> str:
        return f"StoredClassifier({self.ref!r})"

    @cached_property
    def n_features_in_(self) -> int:  # type: ignore[override]
        """Steps of the longest series of its dataset.

        Examples
        --------
        >>> load_model("courses@v1", root="my-store").n_features_in_
        24
        """
        dataset = open_dataset(self._model.root, self._model.manifest["dataset"])
        return dataset.manifest["n_steps"][1]

    def _parameters(self) -> "Parameters":
        from seqclass.fitted_record import Parameters

        spec, seed = self._model.manifest["spec"], self._model.manifest["registered_seed"]
        members = spec.get("members")
        return Parameters(
            spec.get("first_seed", 0) if seed is None else seed,
            members and tuple(members),
            spec.get("budget_s"),
        )

    @cached_property
    def losses_(self) -> list[list[float]]:  # type: ignore[override]
        """Training loss (nats) of every update of each network of the LSTM.

        Examples
        --------
        >>> load_model("courses@v1", root="my-store").losses_  # this version keeps none
        []
        """
        return _losses_of(self._model)


def _losses_of(model: Model) -> list[list[float]]:
    """Return the losses of each network of the LSTM of the registered seed, or of all seeds."""
    table = read_table(model.root, model.path(HISTORY))
    rows = table.filter(pc.field("member") == LSTM)
    seed = model.manifest["registered_seed"]
    if seed is not None:
        rows = rows.filter(pc.field("seed") == seed)
    by_network = dict[tuple[int, int], list[float]]()
    for row in rows.to_pylist():
        by_network.setdefault((row["seed"], row["network"]), []).append(row["training_loss"])
    return list(by_network.values())


def load_model(
    model: str | os.PathLike[str], root: str | os.PathLike[str] | None = None
) -> "StoredClassifier | SequenceClassifier":
    """Load a registered model version, or a file written by ``SequenceClassifier.save``.

    The files of a version are compared with the digests of its manifest.

    Parameters
    ----------
    model : str or path
        ``name`` for the champion, ``name@v3`` for a version, the folder of a version, or a file.
    root : str or path, optional
        Folder or URL of the store; by default ``SEQCLASS_STORAGE``, else ``storage/artifacts`` of
        the checkout, or ``seqclass-store`` in the current folder for an installed package. If it
        is given, ``model`` is always a name.

    Returns
    -------
    StoredClassifier or SequenceClassifier
        The former for a registered version, the latter for a file.

    Raises
    ------
    ValueError
        If there is no such model or version, or no champion; if a file was changed after it was
        written (``DamagedError``, a ValueError).

    Examples
    --------
    >>> from seqclass import load_model
    >>> load_model("courses", root="my-store")
    StoredClassifier('models/courses@v1')
    >>> load_model("my-store/models/courses/v1")
    StoredClassifier('models/courses@v1')
    """
    folder = Path(os.fspath(model))
    if root is None and folder.is_file():
        from seqclass.estimator import (
            SequenceClassifier,  # scikit-learn, which stored ones need not
        )
        from seqclass.fitted_record import from_file
        from seqclass.store.classifier_file import read_classifier

        return from_file(str(folder), read_classifier(folder), SequenceClassifier)
    if root is None and (folder / "manifest.json").is_file():
        place = folder.resolve()
        ref = ModelRef(*place.parts[-2:]).short
        return StoredClassifier(open_model(open_root(place.parents[2]), ref))
    if root is None and _is_path(os.fspath(model)):
        raise ValueError(
            f"model: expected a file or the folder of a version, there is none at "
            f"{os.fspath(model)!r}; correct the path, or give a name"
        )
    return StoredClassifier(open_model(check_format(open_root(root)), os.fspath(model)))


def _is_path(text: str) -> bool:
    """Check whether a text can only mean a path; ``models/NAME@vN`` is a reference."""
    return text.endswith(".seqclass") or os.sep in text.removeprefix(f"{ModelRef.kind}/")
