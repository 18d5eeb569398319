"""Records of an object store: read, or created only if there is none (``If-None-Match``)."""

import time

import fsspec

TRIES, PAUSE_S = 5, 0.2
MAX_RECORD_BYTES = 2**26
"""Most bytes of a record; larger files are not read to their end."""
REFUSED, EMPTY = ("PreconditionFailed", "412"), ("InvalidRange", "416")
"""Codes of a write to a path that is taken, and of a read of a file without a byte."""
CONFLICTS = ("ConditionalRequestConflict", "OperationAborted", "409")
"""Codes of a write that met another one: the store asks to try again."""


def read(fs: fsspec.AbstractFileSystem, path: str) -> bytes | None:
    """Read a file, or None without one; only the first bytes of too large a file."""
    try:
        return bytes(fs.cat_file(path, start=0, end=MAX_RECORD_BYTES + 1))
    except FileNotFoundError:
        return None
    except OSError as error:
        if _code(error) in EMPTY:
            return b""
        raise


def create(fs: fsspec.AbstractFileSystem, path: str, content: bytes) -> bool:
    """Write to a free path; False if another writer was first.

    A write whose response was lost counts as done, so the content must differ from that of any
    other writer.
    """
    _place(fs, path)
    for turn in range(TRIES):
        try:
            fs.pipe_file(path, content, mode="create")
            return True
        except OSError as error:
            if _code(error) in REFUSED:
                return read(fs, path) == content
            if _code(error) not in CONFLICTS or turn == TRIES - 1:
                raise
            time.sleep(PAUSE_S * 2**turn)
    return False


def access_problem(fs: fsspec.AbstractFileSystem, path: str) -> str | None:
    """Return why no name below a path can be asked for; None if the store answers.

    A wrong address, key or bucket of a store shows at the first request only.
    """
    bucket, key = _place(fs, path)
    try:
        fs.call_s3("list_objects_v2", Bucket=bucket, Prefix=f"{key}/", MaxKeys=1)
    except Exception as error:  # those of the address and of the bucket have no other class
        return " ".join(str(error).split()) or type(error).__name__
    return None


def _place(fs: fsspec.AbstractFileSystem, path: str) -> tuple[str, str]:
    """Return the bucket and the key of a path; ValueError if its store can't compare."""
    if not hasattr(fs, "call_s3"):
        raise ValueError(
            f"storage root: expected a folder or an s3:// URL, got {fs.unstrip_protocol(path)}, "
            "whose store is not known to compare before it writes; choose another root"
        )
    bucket, key, _ = fs.split_path(path)
    return bucket, key


def _code(error: OSError) -> str:
    """Return the store's error code, which s3fs keeps as the cause of its exception."""
    answer = getattr(error.__cause__, "response", None) or {}
    return str(answer.get("Error", {}).get("Code", ""))
