"""Conversion of a Keras model to the bytes of a ``.keras`` file, and back in safe mode."""

import tempfile
import zipfile
from pathlib import Path
from typing import Any

from seqclass.store.root import DamagedError

MAX_TEXT_BYTES, MAX_RATIO = 2**28, 200


def keras_bytes(model: Any) -> bytes:
    """Return the content of the ``.keras`` file of a model."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model.save(path)
        return path.read_bytes()


def keras_model(content: bytes, where: str) -> Any:
    """Return the model from the bytes of a ``.keras`` file; DamagedError for anything but stock
    layers.

    where: the origin of the file, which the error names.
    """
    import keras

    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.keras")
            path.write_bytes(content)
            _check_archive(path)
            return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        message = " ".join(str(error).split())[:200] or type(error).__name__
        raise DamagedError(
            f"{where}: expected a network of stock Keras layers, got another file ({message}); "
            "restore it, or take another version"
        ) from error


def _check_archive(path: Path) -> None:
    """Refuse an archive that holds more than a network, or that would unpack to a large one."""
    with zipfile.ZipFile(path) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist()}
    others = sizes.keys() - {"config.json", "metadata.json", "model.weights.h5"}
    if strange := sorted(name for name in others if not name.startswith("assets/")):
        raise ValueError(f"expected no member {strange[0]!r:.80}")
    texts = sum(size for name, size in sizes.items() if name != "model.weights.h5")
    if texts > MAX_TEXT_BYTES or sum(sizes.values()) > MAX_RATIO * path.stat().st_size:
        raise ValueError(f"{sum(sizes.values()):,} bytes when unpacked")
