"""One of several processes that work on a root at once: ``python -m tests.support.deeds``.

It draws deeds until its time is over, and writes a line of JSON for each that was acknowledged:
what was done, and when it began and ended by the machine's own clock.
"""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from prefect.logging import disable_run_logger

from seqclass.pipeline.import_files import import_files
from seqclass.pipeline.promote import promote_version, roll_back
from seqclass.screening.incoming import ImportSpec
from seqclass.store.datasets import open_dataset
from seqclass.store.registry import champion_of, open_model
from seqclass.store.root import Root, open_root
from tests.support.arrivals import rows
from tests.support.stored import store_version

MODEL, DATASET, ADDED = "m", "toy", 4
FIRST_VERSIONS, FIRST_ROWS = 3, 60
Deed = Callable[[Root, np.random.Generator, str], dict]


def promote(root: Root, rng: np.random.Generator, reason: str) -> dict:
    version = f"v{rng.integers(FIRST_VERSIONS) + 1}"
    return promote_version(root, f"{MODEL}@{version}", reason, True, datetime.now(UTC))


def roll_back_one(root: Root, _: np.random.Generator, reason: str) -> dict:
    try:
        return roll_back(root, MODEL, reason, datetime.now(UTC))
    except ValueError as error:
        if f"seqclass promote {MODEL}@vN" in str(error):  # no champion was before this one
            return {"moved": False}
        raise


def append(root: Root, _: np.random.Generator, reason: str) -> dict:
    who, turn = map(int, reason.split("-"))
    file = Path(sys.argv[4]).with_suffix(".parquet")
    table = rows(who * 10**7 + turn * ADDED, ADDED)
    pq.write_table(table, file)
    done = import_files(root, DATASET, ImportSpec((str(file),), append=True))
    assert done["added"] == ADDED, done
    return {
        "dataset": done["dataset"],
        "parent": done["parent"],
        "ids": table["series_id"].to_pylist(),
    }


def register(root: Root, *_: object) -> dict:
    return {"model": store_version(root, MODEL).ref}


def look(root: Root, *_: object) -> dict:
    """Whatever others write meanwhile, a reader finds whole records."""
    champion, model = champion_of(root, MODEL), open_model(root, MODEL)
    model.check()
    n_rows = len(open_dataset(root, DATASET).labels())
    assert champion is not None
    assert n_rows >= FIRST_ROWS, n_rows
    assert (n_rows - FIRST_ROWS) % ADDED == 0, n_rows
    return {}


DEEDS: dict[str, tuple[Deed, float]] = {
    "promote": (promote, 0.35), "rollback": (roll_back_one, 0.25), "append": (append, 0.1),
    "register": (register, 0.02), "look": (look, 0.28),
}  # fmt: skip
"""Each deed, and how often it is drawn."""


def main(url: str, who: int, seconds: float, log: str) -> None:
    root, rng, turn = open_root(url), np.random.default_rng(who), 0
    names, shares = list(DEEDS), [share for _, share in DEEDS.values()]
    until = time.monotonic() + seconds
    with open(log, "w") as file, disable_run_logger():
        while time.monotonic() < until:
            what = str(rng.choice(names, p=shares)) if turn else names[who % len(names)]
            turn += 1
            began, reason = time.monotonic(), f"{who}-{turn}"
            done = DEEDS[what][0](root, rng, reason)
            line = {"what": what, "reason": reason, "began": began, "ended": time.monotonic()}
            file.write(json.dumps({**line, **done}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4])
