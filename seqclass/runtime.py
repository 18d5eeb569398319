"""Set-up of TensorFlow for repeatable results, and the settings that affect its numbers."""

import contextlib
import gc
import hashlib
import io
import os
import sys
import tokenize
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

THREADS = "SEQCLASS_THREADS"
OPTIONAL = ("matplotlib", "pandas", "sklearn")
"""Modules that Keras imports for plots and wrappers; they cost 90 MB and a second."""

LEARNING_ROOMS = ("networks", "training", "evaluation")
"""Packages beside this file whose code takes part in training."""


def threads() -> int:
    """Return the number of threads of a training process: ``SEQCLASS_THREADS``, or 1.

    They are used by the LSTM kernel; TensorFlow's own operations are too small to be split.
    """
    text = os.environ.get(THREADS, "1")
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(
            f"{THREADS}: expected a whole number of at least 1, got {text!r}; correct or unset it"
        )
    return int(text)


def environment() -> dict[str, str]:
    """Return the environment that a process needs before it imports TensorFlow."""
    return {
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "KERAS_BACKEND": "tensorflow",
        "ARROW_DEFAULT_MEMORY_POOL": "system",  # others keep what they no longer use
    }


def numerics() -> dict[str, int | bool | str]:
    """Return what affects the bits of a training, beside versions and CPU."""
    return {
        "threads": threads(),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
        "op_determinism": True,
        "kernel": kernel(),
        "learning_code": _code_digest(),
    }


def kernel() -> str:
    """Return the implementation of LSTMs: ``numba``, or ``keras`` without it or on a GPU."""
    return "numba" if find_spec("numba") and not os.path.exists("/dev/nvidiactl") else "keras"


@cache
def _code_digest() -> str:
    """Return the SHA-256 (16 digits) of the code that takes part in training."""
    digest = hashlib.sha256()
    for room in LEARNING_ROOMS:
        for path in sorted(Path(__file__).with_name(room).glob("*.py")):
            digest.update(_without_words(path.read_text()).encode())
    return digest.hexdigest()[:16]


def _without_words(source: str) -> str:
    """Return the source without docstrings, whole-line comments and empty lines.

    Better documentation does not make another training of it.
    """
    lines = source.splitlines()
    reader = tokenize.generate_tokens(io.StringIO(source).readline)
    tokens = [token for token in reader if token.type not in (tokenize.COMMENT, tokenize.NL)]
    before = [tokenize.NEWLINE, *(token.type for token in tokens)]
    for token, previous, following in zip(tokens, before, tokens[1:], strict=False):
        begins = previous in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
        if token.type == tokenize.STRING and begins and following.type == tokenize.NEWLINE:
            lines[token.start[0] - 1 : token.end[0]] = [""] * (token.end[0] - token.start[0] + 1)
    return "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#"))


def start_tensorflow() -> None:
    """Import TensorFlow as training processes do; environment variables of the user are kept."""
    set_environment()
    tensorflow()


def start_answering() -> None:
    """Import TensorFlow for a process that answers series of ever new shapes for a long time.

    oneDNN keeps prepared operations for every shape: 240 MiB after 1,000 requests. Without it
    answers take as long, and probabilities differ by less than 1e-6.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    start_tensorflow()


def set_environment() -> None:
    """Set what TensorFlow reads when it is imported; environment variables of the user are kept."""
    for name, value in environment().items():
        os.environ.setdefault(name, value)


def check_tensorflow() -> None:
    """Raise ValueError if TensorFlow is not installed."""
    if find_spec("tensorflow") is None:
        raise ValueError(
            "TensorFlow: expected it to be installed, found none; install tensorflow-cpu, or "
            "tensorflow for a GPU"
        )


@cache
def tensorflow() -> Any:
    """Import TensorFlow once, without its start-up output, set for repeatable results."""
    check_tensorflow()
    with _uncollected():
        with _stderr_closed(), _hidden(OPTIONAL):
            import tensorflow as tf

            tf.config.experimental.enable_op_determinism()
        tf.get_logger().setLevel("ERROR")
        from threadpoolctl import threadpool_limits

        threadpool_limits(1, "blas")  # the kernel's own threads call BLAS
        renew_kernel()
    return tf


def renew_kernel() -> None:
    """Give networks that are compiled from now on threads and memory of their own.

    So they may answer in another thread than those before, at the same time.
    """
    from seqclass.networks.recurrence import use_kernel

    use_kernel(threads() if kernel() == "numba" else None)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Turn the garbage collector off during imports, and let it pass over what they leave.

    Modules leave some 570,000 objects that stay until the process ends.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def _hidden(names: Sequence[str]) -> Iterator[None]:
    """Make imports treat modules that are not loaded yet as not installed."""
    absent = dict.fromkeys(name for name in names if name not in sys.modules)
    sys.modules.update(absent)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


@contextlib.contextmanager
def _stderr_closed() -> Iterator[None]:
    saved = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
