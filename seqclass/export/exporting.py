"""Export of a registered version to a folder that works without this project."""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from seqclass.export import standalone
from seqclass.export.export_check import (
    ExportAgreement,
    Tested,
    asked,
    check_agreement,
    made_up_series,
    steadiest,
    tested_rows,
)
from seqclass.export.model_card import card_of, write_mlflow
from seqclass.inference.prediction import outputs_of, scorer_of
from seqclass.runtime import start_tensorflow
from seqclass.store.layout import check_free
from seqclass.store.models import Model, load_keras
from seqclass.store.root import Root

Kind = Literal["onnx", "mlflow", "savedmodel"]
KINDS: tuple[Kind, ...] = get_args(Kind)
NEEDED = {"onnx": ("onnx", "onnxruntime"), "mlflow": ("onnx", "onnxruntime"), "savedmodel": ()}
"""Packages that a kind takes beside TensorFlow."""
EXAMPLES = 16


@dataclass(frozen=True)
class Exported:
    """A finished export: the version, its folder, the folder's bytes, and how it was checked."""

    model: str
    kind: Kind
    folder: str
    bytes: int
    agreement: ExportAgreement


def check_export(root: Root, to: str, out: str) -> Kind:
    """Return the kind of an export; ValueError if it can't be written to the folder ``out``."""
    kind = next((name for name in KINDS if name == to), None)
    if kind is None:
        raise ValueError(f"--to: expected one of {', '.join(KINDS)}, got {to!r}; choose one")
    missing = [name for name in NEEDED[kind] if find_spec(name) is None]
    if missing:
        raise ValueError(
            f"--to {kind}: expected the package {missing[0]}, it is not installed; install the "
            "extra 'onnx'"
        )
    target = os.path.abspath(out)
    check_free(root, "--out", target)
    if os.path.lexists(target):
        raise ValueError(f"--out: expected a new folder, {target!r} exists; choose another name")
    parent = Path(target).parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise ValueError(
            f"--out: expected a folder in one that exists and can be written to, got {target!r}; "
            "make that folder first"
        )
    return kind


def export_model(root: Root, model: Model, kind: Kind, out: str) -> Exported:
    """Write a version to the new folder ``out``, which appears whole and checked or not at all.

    ValueError names a layer that has no ONNX form, or how the answers differ.
    """
    check_export(root, kind, out)
    target, record, tested = os.path.abspath(out), record_of(model), tested_rows(model)
    with _staged(target) as folder:
        start_tensorflow()
        classifier = load_keras(root, model.path("model.keras"))
        _write(folder / "model.json", record)
        shutil.copyfile(standalone.__file__, folder / "decide.py")
        _write_network(folder, classifier, record, kind)
        agreement = _checked(tested, folder, record, classifier)
        if kind == "mlflow":
            write_mlflow(folder, record, model.manifest["created"])
        (folder / "README.md").write_text(card_of(model, kind, agreement), "utf-8")
        _write_digests(folder, model)
        standalone.check(folder)
        os.rename(folder, target)
    size = sum(path.stat().st_size for path in Path(target).rglob("*") if path.is_file())
    return Exported(model.ref, kind, target, size, agreement)


def record_of(model: Model) -> dict[str, Any]:
    """Return what ``decide.py`` needs to know of a version."""
    scorer = scorer_of(model)
    return {
        "model": model.ref,
        "classes": scorer.classes,
        "channels": list(scorer.channels),
        "decision": asdict(scorer.decision),
        "references": scorer.references,
        "saved_model": model.version.removeprefix("v"),
    }


@contextmanager
def _staged(target: str) -> Iterator[Path]:
    """Provide a folder beside the target, hidden by its name; what is left of it is removed."""
    name = f".{os.path.basename(target)}-{uuid.uuid4().hex[:8]}.unfinished"
    folder = Path(target).with_name(name)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_network(folder: Path, classifier: Any, record: dict[str, Any], kind: Kind) -> None:
    if kind == "savedmodel":
        classifier.export(folder / record["saved_model"], verbose=False)
        return
    from seqclass.export.onnx_model import onnx_model

    network = onnx_model(classifier, f"{record['model']}, exported by seqclass")
    (folder / "model.onnx").write_bytes(network.SerializeToString())


def _checked(
    tested: Tested, folder: Path, record: dict[str, Any], classifier: Any
) -> ExportAgreement:
    """Compare the exported network with the version, and write examples of Keras's answers."""
    exported, original = standalone.Classifier(folder).ask, outputs_of(classifier)
    agreement = check_agreement(tested, record, exported, original)
    series = steadiest(original, made_up_series(tested.x, 4 * EXAMPLES), EXAMPLES)
    answers = standalone.decide(asked(original, series), record)
    np.savez_compressed(
        folder / "examples.npz",
        series=series,
        probabilities=answers["probabilities"],
        answer=np.array(answers["answer"]),
    )
    return agreement


def _write_digests(folder: Path, model: Model) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
    files_of_model = model.manifest["files"]
    [keras] = [entry["sha256"] for entry in files_of_model if entry["path"] == "model.keras"]
    _write(folder / "digests.json", {"model": model.ref, "model.keras": keras, "files": digests})


def _write(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
