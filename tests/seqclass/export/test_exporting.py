"""Folders that work alone: what lies in them, who may read them, and what is refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from seqclass.evaluation.decisions import Decision
from seqclass.export import export_check, standalone
from seqclass.export.export_check import DiffersError, check_agreement, made_up_series
from seqclass.export.exporting import Exported, export_model
from seqclass.export.model_card import card_of, version_files
from seqclass.store.models import Model
from seqclass.store.root import open_root
from seqclass.training.learnt_rows import Rows
from tests.support.commands import in_python
from tests.support.exports import store_answered, whole_committee
from tests.support.stored import store_series

ALONE = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow", "keras", "seqclass", "scipy", "onnx"}:
            raise ImportError(name + " is not to be had here")

sys.meta_path.insert(0, Blocked())
import json, numpy
import decide

found = decide.Classifier().answers(list(numpy.load(sys.argv[1])))
json.dump({k: v.tolist() if hasattr(v, "tolist") else v for k, v in found.items()}, sys.stdout)
"""
GUEST = """
import os, sys
import pandas as pd
from threadpoolctl import threadpool_info
from seqclass.export.mlflow_loader import _load_pyfunc

before = dict(os.environ), threadpool_info()
found = _load_pyfunc(sys.argv[1]).predict(pd.DataFrame({"value": [[0.0, 1.0], [1.0, None, 3.0]]}))
assert len(found) == 2
assert before == (dict(os.environ), threadpool_info())
assert not {"tensorflow", "keras"} & set(sys.modules)
"""
RULE = Decision((0.1, 0.0), 0.52, 1.0, 0.0, 0.2, (0.45, 0.5))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    dataset = store_series(open_root(tmp_path_factory.mktemp("exports") / "root"))
    y = np.arange(60, dtype=np.int32) % 2
    return store_answered(dataset, whole_committee(Rows(dataset.values(), y), 2))


@pytest.fixture(scope="module")
def exported(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Exported]:
    folder, made = tmp_path_factory.mktemp("out"), dict[str, Exported]()

    def export(kind: str) -> Exported:
        if kind not in made:
            made[kind] = export_model(model.root, model, kind, str(folder / kind))  # type: ignore[arg-type]
        return made[kind]

    return export


def test_a_folder_answers_alone_as_is_stored(
    model: Model, exported: Callable[..., Exported], tmp_path: Path
) -> None:
    folder = shutil.copytree(exported("onnx").folder, tmp_path / "copy")
    stored = pq.read_table(model.path("predictions.parquet"))
    dataset = store_series(model.root)
    np.save(tmp_path / "x.npy", dataset.values(np.arange(0, 60, 3)))
    done = in_python(ALONE, tmp_path / "x.npy", cwd=folder, check=True)
    answers = json.loads(done.stdout)
    for name in ("prediction", "answer", "reason", "possible", "nearest"):
        assert answers[name] == stored[name].to_pylist(), name
    assert {*answers["reason"]} >= {None, "ambiguous"}
    assert np.allclose(answers["probabilities"], stored["probabilities"].to_pylist(), atol=1e-5)
    assert np.allclose(answers["confidence"], stored["confidence"], atol=1e-5)
    assert np.allclose(answers["familiarity"], stored["familiarity"], atol=1e-6)


@pytest.mark.parametrize("kind", ["onnx", pytest.param("savedmodel", marks=pytest.mark.system)])
def test_a_folder_says_what_it_is_and_checks_itself(
    kind: str, model: Model, exported: Callable[..., Exported]
) -> None:
    made = exported(kind)
    folder = Path(made.folder)
    assert (made.model, made.agreement.series, made.agreement.gap < 1e-5) == (
        model.ref,
        40,
        True,
    )
    assert "16 examples: the same answers" in standalone.check(folder)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    listed = json.loads((folder / "digests.json").read_text())
    assert listed["files"].keys() == files - {"digests.json"}
    [keras] = [file["sha256"] for file in model.manifest["files"] if file["path"] == "model.keras"]
    assert listed["model.keras"] == keras
    assert (folder / "README.md").read_text() == card_of(model, kind, made.agreement)
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_a_version_s_card_shows_names_as_they_are(model: Model) -> None:
    yaml = pytest.importorskip("yaml")
    odd = {**model.manifest, "classes": ["a|b", "c: #1"], "channels": ["x|y"]}
    texts = version_files("it's", odd, datetime(2026, 5, 3, tzinfo=UTC), 40)  # type: ignore[arg-type]
    _, front, text = texts["README.md"].split("---\n", 2)
    assert yaml.safe_load(front)["model-index"][0]["name"] == "it's"
    assert "| classes | a\\|b, c: #1 |" in text.splitlines()
    described = yaml.safe_load(texts["MLmodel"])
    inputs = json.loads(described["signature"]["inputs"])
    assert [column["name"] for column in inputs] == ["x|y"]
    assert described["utc_time_created"] == "2026-05-03T00:00:00+00:00"


def test_mlflow_is_told_how_to_load_it(exported: Callable[..., Exported]) -> None:
    import pandas as pd

    folder = Path(exported("mlflow").folder)
    flavor = json.loads((folder / "MLmodel").read_text())["flavors"]["python_function"]
    assert (folder / flavor["code"] / f"{flavor['loader_module']}.py").is_file()
    frame = pd.DataFrame({"value": [[0.0, 1.0], [1.0, None, float("nan"), 3.0]]})
    answers = standalone._load_pyfunc(str(folder / flavor["data"])).predict(frame)
    assert (answers["probability_down"] + answers["probability_up"]).round(5).tolist() == [1.0, 1.0]
    signature = json.loads((folder / "MLmodel").read_text())["signature"]
    outputs = {output["name"]: output for output in json.loads(signature["outputs"])}
    assert list(outputs) == [*answers.columns]
    for name in ("possible", "nearest"):
        assert outputs[name]["items"] == {"type": "string"}
        assert all(isinstance(text, str) for cell in answers[name] for text in cell)


def test_mlflow_s_caller_stays_as_it_was(model: Model) -> None:
    done = in_python(GUEST, model.folder)
    assert done.returncode == 0, done.stderr


def test_a_changed_folder_is_seen(
    model: Model, exported: Callable[..., Exported], tmp_path: Path
) -> None:
    folder = Path(exported("onnx").folder)
    for name in ("model.json", "README.md"):
        copy = shutil.copytree(folder, tmp_path / name)
        (copy / name).write_bytes(b"{}")
        with pytest.raises(ValueError, match=f"expected its digests, {name} has another"):
            standalone.check(copy)


def test_another_network_gets_no_name(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = export_check.tested_rows(model)
    other.answers["probabilities"][3] = [0.9, 0.1]
    with monkeypatch.context() as patched:
        patched.setattr("seqclass.export.exporting.tested_rows", lambda _: other)
        with pytest.raises(DiffersError, match="1 of 20 series are answered otherwise"):
            export_model(model.root, model, "onnx", str(tmp_path / "mine"))
    assert list(tmp_path.iterdir()) == []


NOTHING = np.float32(-9)


def of_the_highest(x: np.ndarray) -> np.ndarray:
    top = x.max(axis=1)
    return np.where(top == NOTHING, 0.5, top.view(np.int32) % 2)


def of_differences(x: np.ndarray) -> np.ndarray:
    """A share that stays where all values move alike."""
    bits = x.view(np.int32).astype(np.int64)
    return ((bits - bits[:, :1]) @ np.arange(bits.shape[1]) % 7) / 6


@pytest.mark.parametrize("share", [of_the_highest, of_differences])
def test_what_rounding_decides_is_told_apart(
    model: Model, share: Callable[[np.ndarray], np.ndarray]
) -> None:
    """A network that tells by the last bit answers some series one way and its copy another."""
    tested = export_check.tested_rows(model)

    def by_the_last_bit(x: np.ndarray) -> dict[str, np.ndarray]:
        shares = share(np.where(np.isnan(x), NOTHING, x)[:, :, 0]).astype(np.float32)
        return {
            **half(x),
            "probabilities": np.stack([0.3 + 0.4 * shares, 0.7 - 0.4 * shares], axis=1),
        }

    def half(x: np.ndarray) -> dict[str, np.ndarray]:
        n = len(x)
        return {"probabilities": np.full((n, 2), 0.5, np.float32), "p_value": np.ones(n),
                "nearest": np.zeros((n, 1), int)}  # fmt: skip

    record = {"classes": ["down", "up"], "decision": asdict(RULE), "references": ["s000"]}
    expected = standalone.decide(by_the_last_bit(tested.x), record)
    kept = export_check.Tested(np.nan_to_num(tested.x), expected)
    near = check_agreement(kept, record, half, by_the_last_bit)
    assert near.unsettled >= 20
    assert near.unsettled_gap == pytest.approx(0.2, abs=1e-6)
    assert near.gap < 1e-5


def test_examples_hold_nothing_of_the_rows(model: Model) -> None:
    x = export_check.tested_rows(model).x
    made = made_up_series(x, 16)
    assert made.shape == (16, *x.shape[1:])
    assert not np.isin(made[np.isfinite(made)], x).any()


def test_bad_series_are_refused(exported: Callable[..., Exported]) -> None:
    classifier = standalone.Classifier(exported("onnx").folder)
    for series, complaint in (
        ([], "at least one"), ([np.zeros((3, 2))], r"expected \(steps, 1\)"),
        ([np.zeros((0, 1))], r"expected \(steps, 1\)"), ([np.array([np.inf])], "finite"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=complaint):
            classifier.answers(series)
