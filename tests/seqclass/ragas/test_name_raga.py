"""``seqclass name-raga``: the raga of a recording, its page, and an answer over several tonics."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from seqclass.inference.answers import Answers
from seqclass.ragas.loaded_model import LoadedModel
from seqclass.ragas.naming import ContourModel, HeardSong, contours_of, name_song
from seqclass.ragas.raga_series import REFERENCE_HZ
from seqclass.ragas.raga_spec import RagaSpec
from seqclass.ragas.raga_tables import raga_tables
from seqclass.ragas.sound import Line
from seqclass.store.datasets import open_dataset, write_dataset
from seqclass.store.registry import open_model
from seqclass.store.root import Record, Root, open_root, read_record
from tests.support.singers import RATE, Singer, sung
from tests.support.stored import QUICK

RAGAS = ("Mohanam", "Vakulabharanam")
SPEC = RagaSpec(ragas=RAGAS, n_series=120, representation="contour", seconds=6.0, seed=1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Root:
    from seqclass.pipeline.training import train

    root = open_root(tmp_path_factory.mktemp("contours") / "tree")
    write_dataset(root, "contours", raga_tables(SPEC), {"generator": "ragas"})
    train(root, "contours", spec=QUICK)
    return root


@pytest.fixture(scope="module")
def melody(trained: Root) -> tuple[np.ndarray, str]:
    """Contours of one raga, one after the other, and its name."""
    table = next(open_dataset(trained, "contours").tables())
    rows = [row for row in table.to_pylist() if row["label"] == RAGAS[1]][:4]
    return np.concatenate([row["cents"] for row in rows]), RAGAS[1]


def test_a_report_sets_pitch_alone_beside_the_model(trained: Root) -> None:
    metrics = read_record(trained, open_model(trained, "contours@v1").path("metrics.json"), Record)
    accuracy = {name: baseline["accuracy"] for name, baseline in metrics["baselines"].items()}
    assert accuracy["nearest_distribution"] > 0.8  # the two ragas share hardly a svara
    assert accuracy["scale_template"] > 0.8
    assert accuracy["majority"] < 0.6


def test_a_recording_has_a_raga_and_a_page(
    trained: Root,
    melody: tuple[np.ndarray, str],
    seqclass_json: Callable[..., dict],
    tmp_path: Path,
) -> None:
    samples = sung(melody[0], 25.0, 150.0, Singer(), np.random.default_rng(0))
    soundfile.write(path := tmp_path / "song.ogg", samples, RATE)
    page = tmp_path / "song.html"
    answer = seqclass_json(
        "name-raga", path, "--model", "contours", "--out", page, "--root", trained.path
    )
    assert answer["raga"] == melody[1]
    assert answer["probability"] > 0.5
    assert [raga["raga"] for raga in answer["ragas"]] == [RAGAS[1], RAGAS[0]]
    assert abs(1200 * np.log2(answer["recording"]["tonic_hz"] / 150)) < 25
    text = page.read_text()
    assert "data:audio/mpeg" in text
    assert "what speaks for the first raga" in text


def test_an_unsure_tonic_is_averaged_over(trained: Root, melody: tuple[np.ndarray, str]) -> None:
    model = open_model(trained, "contours")
    classifier, of = LoadedModel(model), contours_of(model)

    def named(sure: bool, *candidates: tuple[float, float]) -> Any:
        tonics = [{"hz": hz, "score": score} for hz, score in candidates]
        facts: Any = {"sure": sure, "tonic_hz": candidates[0][0], "candidates": tonics}
        return name_song(classifier, of, HeardSong(facts, b"", Line(melody[0], 25.0)))

    right = named(True, (150.0, 1.0))
    wrong = named(True, (225.0, 1.0))  # as if the same cents were above another tonic
    assert right["ragas"] == wrong["ragas"]
    both = named(False, (150.0, 0.7), (225.0, 0.3))
    other = named(False, (225.0, 1.0), (150.0, 0.0))
    assert other["ragas"] == wrong["ragas"]
    assert both["ragas"] != right["ragas"]
    total = sum(raga["probability"] for raga in both["ragas"])
    assert total == pytest.approx(1, abs=1e-5)


def test_a_model_of_hidden_tonics_needs_none(melody: tuple[np.ndarray, str]) -> None:
    seen = []

    class Looking:
        ref, classes = "looking", list(RAGAS)

        def answers(self, x: np.ndarray) -> Answers:
            seen.append(x)
            n = len(x)
            shares, none = np.full((n, 2), 0.5), np.zeros(n, int)
            return Answers(shares, none, shares[:, 0], [None] * n, np.ones(n), none[:, None])

    candidates = [{"hz": 2 * REFERENCE_HZ, "score": 0.6}, {"hz": 150.0, "score": 0.4}]
    facts: Any = {"sure": False, "tonic_hz": 2 * REFERENCE_HZ, "candidates": candidates}
    heard = HeardSong(facts, b"", Line(melody[0], 25.0))
    name_song(Looking(), ContourModel(150, 25.0, False), heard)  # type: ignore[arg-type]
    [windows] = seen
    assert np.allclose(windows[0, :, 0], melody[0][:150] + 1200, equal_nan=True, atol=0.01)


@pytest.mark.parametrize(
    ("shares", "reasons", "raga"),
    [
        ((0.6, 0.3, 0.1), (None, None), "a"),
        ((0.4, 0.3, 0.3), (None, None), "unknown"),
        ((0.6, 0.3, 0.1), ("unlike", None), "a"),
        ((0.6, 0.3, 0.1), ("unlike", "unlike"), "unknown"),
    ],
)
def test_a_raga_is_named_where_it_is_likely_and_most_windows_are_familiar(
    shares: tuple[float, ...], reasons: tuple[str | None, ...], raga: str
) -> None:
    class Sure:
        ref, classes = "sure", ["a", "b", "c"]

        def answers(self, x: np.ndarray) -> Answers:
            probabilities = np.tile(shares, (len(x), 1))
            codes, like = probabilities.argmax(axis=1), np.ones(len(x))
            return Answers(
                probabilities, codes, probabilities[:, 0], reasons, like, np.zeros((len(x), 1))
            )

    candidates = [{"hz": 150.0, "score": 1.0}]
    facts: Any = {"sure": True, "tonic_hz": 150.0, "candidates": candidates}
    of, song = ContourModel(100, 25.0, True), HeardSong(facts, b"", Line(np.zeros(150), 25.0))
    named = name_song(Sure(), of, song)  # type: ignore[arg-type]
    assert named["raga"] == raga
    assert named["windows"] == len(reasons)
    assert named["ragas"][0] == {"raga": "a", "probability": pytest.approx(shares[0])}
