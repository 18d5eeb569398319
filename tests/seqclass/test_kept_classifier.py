"""A fitted classifier that is kept: by pickle, joblib and deepcopy, and in a file of its own."""

import copy
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest

from seqclass import SequenceClassifier, load_model, open_store
from seqclass.estimator import SequenceClassifier as Estimator
from seqclass.fitted_record import from_file, to_file
from seqclass.network_process import Network
from seqclass.store.classifier_file import write_classifier
from seqclass.store.keras_files import keras_bytes, keras_model
from seqclass.store.root import DamagedError, Root
from tests.support.courses import courses
from tests.support.stored import make_champion, register, store_series

NEW, _ = courses(20, seed=1)
COSTS = {"falls": {"rises": 9, "unknown": 0.01}, "rises": {"falls": 1, "unknown": 0.01}}


@pytest.fixture(scope="module")
def fitted() -> SequenceClassifier:
    """One that answers by costs, and doubts some answers."""
    series, y = courses(60)
    rows = [k for k in range(60) if y[k] == "rises" or k < 6]
    classifier = SequenceClassifier(random_state=3, members=("steps",), goal=COSTS)
    return classifier.fit([series[k] for k in rows], y[rows])


def answers(classifier: Any) -> list[Any]:
    rng = np.random.default_rng(0)
    x = [rng.normal(0, 1, (25, classifier.n_channels_)) for _ in range(6)]
    methods = (classifier.predict_proba, classifier.predict, classifier.predict_or_unknown)
    return [method(x).tolist() for method in methods]


def by_pickle(classifier: Any) -> Any:
    return pickle.loads(pickle.dumps(classifier))  # noqa: S301 - made here


def by_joblib(classifier: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(classifier, file)
    file.seek(0)
    return joblib.load(file)


def check_copies(classifier: Any, way: Callable[[Any], Any]) -> None:
    expected = answers(classifier)
    copied = way(classifier)
    assert answers(copied) == expected
    assert answers(classifier) == expected
    assert answers(way(copied)) == expected


@pytest.mark.parametrize("way", [by_pickle, by_joblib])
def test_a_copy_answers_as_the_original_does(
    fitted: SequenceClassifier, way: Callable[[Any], Any]
) -> None:
    check_copies(fitted, way)


def test_a_copy_of_a_stored_classifier_answers_as_it_does(root: Root) -> None:
    _, model = register(store_series(root, n=90))
    make_champion(root, "toy", model.version)
    stored = load_model("toy", root=root.url)
    stored.predict(open_store(root.url).dataset("toy")[0])
    check_copies(stored, copy.deepcopy)


def test_a_pickle_holds_weights_and_no_code(fitted: SequenceClassifier) -> None:
    """All that reading it imports is NumPy's arrays and this library's own dataclasses."""
    named = set()

    class Watching(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            named.add(module.partition(".")[0])
            return super().find_class(module, name)

    fitted.predict(NEW)
    Watching(io.BytesIO(pickle.dumps(fitted))).load()
    assert named <= {"numpy", "seqclass", "copyreg", "builtins"}
    assert zipfile.is_zipfile(io.BytesIO(fitted._network.__getstate__()))


def test_it_is_saved_and_loaded_whole(fitted: SequenceClassifier, tmp_path: Path) -> None:
    path = tmp_path / "kept" / "mine.seqclass"
    fitted.save(path)
    again = load_model(path)
    assert isinstance(again, Estimator)
    assert answers(again) == answers(fitted)
    assert again.decision_ == fitted.decision_
    assert again.decision_.costs is not None
    assert again.get_params() == fitted.get_params()
    assert again.classes_.dtype == fitted.classes_.dtype
    assert (again.validation_, again.members_) == (fitted.validation_, fitted.members_)
    content = path.read_bytes()
    again.save(path)
    assert json.loads(zipfile.ZipFile(path).read("classifier.json")) == json.loads(
        zipfile.ZipFile(io.BytesIO(content)).read("classifier.json")
    )
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def with_classes(fitted: SequenceClassifier, classes: np.ndarray) -> SequenceClassifier:
    other = copy.copy(fitted)
    other.classes_ = classes
    return other


def test_classes_of_every_kind_come_back(fitted: SequenceClassifier) -> None:
    for classes in (np.array([3, 7]), np.array([False, True]), np.array(["a", "b"], object)):
        again = from_file("x", to_file(with_classes(fitted, classes)), SequenceClassifier)
        assert (again.classes_.dtype, again.classes_.tolist()) == (classes.dtype, classes.tolist())


@pytest.mark.parametrize("classes", [np.array([b"a", b"b"]), np.array([1, 2], "m8[s]")])
def test_classes_that_a_file_can_not_hold_are_refused(
    fitted: SequenceClassifier, classes: np.ndarray, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="y: expected classes of text or numbers"):
        with_classes(fitted, classes).save(tmp_path / "m")
    assert not list(tmp_path.iterdir())


def rewritten(path: Path, members: dict[str, bytes], compression: int = 0) -> Path:
    other = path.with_name("other")
    with zipfile.ZipFile(other, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return other


PLAIN = {"offsets": None, "threshold": 0, "coverage": 1, "risk": 0}
WRONG: list[tuple[str, Any]] = [
    ("format 1", {"format": 2}),
    ("classes", {"classes": 5}),
    ("kind", {"kind": "<U1000000000"}),
    ("3 classes of its network", {"classes": ["a", "b", "c"]}),
    ("channels of its network", {"n_channels": 3}),
    ("names of channels", {"channels": ["a"]}),
    ("offsets", {"decision": {**PLAIN, "offsets": [0.0]}}),
    ("answers", {"decision": {**PLAIN, "costs": [[0.0, 1.0], [0.0]]}}),
    ("random_state", {"parameters": {"seeds": 5}}),
    ("offsets", {"decision": {}}),
]


def test_a_record_that_can_not_be_meant_is_one_line(
    fitted: SequenceClassifier, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "m")
    content = zipfile.ZipFile(tmp_path / "m")
    record, network = json.loads(content.read("classifier.json")), content.read("model.keras")
    for words, change in WRONG:
        changed = json.dumps({**record, **change}).encode()
        path = rewritten(tmp_path / "m", {"classifier.json": changed, "model.keras": network})
        with pytest.raises(ValueError, match="MODEL: expected") as refused:
            load_model(path)
        assert words.split()[-1] in str(refused.value)
        assert "\n" not in str(refused.value)


def assert_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="expected a file that SequenceClassifier") as refused:
        load_model(path)
    assert "\n" not in str(refused.value)


def test_a_file_of_another_kind_is_one_line(tmp_path: Path) -> None:
    for content in (b"", b"PK\x03\x04", b"series_id,label\n", pickle.dumps({"a": 1})):
        (tmp_path / "m").write_bytes(content)
        assert_is_refused(tmp_path / "m")


@pytest.mark.parametrize(
    ("members", "compression"),
    [
        ({"classifier.json": b"{}"}, zipfile.ZIP_STORED),
        ({"classifier.json": b"[" * 100_000, "model.keras": b""}, zipfile.ZIP_STORED),
        ({"classifier.json": b"{}", "model.keras": b"", "code.py": b""}, zipfile.ZIP_STORED),
        ({"classifier.json": b" " * 2**20, "model.keras": b""}, zipfile.ZIP_DEFLATED),
    ],
    ids=["without weights", "nested", "with more", "compressed"],
)
def test_an_archive_of_another_kind_is_one_line(
    tmp_path: Path, members: dict[str, bytes], compression: int
) -> None:
    assert_is_refused(rewritten(tmp_path / "m", members, compression))


@pytest.mark.parametrize(
    ("place", "value"), [(6, 112), (8, 1), (8, 32), (20, 255)],
    ids=["of another version", "encrypted", "patched", "longer than the file"],
)  # fmt: skip
def test_an_archive_of_odd_entries_is_one_line(tmp_path: Path, place: int, value: int) -> None:
    path = rewritten(tmp_path / "m", {"classifier.json": b"{}", "model.keras": b""})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + place] = value  # in the entry of the directory
    path.write_bytes(content)
    assert_is_refused(path)


def test_weights_that_hold_code_are_refused(fitted: SequenceClassifier, tmp_path: Path) -> None:
    """A layer of Python is refused by Keras's safe mode, in a file as in a pickle that answers."""
    import keras

    series = keras.Input((None, 2), name="series")
    code = keras.layers.Lambda(lambda x: x[:, 0])(series)
    unsafe = keras_bytes(keras.Model(series, code))
    with pytest.raises(DamagedError, match="stock Keras layers"):
        keras_model(unsafe, "x")
    content = to_file(fitted)
    write_classifier(tmp_path / "m", content)
    record = zipfile.ZipFile(tmp_path / "m").read("classifier.json")
    members = {"classifier.json": record, "model.keras": unsafe}
    with pytest.raises(DamagedError, match="stock Keras layers"):
        load_model(rewritten(tmp_path / "m", members))
    other = copy.copy(fitted)
    other._network = Network(unsafe)
    with pytest.raises(DamagedError, match="stock Keras layers"):
        by_pickle(other).predict(NEW)
