"""The caller's process stays as it is, whatever the Python names do."""

import os
import pickle
import signal
import threading
import time
from pathlib import Path

import pytest

from seqclass import SequenceClassifier, load_model
from seqclass.network_process import PROCESS
from seqclass.runtime import environment
from tests.support.commands import in_python
from tests.support.courses import courses
from tests.support.jobs import forget_networks, is_compiled
from tests.support.places import REPOSITORY
from tests.support.waiting import until

GUEST = """
import logging, os, pickle, random, sys, warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas, scipy.linalg, sklearn.ensemble
from threadpoolctl import threadpool_info

import seqclass


def state():
    root = logging.getLogger()
    return {
        "environment": dict(os.environ), "threads": threadpool_info(),
        "warnings": list(warnings.filters), "warnoptions": list(sys.warnoptions),
        "handlers": list(root.handlers), "level": root.level, "disabled": logging.root.disabled,
        "random": random.getstate(), "numpy": str(np.random.get_state()),
        "errors": np.geterr(), "excepthook": sys.excepthook, "path": list(sys.path),
    }


def check(before):
    after = state()
    changed = {name: (before[name], after[name]) for name in before if before[name] != after[name]}
    assert not changed, changed


rng = np.random.default_rng(0)
y = np.repeat(["falls", "rises"], 12)
X = np.where(y == "rises", 1, -1)[:, None] * np.linspace(-1, 1, 9) + rng.normal(0, 0.3, (24, 9))
before = state()
fitted = seqclass.SequenceClassifier(members=("steps",)).fit(X, y)
answers = [fitted.predict(X), fitted.predict_proba(X), fitted.predict_or_unknown(X)]
fitted.explain(X[:2])
fitted.save("guest.seqclass")
again = seqclass.load_model("guest.seqclass")
assert (again.predict_proba(X) == answers[1]).all()
assert (pickle.loads(pickle.dumps(fitted)).predict_proba(X) == answers[1]).all()
assert "classes_" in dir(fitted) and "classes_" in fitted._repr_html_()  # as a notebook asks
check(before)
assert not {"tensorflow", "keras"} & set(sys.modules)

import tensorflow as tf
import keras

assert fitted.keras_model_(X[..., None].astype("float32"))["probabilities"].shape == (24, 2)
before = state()
seqclass.SequenceClassifier(members=("steps",)).fit(X, y).predict(X)
check(before)
rows = tf.data.Dataset.from_tensor_slices((X[..., None], (y == "rises").astype(int)))
model = keras.Sequential([keras.layers.LSTM(4), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(rows.shuffle(24).batch(8), verbose=0)
tf.random.normal((2, 2))
with ThreadPoolExecutor(2) as pool:
    list(pool.map(lambda k: np.linalg.svd(rng.normal(size=(200, 200))), range(4)))
    same = list(pool.map(fitted.predict_proba, [X] * 4))
assert all((one == answers[1]).all() for one in same)
"""


def test_the_caller_s_process_is_as_it_was(tmp_path: Path) -> None:
    """By ``python -c``: nothing needs a guard in ``__main__``. Nor is a settings file of the folder
    obeyed."""
    (tmp_path / ".numba_config.yaml").write_text(f"cache_dir: {tmp_path}/numba\n")
    ours = environment()  # set for the tests themselves
    free = {name: value for name, value in os.environ.items() if name not in ours}
    done = in_python(GUEST, cwd=tmp_path, env={**free, "PYTHONPATH": str(REPOSITORY)})
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "numba").exists()


@pytest.fixture(scope="module")
def fitted() -> SequenceClassifier:
    return SequenceClassifier(members=("steps",)).fit(*courses(24))


def test_a_network_is_compiled_before_it_is_asked(
    fitted: SequenceClassifier, tmp_path: Path
) -> None:
    digest = fitted._network.digest
    assert PROCESS.call(is_compiled, digest)
    fitted.save(tmp_path / "m")
    PROCESS.call(forget_networks)
    load_model(tmp_path / "m")
    assert PROCESS.call(is_compiled, digest)
    PROCESS.call(forget_networks)
    copied = pickle.loads(pickle.dumps(fitted))  # noqa: S301 - made here
    assert not PROCESS.call(is_compiled, digest)
    copied.warm_up()
    assert PROCESS.call(is_compiled, digest)


def test_a_process_that_ended_between_two_calls_is_replaced(fitted: SequenceClassifier) -> None:
    new, _ = courses(6, seed=1)
    expected = fitted.predict_proba(new)
    [before] = PROCESS.pids
    os.kill(before, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{before}").exists())
    assert (fitted.predict_proba(new) == expected).all()
    assert PROCESS.pids != [before]


def test_a_forked_process_has_one_of_its_own() -> None:
    before = PROCESS.call(os.getpid)
    if (child := os.fork()) == 0:
        try:
            os._exit(0 if PROCESS.call(os.getpid) != before else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert PROCESS.pids == [before]
    assert PROCESS.call(os.getpid) == before


def test_an_interrupt_ends_the_process_and_the_next_call_has_another() -> None:
    before = PROCESS.call(os.getpid)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    ident = threading.main_thread().ident
    threading.Timer(0.3, signal.pthread_kill, [ident, signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        PROCESS.call(time.sleep, 600)
    assert PROCESS.pids == []
    assert PROCESS.call(os.getpid) != before


def test_the_process_ends_with_its_caller_however_that_ends() -> None:
    script = (
        "import os, signal; from seqclass.network_process import PROCESS\n"
        "print(PROCESS.call(os.getpid), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = in_python(script)  # waits for the pipes, which the process holds, too
    assert done.returncode == -signal.SIGKILL
    assert not Path(f"/proc/{done.stdout.strip()}/exe").exists()
