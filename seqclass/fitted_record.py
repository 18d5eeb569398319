"""Conversion of a fitted classifier to the content of its file, and back."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from seqclass.evaluation.decisions import Decision
from seqclass.evaluation.goals import Goal
from seqclass.network_process import Network
from seqclass.store.classifier_file import ClassifierFile
from seqclass.store.root import DamagedError
from seqclass.training.spec import Member

Made = TypeVar("Made")
TEXT, OBJECT = "text", "object"
NUMBERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
           "float16", "float32", "float64")  # fmt: skip


@dataclass(frozen=True)
class Parameters:
    """The parameters that the estimator was created with; a drawn seed stands for its generator."""

    random_state: int
    members: tuple[Member, ...] | None
    budget_s: float | None
    series_id: str | int | None = None
    step: str | int | None = None
    verbose: int | None = None
    goal: Goal = "macro_f1"
    max_error: float = 0.05


@dataclass(frozen=True)
class FittedRecord:
    """The fields of a classifier's file beside its weights.

    kind: ``text``, ``object`` or the name of the NumPy type of ``classes``. channels: their names,
    or None if they have none. feature_names: of the columns of a wide table. read: what ``fit``
    read.
    """

    parameters: Parameters
    classes: list[str | bool | int | float]
    kind: str
    n_features: int
    n_channels: int
    channels: list[str | int] | None
    decision: Decision
    validation: dict[str, float]
    members: list[dict[str, Any]]
    losses: list[list[float]] = field(default_factory=list)
    feature_names: list[str] | None = None
    read: str = ""


def to_file(fitted: Any) -> ClassifierFile:
    """Return the content of the file of a classifier.

    ValueError if JSON can't hold the classes.
    """
    parameters, classes = fitted._parameters(), fitted.classes_
    kind, values = kind_of(classes), classes.tolist()
    names = getattr(fitted, "feature_names_in_", None)
    record = FittedRecord(
        parameters, values, kind, fitted.n_features_in_, fitted.n_channels_,
        fitted.channels_, fitted.decision_, fitted.validation_, fitted.members_,
        fitted.losses_, None if names is None else names.tolist(), fitted.read_,
    )  # fmt: skip
    return ClassifierFile(asdict(record), fitted._network.content)


def kind_of(classes: np.ndarray) -> str:
    """Return the ``kind`` of classes; ValueError if JSON can't hold them."""
    kind = {"U": TEXT, "O": OBJECT}.get(classes.dtype.kind, classes.dtype.name)
    strange = [value for value in classes.tolist() if not isinstance(value, str | int | float)]
    if strange or kind not in (TEXT, OBJECT, *NUMBERS):
        raise ValueError(
            f"y: expected classes of text or numbers, which a file can hold, got {kind}; write "
            "them as text"
        )
    return kind


def from_file(path: str, content: ClassifierFile, estimator: Callable[..., Made]) -> Made:
    """Return the fitted ``estimator`` that a file holds; ValueError if its parts don't fit."""
    from pydantic import TypeAdapter, ValidationError

    network = Network(content.network, path)
    try:
        record = TypeAdapter(FittedRecord).validate_python(content.record)
        fitted: Any = estimator(**vars(record.parameters))
        fitted.classes_ = _classes(record)
        _check_sizes(record, network)
    except DamagedError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        problem = (
            f"{first['loc'][-1]}: {first['msg']}" if first else " ".join(str(error).split())[:200]
        )
        raise ValueError(
            f"MODEL: expected a sound classifier in {path!r}, got {problem}; save it again"
        ) from error
    fitted.n_features_in_, fitted.n_channels_ = record.n_features, record.n_channels
    fitted.channels_ = record.channels
    fitted._network, fitted.decision_ = network, _as_decided(record.decision)
    fitted.validation_, fitted.members_ = record.validation, record.members
    fitted.losses_, fitted.seed_ = record.losses, record.parameters.random_state
    fitted.read_ = record.read
    if record.feature_names is not None:
        fitted.feature_names_in_ = np.array(record.feature_names, dtype=object)
    return fitted


def _classes(record: FittedRecord) -> np.ndarray:
    if record.kind == TEXT:
        return np.array([str(value) for value in record.classes])
    if record.kind != OBJECT and record.kind not in NUMBERS:
        raise ValueError(f"classes of kind {record.kind!r}")
    return np.array(record.classes, dtype=record.kind)


def _as_decided(decision: Decision) -> Decision:
    """Return the decision with tuples in place of JSON's lists."""
    offsets, possible = (
        None if values is None else tuple(values)
        for values in (decision.offsets, decision.possible)
    )
    costs = decision.costs and tuple(map(tuple, decision.costs))
    return replace(decision, offsets=offsets, possible=possible, costs=costs)


def _check_sizes(record: FittedRecord, network: Network) -> None:
    n_channels, n_classes = network.ask("sizes")
    sizes = {
        "channels of its network": (n_channels, record.n_channels),
        "classes of its network": (n_classes, len(record.classes)),
    }
    for name in ("offsets", "possible", "costs"):
        values = getattr(record.decision, name)
        sizes[name] = (len(record.classes) if values is None else len(values), len(record.classes))
    for costs in record.decision.costs or ():
        answers = len(costs) - (len(costs) > len(record.classes))
        sizes["costs of answers"] = (answers, len(record.classes))
    if record.channels is not None:
        sizes["names of channels"] = (len(record.channels), record.n_channels)
    for what, (size, expected) in sizes.items():
        if size != expected:
            raise ValueError(f"{size} {what} where there should be {expected}")
