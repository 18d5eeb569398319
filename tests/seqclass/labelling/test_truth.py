"""Labels that come after the answers: what they say, where it is shown, and what does not count."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from seqclass.labelling.truth import LaterTruth, truth_of
from seqclass.pages.index_pages import refresh
from seqclass.pipeline.prometheus import metrics_text
from seqclass.store.datasets import Dataset, Provenance, open_dataset, write_rows
from seqclass.store.models import Model
from seqclass.store.registry import open_model
from seqclass.store.root import Damages, Root, open_root
from tests.support.labelled import noisy, store_scores, store_version_that_doubts
from tests.support.places import NOW
from tests.support.stored import store_series

WEEK = timedelta(days=7)
N = 40


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A version that has said ``up``, surely, of series whose labels are not known."""
    folder = tmp_path_factory.mktemp("answered")
    root = open_root(folder / "tree")
    model = store_version_that_doubts(root, store_series(root, n=60))
    store_scores(model, folder / "given" / "new.parquet", noisy(100, N), 0)
    return model


@pytest.fixture
def answered(stored: Model, root: Root) -> Model:
    """A copy to change."""
    shutil.copytree(stored.root.path, root.path)
    return open_model(root, stored.ref)


Come = Callable[[list[str | None], timedelta], Dataset]


@pytest.fixture
def come(root: Root) -> Come:
    """Add the answered series to the dataset, with these labels, so long after the answer."""

    def labelled(labels: list[str | None], after: timedelta) -> Dataset:
        table = noisy(100, N).slice(0, len(labels))
        table = table.set_column(1, "label", pa.array(labels, pa.string()))
        parent = open_dataset(root, "toy")
        every = [
            rows.filter(pa.array([name[0] == "s" for name in rows["series_id"].to_pylist()]))
            for rows in parent.tables()
        ]
        return write_rows(root, "toy", [*every, table], Provenance({}, now=NOW + after))

    return labelled


def found(root: Root, before: LaterTruth | None = None) -> LaterTruth:
    bad = Damages()
    truth = truth_of(root, "toy", before, bad)
    assert bad == []
    assert truth is not None
    return truth


def test_late_labels_show_the_accuracy_and_their_delay(answered: Model, come: Come) -> None:
    assert found(answered.root).versions == ()
    come(["up"] * 15 + ["down"] * 5, WEEK)
    come(["up"] * 24 + ["down"] * 6, 2 * WEEK)
    [version] = found(answered.root).versions
    like = version.like or version.unlike
    assert like is not None
    assert (like.every.rows, like.waiting, like.every.realised) == (30, 10, 0.8)
    assert (like.delay_median_s, like.delay_90_s) == (7 * 86400, 14 * 86400)
    assert like.by_answer["up"].rows == 30


def test_labels_from_before_the_answer_do_not_count(answered: Model, come: Come) -> None:
    come(["up"] * 30, -WEEK)
    come(["up"] * 35, WEEK)
    assert found(answered.root).versions == ()  # five labels are too few


def test_a_label_that_was_taken_back_counts_no_more(answered: Model, come: Come) -> None:
    come(["up"] * 25, WEEK)
    come(["up"] * 20 + ["down"] * 5, 2 * WEEK)
    before = found(answered.root)
    come(["up"] * 25, 3 * WEEK)
    [version] = found(answered.root, before).versions
    realised = version.like or version.unlike
    assert realised is not None
    assert (realised.every.rows, realised.every.realised) == (25, 1.0)


def test_a_label_from_before_the_answer_stays_one_when_a_change_is_taken_back(
    answered: Model, come: Come
) -> None:
    come(["up"] * 25, -WEEK)
    come(["up"] * 20 + ["down"] * 5, WEEK)
    come(["up"] * 25, 2 * WEEK)
    assert found(answered.root).versions == ()


def test_answers_to_series_unlike_the_test_series_are_told_apart(
    answered: Model, come: Come
) -> None:
    """The confidence of these answers is not that of the test rows."""
    come(["up"] * 25, WEEK)
    [version] = found(answered.root).versions
    assert (version.like is None) != (version.unlike is None)
    realised = version.like or version.unlike
    assert realised is not None
    assert (realised.every.estimated is None) == (version.like is None)


def test_page_and_prometheus_show_it(answered: Model, come: Come) -> None:
    root = answered.root
    refresh(root, [answered.ref])
    dataset = come(["up"] * 25 + ["down"] * 5, WEEK)
    refresh(root, [dataset.ref])
    stored = json.loads(Path(root.join("models", "toy", "index.json")).read_text())
    [version] = stored["truth"]["versions"]
    page = Path(root.join("models", "toy", "index.html")).read_text()
    assert "Estimates against labels" in page
    assert "7.0 days" in page
    text = metrics_text(root, NOW).decode()
    if version["like"]:
        assert 'seqclass_labelled_answers{answer="",model="toy",version="v1"} 30.0' in text
        assert 'quantile="0.9",version="v1"} 604800.0' in text


def test_the_page_says_which_class_is_taken_for_which(answered: Model) -> None:
    refresh(answered.root, [answered.ref])
    page = Path(answered.root.join("models", "toy", "index.html")).read_text()
    stored = json.loads(Path(answered.root.join("models", "toy", "index.json")).read_text())
    assert stored["label_doubts"] == {
        "version": "v1", "taken_for": {"down": {"up": 1}, "up": {"down": 1}},
        "suspected": ["s003", "s010"],
    }  # fmt: skip
    assert "Labels in doubt" in page
    assert "<code>s003</code>" in page
