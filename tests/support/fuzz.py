"""Coverage-guided fuzzing of a target: ``make fuzz TARGET=csv SECONDS=600``.

What goes wrong is printed once for each place in the code, and its bytes are kept in
``FOLDER/found``; those that were mended belong into ``tests/fuzz_seeds/<target>/``.
"""

import hashlib
import sys
import tempfile
import traceback
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["seqclass.store", "zipfile", "numpy.lib", "openpyxl"]):
    from tests.support.fuzz_targets import TARGETS, first_seed, look_at_footers_in_a_copy

SEEDS = Path(__file__).parents[1] / "fuzz_seeds"


def place_of(error: BaseException) -> str:
    """The kind of an error, and the deepest line of our own code that it passed."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/seqclass/" in frame.filename] or frames[-1:]
    return f"{type(error).__name__} {ours[-1].filename.rpartition('/')[2]}:{ours[-1].lineno}"


def main(name: str, seconds: str, folder: Path) -> None:
    """Fuzz one target for so long, in a folder of one's own."""
    target, places = TARGETS[name], set[str]()
    for place in ("corpus", "found", "work", "begin"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / "corpus" / "first").write_bytes(first_seed(name, Path(tempfile.mkdtemp(dir=folder))))
    look_at_footers_in_a_copy()

    def run(content: bytes) -> None:
        try:
            target(folder / "work", content)
        except Exception as error:
            if (place := place_of(error)) not in places:
                places.add(place)
                digest = hashlib.sha256(content).hexdigest()[:12]
                (folder / "found" / digest).write_bytes(content)
                print(f"FOUND {name} {digest} {place}: {error!r:.300}", flush=True)

    words = [
        f"-max_total_time={seconds}", f"-artifact_prefix={folder}/found/", "-timeout=10",
        "-rss_limit_mb=3072", "-max_len=16384", "-verbosity=0", "-print_final_stats=1",
    ]  # fmt: skip
    seeds = [str(SEEDS / name)] if (SEEDS / name).is_dir() else []
    atheris.Setup([sys.argv[0], *words, str(folder / "corpus"), *seeds], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
