"""Answers of an exported classifier: NumPy alone, and ONNX Runtime to ask its network.

    import decide
    classifier = decide.Classifier()        # of the folder that this file lies in
    classifier.answers([series, ...])       # arrays (steps, channels), NaN where a value is missing

``python decide.py`` compares the folder with its digests, and its answers with those that
``examples.npz`` holds. This file belongs to an exported folder, and imports nothing of seqclass.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
BATCH = 64
"""Series that the network is asked at a time; they are padded to the longest of them."""
TOLERANCE = 1e-5
"""Difference of probabilities that counts as none."""
Outputs = Mapping[str, np.ndarray]


def decide(outputs: Outputs, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns of answers from a network's outputs and ``model.json``.

    ``prediction``: the class that the rule in ``decision`` chooses, by the probabilities after its
    offsets or by expected costs; ``answer``: the same, or ``unknown`` with a ``reason``, which is
    ``unfamiliar`` (unlike all training series) or ``ambiguous`` (below the confidence, or unknown
    costs less); ``possible``: the classes that can't be ruled out; ``nearest``: ids of the training
    series that are most alike; ``probabilities (n, classes)`` before the offsets; ``confidence
    (n,)`` of the prediction after them; ``familiarity (n,)``: p-value of being like the training
    series.
    """
    rule, classes = record["decision"], record["classes"]
    probabilities, p_value = outputs["probabilities"], outputs["p_value"]
    codes, confidence, doubtful = _answers(probabilities, rule)
    strange = p_value <= rule["unfamiliar"]
    predictions = [classes[code] for code in codes.tolist()]
    reasons = [
        "unfamiliar" if unlike else "ambiguous" if unsure else None
        for unlike, unsure in zip(strange.tolist(), doubtful.tolist(), strict=True)
    ]
    pairs = zip(predictions, reasons, strict=True)
    return {
        "prediction": predictions,
        "answer": ["unknown" if reason else prediction for prediction, reason in pairs],
        "reason": reasons,
        "confidence": confidence.astype(np.float32),
        "familiarity": p_value,
        "possible": _possible(probabilities, rule["possible"], classes),
        "nearest": _nearest(outputs["nearest"], record["references"]),
        "probabilities": probabilities,
    }


def _answers(
    probabilities: np.ndarray, rule: Mapping[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return codes of predictions, their confidence, and whether they are ambiguous, ``(n,)``."""
    rows, n_classes = np.arange(len(probabilities)), probabilities.shape[1]
    if rule["costs"] is not None:
        expected = probabilities.astype(np.float64) @ np.array(rule["costs"])
        codes = expected[:, :n_classes].argmin(axis=1)
        least = expected[rows, codes][:, None]
        return codes, probabilities[rows, codes], (expected[:, n_classes:] < least).any(axis=1)
    logits = np.log(np.maximum(probabilities.astype(np.float64), np.finfo(np.float32).tiny))
    if rule["offsets"] is not None:
        logits = logits + np.asarray(rule["offsets"])
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    confidence = (odds / odds.sum(axis=1, keepdims=True)).max(axis=1)
    scores = probabilities if rule["offsets"] is None else logits
    return scores.argmax(axis=1), confidence, confidence < rule["threshold"]


def _possible(
    probabilities: np.ndarray, possible: Sequence[float] | None, classes: Sequence[str]
) -> list[list[str]] | None:
    if possible is None:
        return None
    inside = probabilities >= np.array(possible, np.float32)
    inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
    return [[classes[code] for code in np.flatnonzero(row).tolist()] for row in inside]


def _nearest(numbers: np.ndarray, references: Sequence[str]) -> list[list[str]]:
    return [[references[number] for number in row] for row in numbers.tolist()]


class Classifier:
    """The classifier of an exported folder."""

    def __init__(self, folder: Path | str = HERE) -> None:
        self.folder = Path(folder)
        self.record = json.loads((self.folder / "model.json").read_text("utf-8"))
        self.ask = _network(self.folder, self.record)

    def outputs(self, series: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return the network's outputs for series ``(steps, channels)``, or ``(steps,)``."""
        rows = [self._as_row(part) for part in series]
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        outputs: dict[str, np.ndarray] = {}
        for start in range(0, len(rows), BATCH):
            numbers = order[start : start + BATCH]
            for name, part in self.ask(_padded([rows[row] for row in numbers])).items():
                whole = outputs.setdefault(name, np.empty((len(rows), *part.shape[1:]), part.dtype))
                whole[numbers] = part
        return outputs

    def answers(self, series: Sequence[np.ndarray]) -> dict[str, Any]:
        """Return the columns that ``decide`` describes, in the order of the series."""
        if not len(series):
            raise ValueError("series: expected at least one, got none")
        return decide(self.outputs(series), self.record)

    def _as_row(self, series: np.ndarray) -> np.ndarray:
        values = np.asarray(series, np.float32)
        values = values[:, None] if values.ndim == 1 else values
        channels = self.record["channels"]
        if values.ndim != 2 or values.shape[1] != len(channels) or not len(values):
            raise ValueError(
                f"series: expected (steps, {len(channels)}) with the channels "
                f"{', '.join(channels)}, got {np.shape(series)}"
            )
        if np.isinf(values).any():
            raise ValueError("series: expected finite numbers, or NaN where one is missing")
        return values


def _padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    shape = len(rows), max(map(len, rows)), rows[0].shape[1]
    x = np.full(shape, np.nan, np.float32)
    for place, row in zip(x, rows, strict=True):
        place[: len(row)] = row
    return x


def _network(
    folder: Path, record: Mapping[str, Any]
) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Return the function from series ``(n, steps, channels)`` to outputs by name."""
    if (folder / "model.onnx").exists():
        import onnxruntime

        session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), providers=["CPUExecutionProvider"]
        )
        names = [output.name for output in session.get_outputs()]
        return lambda x: dict(zip(names, session.run(names, {"series": x}), strict=True))
    import tensorflow

    model = tensorflow.saved_model.load(str(folder / record["saved_model"]))
    return lambda x: {name: part.numpy() for name, part in model.serve(x).items()}


def changed_files(folder: Path) -> list[str]:
    """Return the files of an exported folder that differ from ``digests.json``, or are gone."""
    digests = json.loads((folder / "digests.json").read_text("utf-8"))["files"]
    return [
        name
        for name, digest in digests.items()
        if not (folder / name).is_file()
        or hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest
    ]


def check(folder: Path = HERE) -> str:
    """Return what was compared, in a line; ValueError if something differs."""
    if changed := changed_files(folder):
        raise ValueError(f"digests.json: expected its digests, {changed[0]} has another")
    with np.load(folder / "examples.npz") as examples:
        series, probabilities = examples["series"], examples["probabilities"]
        labels = examples["answer"].tolist()
    answers = Classifier(folder).answers(list(series))
    gap = float(np.abs(answers["probabilities"] - probabilities).max())
    if gap > TOLERANCE or answers["answer"] != labels:
        raise ValueError(f"examples.npz: expected its answers, got others ({gap:.2g} apart)")
    return f"{len(series)} examples: the same answers, probabilities at most {gap:.2g} apart"


class PythonFunction:
    """A classifier as MLflow asks it: by a DataFrame with a row for each series."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier

    def predict(self, data: Any, params: Any = None) -> Any:
        """Return a DataFrame of answers; cells of ``data`` hold the values of a channel."""
        import pandas

        channels = self.classifier.record["channels"]
        cells = [[np.asarray(cell, np.float32) for cell in data[name]] for name in channels]
        answers = self.classifier.answers(
            [np.stack(row, axis=-1) for row in zip(*cells, strict=True)]
        )
        scores = answers.pop("probabilities").T.tolist()
        columns = {name: column for name, column in answers.items() if column is not None}
        names = [f"probability_{name}" for name in self.classifier.record["classes"]]
        return pandas.DataFrame({**columns, **dict(zip(names, scores, strict=True))})


def _load_pyfunc(path: str) -> PythonFunction:
    return PythonFunction(Classifier(path))


if __name__ == "__main__":
    try:
        print(check())
    except (ValueError, OSError) as problem:
        sys.exit(str(problem))
