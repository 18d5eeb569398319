"""TensorFlow in the process of the user, set for repeatable results."""

import os

from tasks.workers import environment, tensorflow


def start_tensorflow() -> None:
    """Import TensorFlow as training processes do; settings of the user's stay."""
    for name, value in environment().items():
        os.environ.setdefault(name, value)
    tensorflow()
