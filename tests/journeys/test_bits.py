"""Eight small trainings give the same weights and answers, to the bit, on one kind of CPU."""

import json
import platform
import re
from pathlib import Path

import numpy as np
import pytest

from tests.journeys.journey import KEPT, WRITES, Journey

BITS = KEPT / "bits.json"
TRAIN = """
import hashlib, json
from pathlib import Path
import numpy as np
from seqclass import SequenceClassifier

def digest(arrays):
    joined = b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)
    return hashlib.sha256(joined).hexdigest()[:16]

digests = {}
for path in sorted(Path().glob("*.npz")):
    rows = np.load(path)
    fitted = SequenceClassifier().fit(rows["x"], rows["y"], rows.get("groups"))
    digests[path.stem] = {
        "weights": digest(fitted.keras_model_.get_weights()),
        "answers": digest([fitted.predict_proba(rows["x"])]),
    }
print(json.dumps(digests))
"""


def cpu() -> str:
    """Return the kind of CPU: its model and vector instructions decide how sums are rounded."""
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.exists() else ""
    model = re.findall(r"^(?:vendor_id|cpu family|model)\s*: (\S+)", text, re.MULTILINE)[:3]
    flags = set(re.findall(r"\b(?:avx2|fma|avx512\w+|amx_\w+)\b", text))
    return " ".join([platform.machine(), *model, *sorted(flags)])


def trainings(shared: Path) -> dict[str, dict[str, np.ndarray]]:
    """Return series ``x``, labels ``y`` and perhaps ``groups`` of each training."""
    author = shared / "author"
    sets = {
        "author": {
            "x": np.load(author / "trainX.npy")[:60],
            "y": np.load(author / "trainY.npy")[:60].argmax(axis=1),
        }
    }
    for name, every in {"BME": 1, "CBF": 1, "Libras": 3, "JapaneseVowels": 5}.items():
        stored = np.load(shared / "archive" / f"{name}.npz")
        sets[name] = {"x": stored["X_train"][::every], "y": stored["y_train"][::every]}
    generator = np.random.default_rng(0)
    y = np.arange(60) % 2
    waves = np.sin(np.arange(30) / (3 + y[:, None])) + generator.normal(0, 0.3, (60, 30))
    ragged = np.where(np.arange(30) < generator.integers(20, 31, (60, 1)), waves, np.nan)
    ragged[generator.random(ragged.shape) < 0.05] = np.nan
    steps = generator.integers(0, 3, (60, 30)) - np.where(y, 1, 0)[:, None]
    return {
        **sets,
        "gappy": {"x": ragged, "y": y},
        "symbols": {"x": np.cumsum(steps, axis=1) % 12, "y": y},
        "groups": {"x": waves, "y": y, "groups": np.arange(60) // 4},
    }


@pytest.mark.system
@pytest.mark.timeout(900)
def test_bits(tmp_path: Path, archive_folder: Path) -> None:
    kept = json.loads(BITS.read_text()) if BITS.exists() else {}
    if not WRITES and kept["cpu"] != cpu():
        pytest.skip(f"the kept digests hold for {kept['cpu']}, this is {cpu()}")
    for name, rows in trainings(archive_folder).items():
        np.savez(tmp_path / f"{name}.npz", **rows)
    digests = Journey("bits", tmp_path).python(TRAIN)
    if WRITES:
        BITS.write_text(json.dumps({"cpu": cpu(), "digests": digests}, indent=1) + "\n")
    else:
        assert digests == kept["digests"]
