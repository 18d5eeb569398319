"""The raga of a recording, by a classifier that was trained on contours."""

import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from typing_extensions import TypedDict

from seqclass.evaluation.decisions import UNKNOWN
from seqclass.ragas.definitions import folded
from seqclass.ragas.distributions import CONTOURS
from seqclass.ragas.loaded_model import LoadedModel
from seqclass.ragas.melody_pictures import MAX_ROWS, ROW_S
from seqclass.ragas.raga_series import REFERENCE_HZ
from seqclass.ragas.raga_table import known_ragas
from seqclass.ragas.recording_page import USUAL, PageContent, line_of, recording_page
from seqclass.ragas.recordings.hearing import RATE_HZ, RecordingFacts
from seqclass.ragas.sound import Line
from seqclass.ragas.svaras import PLACES
from seqclass.ragas.votes import sliding_windows
from seqclass.store.datasets import open_dataset
from seqclass.store.formats import ColumnNames, Limits, names_of
from seqclass.store.formats.facts import Listener
from seqclass.store.formats.isolated import IsolatedReader
from seqclass.store.models import Model

WHOLE_S = 1e7
"""Seconds of a window that no recording fills."""
MIN_SCORE = 0.02
"""Score of a tonic below which it is not tried."""
MIN_PROBABILITY = 0.5
N_LISTED = 5
"""Ragas that an answer lists, the likeliest first."""


@dataclass(frozen=True)
class ContourModel:
    """The form of the contours that a model was trained on.

    width: steps of its longest series. rate_hz: steps a second. is_above_sa: whether cents are
    above the tonic or above ``REFERENCE_HZ``.
    """

    width: int
    rate_hz: float
    is_above_sa: bool


class Guess(TypedDict):
    """A raga and its probability."""

    raga: str
    probability: float


class Naming(TypedDict):
    """The raga of a recording. why: a sentence on it. ragas: the first of them; unknown_windows:
    share of the windows of the likeliest tonic for which the model says unknown."""

    model: str
    raga: str
    probability: float
    why: str
    ragas: list[Guess]
    windows: int
    unknown_windows: float
    recording: RecordingFacts


@dataclass(frozen=True)
class HeardSong:
    """A recording as one line of cents above its likeliest tonic, with its facts and beginning."""

    facts: RecordingFacts
    sound: bytes
    line: Line


def contours_of(model: Model) -> ContourModel:
    """Return what a model was trained on; ValueError if that were no contours."""
    if model.manifest["channels"] != CONTOURS:
        raise ValueError(
            "MODEL: expected one that was trained on contours, with the channel cents, got "
            f"{', '.join(model.manifest['channels'])} of {model.ref}; train one on 'seqclass "
            "generate ragas --representation contour'"
        )
    dataset = open_dataset(model.root, model.manifest["dataset"]).manifest
    spec: dict[str, Any] = dataset["source"].get("spec", {})
    rate_hz = spec.get("rate_hz") or names_of(dataset).rate_hz or RATE_HZ
    width = max(dataset["n_steps"][1], 2)
    return ContourModel(width, float(rate_hz), spec.get("tonic", "known") == "known")


def hear_song(path: str, names: ColumnNames, limits: Limits, listener: Listener) -> HeardSong:
    """Hear a recording in a process of its own; an unsure tonic is taken as it is."""
    songs: list[HeardSong] = []

    def take(_: str, facts: Any, sound: bytes, table: Any) -> None:
        songs.append(HeardSong(facts, sound, line_of(table, names.rate_hz or RATE_HZ)))

    with IsolatedReader(replace(listener, heard=take, takes_unsure=True)) as reader:
        for _ in reader.read_files([path], replace(names, window_seconds=WHOLE_S), limits=limits):
            pass
    return songs[0]


def name_song(classifier: LoadedModel, of: ContourModel, song: HeardSong) -> Naming:
    """Name the raga: the mean over windows, and over tonics by their scores if one is not sure."""
    total, weights, unknown, n = np.zeros(len(classifier.classes)), 0.0, 0.0, 0
    for hz, score in _tonics(of, song.facts):
        answers = classifier.answers(_windows(of, song, hz))
        total += score * answers.probabilities.mean(axis=0)
        weights += score
        if not n:
            n = len(answers.codes)
            unknown = float(np.mean([reason is not None for reason in answers.reasons]))
    probabilities = total / weights
    order = np.argsort(-probabilities, kind="stable")
    best = float(probabilities[order[0]])
    named = [classifier.classes[k] for k in order]
    why = _doubt(best, unknown)
    return {
        "model": classifier.ref,
        "raga": UNKNOWN if why else named[0],
        "probability": best,
        "why": why or f"{named[0]}, with probability {best:.2f}",
        "ragas": [
            {"raga": raga, "probability": float(probabilities[k])}
            for raga, k in zip(named[:N_LISTED], order, strict=False)
        ],
        "windows": n,
        "unknown_windows": unknown,
        "recording": song.facts,
    }


def _doubt(best: float, unknown: float) -> str:
    """Return why the raga is unknown; nothing if it is not."""
    if best < MIN_PROBABILITY:
        return f"unknown: no raga has a probability of {MIN_PROBABILITY}"
    if unknown > 0.5:
        return f"unknown: {unknown:.0%} of the windows are unlike what the model has learnt"
    return ""


def _tonics(of: ContourModel, facts: RecordingFacts) -> list[tuple[float, float]]:
    """Return the tonics to try with their scores, the likeliest first."""
    tried = [(candidate["hz"], candidate["score"]) for candidate in facts["candidates"]]
    if facts["sure"] or not of.is_above_sa:
        return tried[:1]
    return [candidate for candidate in tried if candidate[1] >= MIN_SCORE] or tried[:1]


def _windows(of: ContourModel, song: HeardSong, tonic_hz: float) -> np.ndarray:
    """Return windows ``(windows, width, 1)`` above a tonic, half overlapping."""
    cents = _model_cents(of, song, tonic_hz)[None, :, None].astype(np.float32)
    return sliding_windows(cents, of.width, max(of.width // 2, 1))[0]


def _model_cents(of: ContourModel, song: HeardSong, tonic_hz: float) -> np.ndarray:
    """Return a recording's cents above the pitch from which the model's contours count."""
    above = tonic_hz if of.is_above_sa else REFERENCE_HZ
    return song.line.cents + 1200 * np.log2(song.facts["tonic_hz"] / above)


def naming_page(classifier: LoadedModel, of: ContourModel, song: HeardSong, named: Naming) -> str:
    """Return the page of a recording with its raga and what speaks for it."""
    first = named["ragas"][0]["raga"]
    raga = known_ragas().get(folded(first))
    places = {PLACES[svara]: svara for svara in raga.scale} if raga else dict(enumerate(USUAL))
    drawn = min(len(song.line.cents), int(MAX_ROWS * ROW_S * of.rate_hz))
    cents = _model_cents(of, song, song.facts["tonic_hz"])[:drawn]
    evidence = np.zeros(len(song.line.cents))
    evidence[:drawn] = _evidence(classifier, cents, of.width, classifier.classes.index(first))
    line = song.line._replace(evidence=evidence)
    guesses = [(entry["raga"], entry["probability"]) for entry in named["ragas"]]
    return recording_page(song.facts, song.sound, PageContent(line, places, guesses, named["why"]))


def _evidence(classifier: LoadedModel, cents: np.ndarray, width: int, code: int) -> np.ndarray:
    """Return how much each of the frames speaks for a class, in [0, 1]."""
    padded = np.full(-(-len(cents) // width) * width, np.nan, np.float32)
    padded[: len(cents)] = cents
    evidence = classifier.evidence(padded.reshape(-1, width, 1), code).reshape(-1)[: len(cents)]
    smooth = np.convolve(np.maximum(evidence, 0), np.hanning(9) / 4, "same")
    return np.clip(smooth / max(np.quantile(smooth, 0.98), 1e-9), 0, 1)


def default_page(path: str) -> str:
    """Return the name of a recording's page, in the current folder."""
    return f"{os.path.splitext(os.path.basename(path))[0]}-raga.html"
