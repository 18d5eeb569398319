"""The rights of an ordinary account, also where root runs the tests."""

import contextlib
import ctypes
from collections.abc import Iterator

VERSION, OVERRIDE = 0x20080522, 0b1111
"""The version of the kernel's structures, and the rights to chown and to pass over modes."""
Half = ctypes.c_uint32 * 3
"""Rights that are effective, permitted and inherited."""


@contextlib.contextmanager
def ordinary_rights() -> Iterator[None]:
    """Let this thread, and those that it starts, do with files only what the modes allow."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, rights = (ctypes.c_uint32 * 2)(VERSION, 0), (Half * 2)()
    assert libc.capget(header, rights) == 0
    before = rights[0][0]
    rights[0][0] &= ~OVERRIDE
    assert libc.capset(header, rights) == 0
    try:
        yield
    finally:
        rights[0][0] = before
        assert libc.capset(header, rights) == 0
