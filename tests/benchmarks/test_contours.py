"""Fits of how ragas are sung, and recordings told by their pitch."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.contour_fit import ONE_VOICE, fit_ragas, stage, table_text
from benchmarks.contours import Library, Stages, fold_of, ranks
from benchmarks.pitch_distributions import BINS, distributions, read_recordings
from seqclass.ragas import sung_table
from seqclass.ragas.raga_series import perform
from seqclass.ragas.raga_table import choose_ragas
from seqclass.ragas.singing import fitted_ragas

RAGAS = choose_ragas(["Todi", "Mohanam", "Kambhoji"])


def sung_shares(ragas: tuple, seed: int = 5) -> np.ndarray:
    on = stage(RAGAS, 24, seed=seed, **ONE_VOICE)
    shares = distributions(perform(on.spec, on.sung_by(ragas), np.random.default_rng(seed)).cents)
    return shares.reshape(len(RAGAS), 24, BINS).mean(axis=1)


def alike(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sqrt(a * b).sum(axis=1)


def test_a_fit_finds_how_distributions_were_sung() -> None:
    true = tuple(fitted_ragas()[raga.name] for raga in RAGAS)
    real, on = sung_shares(true), stage(RAGAS, 24, seed=0, **ONE_VOICE)
    drawn = fit_ragas(on, real, 0)
    before, after = sung_shares(on.spec.definitions, 6), sung_shares(fit_ragas(on, real, 1000), 6)
    assert alike(real, after).min() > 0.99
    assert alike(real, sung_shares(drawn, 6)).mean() < alike(real, after).mean()
    assert ((1 - alike(real, after)) < 0.3 * (1 - alike(real, before))).all()


def recordings_in(path: Path, n: int = 3, **changes: np.ndarray) -> Path:
    """Write recordings of three ragas, each by another singer of the fitted numbers."""
    true = tuple(fitted_ragas()[raga.name] for raga in RAGAS)
    on = stage(RAGAS, n, seed=8, spread=0.3)
    shares = distributions(perform(on.spec, on.sung_by(true), np.random.default_rng(8)).cents)
    fields = {
        "pcd": shares[:, None].astype(np.float32), "channels": np.array(["duration"]),
        "raga_index": np.repeat(np.arange(3), n),
        "ragas": np.array(["Tōḍi", "Mōhanaṁ", "Kāṁbhōji"]),
    }  # fmt: skip
    np.savez(path, **{**fields, **changes})
    return path


def test_every_recording_is_asked_once_and_never_by_what_learned_from_it(tmp_path: Path) -> None:
    recordings = read_recordings(recordings_in(tmp_path / "x.npz", n=4))
    for count in (1, 3, 5):
        every = []
        for turn in range(4):
            fold = fold_of(recordings, turn, count)
            learned, asked = ([row.tobytes() for row in part.share]
                              for part in (fold.known, fold.asked))  # fmt: skip
            assert not set(learned) & set(asked)
            assert len(fold.known.label) == 3 * min(count, 3)
            assert len(fold.kept.label) + len(fold.held.label) == len(fold.known.label)
            assert len(fold.held.label) == (3 if count > 1 else 0)
            every += asked
        assert sorted(every) == sorted(row.tobytes() for row in recordings.share)


def test_the_nearest_distribution_names_the_raga() -> None:
    share = sung_shares(tuple(fitted_ragas()[raga.name] for raga in RAGAS))
    library = Library(share, np.array([2, 0, 1]))
    scores = library.nearest(share, 1.0, 3)
    assert scores.argmax(axis=1).tolist() == [2, 0, 1]
    assert ranks(scores, np.array([2, 0, 0])).tolist()[:2] == [0, 0]


def test_a_file_of_another_form_is_refused(tmp_path: Path) -> None:
    for changes, words in (
        ({"ragas": np.array(["Todi", "Mohanam", "Nothing like it"])}, "names of the table"),
        ({"channels": np.array(["stable"])}, "with a channel duration"),
        ({"pcd": np.full((9, 1, BINS), np.nan)}, "positive shares"),
        ({"raga_index": np.array([0, 0, 0, 0, 1, 1, 1, 1, 2])}, "two recordings of each raga"),
        ({"raga_index": np.repeat([0, 1, 3], 3)}, "numbers below 3 as raga_index"),
    ):
        with pytest.raises(ValueError, match=words):
            read_recordings(recordings_in(tmp_path / "x.npz", **changes))
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("none.npz", "text.npz"):
        with pytest.raises(ValueError, match=r"PATH: expected an \.npz .* got '.*'"):
            read_recordings(tmp_path / name)


def test_the_shipped_table_is_what_the_fit_writes(shared_data: Path) -> None:
    recordings = read_recordings(shared_data / "raga" / "pitch_distributions.npz")
    assert recordings.digest == sung_table.FITTED_ON
    shipped = tuple(fitted_ragas()[raga.name] for raga in recordings.ragas)
    text = Path(sung_table.__file__).read_text(encoding="utf-8")
    assert text == table_text(shipped, recordings)


@pytest.mark.system
def test_contours_name_recordings_that_they_were_not_fitted_on(shared_data: Path) -> None:
    """Of a fold of six, .60 first and .90 in the first five at least."""
    recordings = read_recordings(shared_data / "raga" / "pitch_distributions.npz")
    stages = Stages(
        stage(recordings.ragas, 48, seed=0, **ONE_VOICE),
        stage(recordings.ragas, 24, seed=1, seconds=300.0),
    )
    fold = fold_of(recordings, 0, 5)
    fitted = fit_ragas(stages.fit, fold.known.mean(), fold.known.each)
    assert all(replace(raga, sung=()) in recordings.ragas for raga in fitted)
    scores = stages.library(fitted).nearest(fold.asked.share, 2.0, 40)
    places = ranks(scores, fold.asked.label)
    assert (places == 0).mean() > 0.6
    assert (places < 5).mean() > 0.9
