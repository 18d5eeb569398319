"""The library: what a Python user does without Prefect, and what is refused in one line."""

import os
import random
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

import seqclass
from seqclass import SequenceClassifier, load_model, open_store
from seqclass.forms import read_series
from seqclass.store.root import DamagedError, Root, open_root
from tests.support.courses import courses
from tests.support.places import REPOSITORY
from tests.support.stored import make_champion, register, store_series

QUICK = ("convolutions", "steps")


@pytest.fixture(scope="module")
def fitted() -> SequenceClassifier:
    return SequenceClassifier(members=QUICK).fit(*courses())


def test_importing_it_imports_neither_prefect_nor_tensorflow() -> None:
    code = "import seqclass, sys; print([m for m in ('prefect', 'tensorflow') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_it_knows_its_version_and_types() -> None:
    assert seqclass.__version__ == metadata.version("sequence-classification")
    assert Path(seqclass.__file__).with_name("py.typed").is_file()


def test_all_that_is_promised_is_there_and_documented() -> None:
    assert set(seqclass.__all__) <= set(dir(seqclass))
    for name in seqclass.__all__:
        assert (getattr(seqclass, name).__doc__ or "").strip(), name
    with pytest.raises(AttributeError, match="no attribute 'Sequence'"):
        seqclass.Sequence  # noqa: B018


def test_ragged_series_with_holes_are_learnt(fitted: SequenceClassifier) -> None:
    new, truth = courses(40, seed=1)
    assert fitted.classes_.tolist() == ["falls", "rises"]
    assert fitted.score(new, truth) > 0.95
    probabilities = fitted.predict_proba(new)
    assert probabilities.shape == (40, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert fitted.validation_["accuracy"] > 0.9
    assert [one["name"] for one in fitted.members_] == list(QUICK)


def test_a_list_and_its_padded_array_are_the_same(fitted: SequenceClassifier) -> None:
    new, _ = courses(9, seed=2)
    padded = read_series(new).values
    wider = np.pad(padded, ((0, 0), (0, 7), (0, 0)), constant_values=np.nan)
    expected = fitted.predict_proba(new)
    for x in (padded, wider):
        np.testing.assert_allclose(fitted.predict_proba(x), expected, atol=1e-5)


def test_a_series_unlike_all_is_unknown_and_still_has_a_class() -> None:
    fitted = SequenceClassifier(members=QUICK).fit(*courses(120))
    strange = [np.full((25, 2), 1e5), np.random.default_rng(0).normal(0, 50, (25, 2))]
    assert fitted.predict_or_unknown(strange).tolist() == ["unknown", "unknown"]
    assert set(fitted.predict(strange)) <= {"falls", "rises"}


def test_what_speaks_for_a_class_speaks_against_the_other(fitted: SequenceClassifier) -> None:
    new, _ = courses(6, seed=3)
    own = fitted.explain(new)
    assert own.shape == (6, max(map(len, new)))
    assert np.isfinite(own).all()
    other = np.where(fitted.predict(new) == "falls", "rises", "falls")
    np.testing.assert_allclose(fitted.explain(new, other), -own, atol=1e-4)


def test_it_is_an_estimator_as_scikit_learn_knows_them() -> None:
    series, y = courses(40)
    classifier = SequenceClassifier(random_state=3, members=("steps",))
    assert clone(classifier).get_params() == {
        "random_state": 3, "members": ("steps",), "budget_s": None, "series_id": None, "step": None,
        "verbose": None, "goal": "macro_f1", "max_error": 0.05,
    }  # fmt: skip
    assert cross_val_score(classifier, read_series(series).values, y, cv=2).mean() > 0.9


def test_equal_seeds_give_equal_answers_and_codes_of_any_type() -> None:
    series, y = courses(40)
    codes = np.where(y == "rises", 7, -1)
    one, same = (SequenceClassifier(members=("convolutions",)).fit(series, codes) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(series), same.predict_proba(series))
    assert set(one.predict(series)) == {-1, 7}


@pytest.mark.parametrize("generator", [np.random.RandomState, np.random.default_rng, None])
def test_a_generator_draws_another_seed_for_each_fit(generator: Any) -> None:
    series, y = courses(12)

    def seeds() -> list[int]:
        np.random.seed(5)  # noqa: NPY002 - None means this generator, as in scikit-learn
        given = generator and generator(5)
        classifier = SequenceClassifier(given, members=("convolutions",))
        return [classifier.fit(series, y).seed_ for _ in range(2)]

    first, second = seeds()
    assert first != second
    assert seeds() == [first, second]


def test_a_saved_classifier_keeps_the_seed_that_was_drawn(tmp_path: Path) -> None:
    series, y = courses(12)
    drawn = SequenceClassifier(np.random.default_rng(5), ("convolutions",)).fit(series, y)
    drawn.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again.seed_ == again.get_params()["random_state"] == drawn.seed_
    expected = drawn.predict_proba(series)
    np.testing.assert_array_equal(again.fit(series, y).predict_proba(series), expected)


def test_fitting_does_not_reseed_the_generators_of_its_caller() -> None:
    series, y = courses(40)
    drawn = set()
    for _ in range(2):
        SequenceClassifier(members=("steps",)).fit(series, y)
        drawn |= {random.random(), np.random.rand()}  # noqa: NPY002
    assert len(drawn) == 4


def test_groups_are_held_back_whole() -> None:
    """A group has a course of its own, which says nothing of the class of another group."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 4)
    x = rng.normal(0, 1, (30, 12))[groups] + rng.normal(0, 0.1, (120, 12))
    classifier = SequenceClassifier(members=("steps",))
    mixed = classifier.fit(x, groups % 2).validation_["accuracy"]
    apart = classifier.fit(x, groups % 2, groups).validation_["accuracy"]
    assert mixed > 0.9 > 0.75 > apart


ONE = np.zeros((4, 10, 1))
WRONG = {
    "X: expected at least one series": ([], []),
    "X: expected (n, steps, channels)": (np.zeros(5), np.zeros(5)),
    "X: expected 1 channels in every series, got [1, 2]": (
        [np.zeros(3), np.zeros((3, 2))], [0, 1],
    ),
    "X: expected numbers, got": ([["a", "b"], ["c", "d"]], [0, 1]),
    "X: expected (steps,) or (steps, channels) with at least one step": (
        [np.zeros(3), np.zeros(0)], [0, 1],
    ),
    "got an infinite one or one beyond float32 in series 1": (
        [np.zeros(3), np.array([1e39, 0, 0])], [0, 1],
    ),
    "y: expected one value for each of 4 series, got shape (3,)": (ONE, [0, 1, 0]),
    "y: expected a value for every series, got none for series 2": (ONE, [0, 1, None, 1]),
    "y: expected at least two classes, got one class, ": (ONE, [1, 1, 1, 1]),
    "y: expected at least 2 series of every class, got 1 of": (ONE, [0, 0, 0, 1]),
}  # fmt: skip


@pytest.mark.parametrize("said", WRONG)
def test_what_can_not_be_learnt_is_refused_in_one_line(said: str) -> None:
    x, y = WRONG[said]
    with pytest.raises(ValueError, match=re.escape(said)) as refused:
        SequenceClassifier(members=QUICK).fit(x, y)
    assert "\n" not in str(refused.value)


def test_other_channels_and_unknown_classes_are_refused(fitted: SequenceClassifier) -> None:
    with pytest.raises(ValueError, match="X: expected 2 channels in every series"):
        fitted.predict(np.zeros((3, 10, 1)))
    with pytest.raises(ValueError, match="y: expected one of"):
        fitted.explain(courses(2)[0], np.array(["falls", "stands"]))


def test_an_estimator_that_is_not_fitted_says_so() -> None:
    with pytest.raises(ValueError, match="not fitted"):
        SequenceClassifier().predict(np.zeros((3, 10, 1)))
    with pytest.raises(ValueError, match="not fitted"):
        SequenceClassifier().warm_up()


def test_two_series_of_each_class_are_enough() -> None:
    series, y = courses(4)
    assert len(SequenceClassifier(members=QUICK).fit(series, y).predict(series)) == 4


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A root with a dataset and two versions, of which the second is champion."""
    root = open_root(tmp_path_factory.mktemp("store"))
    _, second = register(store_series(root, n=90))
    make_champion(root, "toy", second.version)
    return root


def test_a_store_tells_what_it_holds_and_loads_it(store: Root) -> None:
    found = open_store(store.url)
    assert found.models() == ["toy@v1", "toy@v2"]
    assert found.champion("toy") == "toy@v2"
    [dataset] = found.datasets()
    x, labels = found.dataset(dataset)
    assert (len(x), x.ndim, len(labels)) == (90, 3, 90)
    model = found.model("toy")
    assert repr(model) == "StoredClassifier('models/toy@v2')"
    assert model.score(x, labels) == (model.predict(x) == labels).mean() > 0.9
    assert model.n_features_in_ == x.shape[1]


def test_a_version_is_saved_to_a_file_of_its_own(store: Root, tmp_path: Path) -> None:
    x, _ = open_store(store.url).dataset("toy")
    model = load_model("toy", root=store.url)
    model.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    np.testing.assert_array_equal(again.predict_proba(x), model.predict_proba(x))
    assert again.predict_or_unknown(x).tolist() == model.predict_or_unknown(x).tolist()
    assert (again.classes_.tolist(), again.channels_, again.n_features_in_) == (
        model.classes_.tolist(), model.channels_, model.n_features_in_,
    )  # fmt: skip
    assert again.validation_ == model.validation_


def test_a_version_is_loaded_by_its_name_and_by_its_folder(store: Root) -> None:
    x, _ = open_store(store.url).dataset("toy")
    by_name = load_model("toy@v1", root=store.url)
    by_folder = load_model(Path(store.url) / "models" / "toy" / "v1")
    np.testing.assert_array_equal(by_name.predict_proba(x), by_folder.predict_proba(x))
    with pytest.raises(ValueError, match="MODEL: expected one of toy@v1, toy@v2"):
        load_model("other", root=store.url)


def test_a_version_that_was_changed_is_not_loaded(store: Root, tmp_path: Path) -> None:
    copy = tmp_path / "root"
    shutil.copytree(store.url, copy)
    path = copy / "models" / "toy" / "v1" / "model.keras"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedError):
        load_model("toy@v1", root=copy)


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_what_is_shown_of_python_runs(page: str, store: Root, tmp_path: Path) -> None:
    """The blocks of a page, on the series of a store, by cheap members."""
    text = (REPOSITORY / page).read_text()
    block = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    prepared = f"""
import pandas as pd, seqclass
x, labels = seqclass.open_store({store.url!r}).dataset("toy")
X_train, y_train, X_new = list(x[:60]), labels[:60].astype(str), list(x[60:])
pd.DataFrame(
    [(i, y, t, *v) for i, (s, y) in enumerate(zip(x, labels)) for t, v in enumerate(s)],
    columns=["series_id", "label", "step", *map(str, range(x.shape[2]))],
).to_csv("my.csv", index=False)
"""
    cheap = "SequenceClassifier(members=('steps', 'conv-lstm'), budget_s=1)"
    quick = block.replace("SequenceClassifier()", cheap)
    assert quick != block
    quick = quick.replace('"signals"', '"toy"')
    quick = quick.replace("seeds=3", "seeds=1, members=('steps', 'conv-lstm'), budget_s=1")
    done = subprocess.run(
        [sys.executable, "-c", prepared + quick],
        cwd=tmp_path, env={**os.environ, "SEQCLASS_STORAGE": store.path},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
