"""Accuracy by the number of real recordings a raga, alone and beside generated contours.

No recordings of voices lie here. Those that stand for them are contours of the fitted numbers of
each raga, by other singers than the training's: voices of less range, whose lengths and swings
differ more, heard by a tracker that loses frames and octaves. The generated ones beside them have
the general numbers, as a raga has that nobody recorded. A recording is cut into windows, which are
one group.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.contest import log_answers
from seqclass.ragas.chains import MelodyConfig
from seqclass.ragas.definitions import Raga
from seqclass.ragas.raga_series import generate_ragas
from seqclass.ragas.raga_spec import RagaSpec
from seqclass.ragas.singing import fitted_ragas, usual
from seqclass.training.learnt_rows import Rows
from seqclass.training.spec import TrainingSpec

Row = dict[str, Any]
RAGAS = (
    "Bhairavi", "Mukhari", "Huseni", "Kedaragowla", "Surati", "Yadukulakambhoji",
    "Kharaharapriya", "Ritigowla", "Todi", "Dhanyasi",
)  # fmt: skip
"""Fitted ragas, most of them allied: B5, B2, B4 and B6 have the same pitches."""
SECONDS, RATE_HZ, WINDOWS = 15.0, 10.0, 3
COUNTS, TESTED, GENERATED, DRAWS = (0, 1, 3, 6), 20, 40, 3
"""Recordings a raga to learn from and to test on, contours generated a raga, and draws."""
MISLED = 3
"""Recordings a raga beside which contours with shuffled labels are generated, too."""
OTHER_SINGERS: dict[str, Any] = {
    "spread": 0.3, "intonation_cents": 10.0, "jitter_cents": 20.0, "dropouts": 0.05,
    "octave_errors": 0.03, "manner": MelodyConfig(voice=(0.4, 0.8)),
}  # fmt: skip
LSTM = "conv-lstm"
SPEC = TrainingSpec(members=("convolutions", LSTM), networks={LSTM: 1})
"""Two members of the default and one network, since there are many trainings."""


def general(name: str) -> Raga:
    """Return a raga whose svaras are sung as those of the other fitted ragas."""
    fitted = fitted_ragas()
    others = tuple(raga for other, raga in fitted.items() if other != name)
    return usual(replace(fitted[name], sung=()), others)


def drawn(
    ragas: tuple[Any, ...], seed: int, n: int, windows: int = 1, **more: Any
) -> tuple[Rows, np.ndarray]:
    """Return ``n`` compositions of each raga, cut into windows, and the number of each window's."""
    spec = RagaSpec(
        ragas, len(ragas) * n * windows, seed=seed, representation="contour", windows=windows,
        seconds=SECONDS, rate_hz=RATE_HZ, **more,
    )  # fmt: skip
    blocks = list(generate_ragas(spec))
    x, y, group = (
        np.concatenate([getattr(block, name) for block in blocks])
        for name in ("values", "codes", "composition")
    )
    return Rows(x.astype(np.float32), y.astype(np.int32)), group


def measure(draws: int = DRAWS) -> list[Row]:
    """Return accuracies by the number of recordings, with two standard errors over the draws."""
    found: dict[tuple[int, str], list[Row]] = {}
    for draw in range(draws):
        for count, how, told in _measured(draw):
            found.setdefault((count, how), []).append(told)
            print(f"draw {draw}, {count} {how}: {told}", file=sys.stderr, flush=True)
    return [
        {"real a raga": count, "learned from": how, **_spread(told)}
        for (count, how), told in sorted(found.items())
    ]


def _spread(told: list[Row]) -> Row:
    rows = {}
    for name in ("LSTM", "committee", "log_loss"):
        values = np.array([one[name] for one in told])
        error = 2 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        rows[name] = f"{values.mean():.3f} ± {error:.3f}"
    return {**rows, "weights": " ".join(f"{one['weight']:.3g}" for one in told)}


def _measured(draw: int) -> Iterator[tuple[int, str, Row]]:
    """Yield counts of recordings, what was learned from, and scores on other recordings."""
    tested, _ = drawn(RAGAS, 7000 + draw, TESTED, **OTHER_SINGERS)
    real, group = drawn(RAGAS, 5000 + draw, max(COUNTS), WINDOWS, **OTHER_SINGERS)
    ragas = tuple(general(name) for name in RAGAS)
    generated, _ = drawn(ragas, 6000 + draw, GENERATED)
    turn = np.array([np.unique(group[real.y == y]).searchsorted(g)
                     for y, g in zip(real.y, group, strict=True)])  # fmt: skip
    yield 0, "generated", _trained(draw, tested, generated, None)
    for count in COUNTS[1:]:
        some = np.flatnonzero(turn < count)
        rows, groups = real.take(some), group[some]
        if count > 1:  # with one of a class, none can be held back
            yield count, "real", _trained(draw, tested, rows, groups)
        yield count, "both", _trained(draw, tested, rows, groups, generated)
        if count == MISLED:
            turned = Rows(generated.x, np.random.default_rng(draw).permutation(generated.y))
            yield (
                count,
                "both, generated labels shuffled",
                _trained(draw, tested, rows, groups, turned),
            )


def _trained(
    seed: int, tested: Rows, rows: Rows, groups: np.ndarray | None, auxiliary: Rows | None = None
) -> Row:
    from seqclass.runtime import start_tensorflow

    start_tensorflow()
    import keras

    from seqclass.networks.outputs import predict_all
    from seqclass.networks.recurrence import accelerate
    from seqclass.training.replica import TrainingRows, train_replica

    keras.utils.clear_session()
    began = time.monotonic()
    known = TrainingRows(rows, len(RAGAS), groups, ["cents"], auxiliary=auxiliary)
    made = train_replica(known, SPEC, seed, lambda *_: None)
    alone = predict_all(accelerate(made.members_alone), tested.x)[LSTM]
    scores = log_answers(made.classifier, tested.x)
    right = tested.y
    return {
        "LSTM": float((alone.argmax(axis=1) == right).mean()),
        "committee": float((scores.argmax(axis=1) == right).mean()),
        "log_loss": float(-scores[np.arange(len(right)), right].mean()),
        "weight": made.auxiliary_weight,
        "seconds": round(time.monotonic() - began),
    }
