"""The library: what a Python user does without Prefect, and what is refused in one line."""

import re
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import seqclass
from seqclass import SequenceClassifier, load_model, open_store
from seqclass.evaluation.decisions import LARGEST
from seqclass.network_process import FittedNetwork
from seqclass.store.root import Root, open_root
from tests.support.courses import courses
from tests.support.places import REPOSITORY
from tests.support.stored import make_champion, register, store_series

QUICK = ("convolutions", "steps")


@pytest.fixture(scope="module")
def fitted() -> SequenceClassifier:
    return SequenceClassifier(members=QUICK).fit(*courses(120))


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
    assert [member["name"] for member in fitted.members_] == list(QUICK)


def test_a_series_unlike_all_is_unknown_and_still_has_a_class(fitted: SequenceClassifier) -> None:
    strange = [np.full((25, 2), 1e5), np.random.default_rng(0).normal(0, 50, (25, 2))]
    assert fitted.predict_or_unknown(strange).tolist() == ["unknown", "unknown"]
    assert set(fitted.predict(strange)) <= {"falls", "rises"}


def test_what_speaks_for_a_class_speaks_against_the_other(fitted: SequenceClassifier) -> None:
    new, _ = courses(6, seed=3)
    contributions = fitted.explain(new)
    assert contributions.shape == (6, max(map(len, new)))
    assert np.isfinite(contributions).all()
    other = np.where(fitted.predict(new) == "falls", "rises", "falls")
    np.testing.assert_allclose(fitted.explain(new, other), -contributions, atol=1e-4)


@pytest.mark.parametrize("generator", [np.random.RandomState, np.random.default_rng, None])
def test_a_generator_draws_another_seed_for_each_fit(
    generator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    untrained = FittedNetwork(b"", LARGEST, {}, [], [])
    monkeypatch.setattr("seqclass.estimator.fit_network", lambda *_: untrained)

    def seeds() -> list[int]:
        np.random.seed(5)  # noqa: NPY002 - None means this generator, as in scikit-learn
        classifier = SequenceClassifier(generator and generator(5))
        return [classifier.fit(*courses(4)).seed_ for _ in range(2)]

    first, second = seeds()
    assert first != second
    assert seeds() == [first, second]


def test_a_saved_classifier_trains_again_by_the_seed_that_was_drawn(tmp_path: Path) -> None:
    series, y = courses(12)
    drawn = SequenceClassifier(np.random.default_rng(5), ("convolutions",)).fit(series, y)
    drawn.save(tmp_path / "m")
    again = load_model(tmp_path / "m")
    assert again.seed_ == again.get_params()["random_state"] == drawn.seed_
    expected = drawn.predict_proba(series)
    np.testing.assert_array_equal(again.fit(series, y).predict_proba(series), expected)


def test_groups_are_held_back_whole() -> None:
    """A group has a course of its own, which says nothing of the class of another group: where
    groups are cut, all but few rows are answered right."""
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 4)
    x = rng.normal(0, 1, (30, 12))[groups] + rng.normal(0, 0.1, (120, 12))
    fitted = SequenceClassifier(members=("steps",)).fit(x, groups % 2, groups)
    assert fitted.validation_["accuracy"] < 0.75


def test_two_series_of_each_class_are_enough_and_codes_come_back() -> None:
    series, y = courses(4)
    codes = np.where(y == "rises", 7, -1).astype(object)  # as a row of a mixed table has them
    fitted = SequenceClassifier(members=QUICK).fit(series, codes)
    assert (fitted.classes_.dtype, fitted.classes_.tolist()) == (int, [-1, 7])
    assert fitted.score(series, codes) == (fitted.predict(series) == codes).mean()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A root with a dataset and two versions, of which the second is champion."""
    root = open_root(tmp_path_factory.mktemp("store"))
    _, second = register(store_series(root, n=90))
    make_champion(root, "toy", second.version)
    return root


def test_a_version_is_loaded_by_its_name_and_by_its_folder(store: Root) -> None:
    x, labels = open_store(store.url).dataset("toy")
    model = open_store(store.url).model("toy")
    assert repr(model) == "StoredClassifier('models/toy@v2')"
    assert model.score(x, labels) == (model.predict(x) == labels).mean() > 0.9
    assert model.n_features_in_ == x.shape[1]
    by_name = load_model("toy@v1", root=store.url)
    by_folder = load_model(Path(store.url) / "models" / "toy" / "v1")
    np.testing.assert_array_equal(by_name.predict_proba(x), by_folder.predict_proba(x))


def test_a_store_takes_files_by_path_as_by_name(store: Root, tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.csv", tmp_path / "answers.csv"
    steps = "".join(f"a,{step},{step / 9}\n" for step in range(9))
    rows.write_text(f"series_id,step,value\n{steps}")
    assert open_store(store.url).score("toy", rows, out=out)["rows"] == 1
    assert len(out.read_text().splitlines()) == 2


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


CHEAP = {
    "SequenceClassifier().fit(X_train": "SequenceClassifier(members=('conv-lstm',)).fit(X_train",
    "SequenceClassifier()": "SequenceClassifier(members=('steps',))",
    '("convolutions", "conv-lstm")': "('steps',)",
    "cv=3": "cv=2",
    '"signals"': '"toy"',
    "n_series=300": "n_series=30",
    "seeds=3": "seeds=1, members=('convolutions',)",
}
"""What the pages show, and what is run instead of it."""


def test_what_is_shown_of_python_runs(
    store: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blocks of the pages, on the series of a store, by cheap members."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQCLASS_STORAGE", store.path)
    x, labels = open_store(store.url).dataset("toy")
    n, steps, _ = x.shape
    long = {"series_id": np.repeat(np.arange(n), steps), "label": np.repeat(labels, steps),
            "step": np.tile(np.arange(steps), n), "value": x.ravel()}  # fmt: skip
    frame = pd.DataFrame(long)
    frame.to_csv("my.csv", index=False)
    pages = [(REPOSITORY / page).read_text() for page in ("docs/python.md", "README.md")]
    blocks = [re.findall(r"```python\n(.*?)```", page, re.DOTALL) for page in pages]
    code = "\n".join(chain.from_iterable(blocks))
    for shown, cheap in CHEAP.items():
        assert shown in code
        code = code.replace(shown, cheap, 1 if "X_train" in shown else -1)
    names = {
        "pd": pd, "frame": frame, "X_train": list(x[:60]), "y_train": labels[:60].astype(str),
        "X_new": list(x[60:]),
    }  # fmt: skip
    exec(compile(code, "docs", "exec"), names)  # noqa: S102 - our own pages
    assert names["trained"]["verdict"] == "promoted"


def test_a_store_takes_one_path_or_name_where_it_takes_several(tmp_path: Path) -> None:
    store, rows = open_store(tmp_path / "store"), tmp_path / "rows.csv"
    steps = [f"{i},{'ab'[i % 2]},{j},{j / 9},0\n" for i in range(40) for j in range(9)]
    rows.write_text(f"series_id,label,step,level,noise\n{''.join(steps)}")
    test = tmp_path / "test.csv"
    test.write_text(rows.read_text().replace("\n", "\nt").removesuffix("t"))
    imported = store.import_files("one", rows, test=str(test), channels="level")
    several = store.import_files("several", str(rows), test=[test], channels=("level",))
    assert imported["added"] == several["added"] == 80
    assert store.dataset("one")[0].shape == (80, 9, 1)
    with pytest.raises(ValueError, match="colour"):
        store.import_files("two", rows, colour="red")
    assert [ref.partition("@")[0] for ref in store.datasets()] == ["one", "several"]
