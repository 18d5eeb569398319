"""Folders and files of a service that only the user who started it may read."""

import contextlib
import os
import secrets
from pathlib import Path

PASSWORD = "password"  # noqa: S105 - the name of a file


def private_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter, or restrict an existing one to its owner."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = folder.stat().st_uid
    if owner != os.geteuid():
        raise ValueError(
            f"storage root: expected a folder {folder} of your own, got one of user {owner}; "
            "remove it or choose another root with --root"
        )
    folder.chmod(0o700)
    for entry in os.scandir(folder):
        if entry.is_file(follow_symlinks=False):
            os.chmod(entry.path, 0o600)


def private_opener(path: str, flags: int) -> int:
    """Open a file that only its owner may read; for ``open``."""
    return os.open(path, flags, 0o600)


def write_privately(path: Path, text: str) -> None:
    """Write a file whole, readable for its owner only."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(draft, "x", opener=private_opener, encoding="utf-8") as file:
            file.write(text)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def new_password() -> str:
    """Return what Prefect calls an auth string: a user's name and a password."""
    return f"seqclass:{secrets.token_urlsafe(32)}"


def password_in(folder: Path) -> str | None:
    """Return the password of a service; None if there is none that others could not read."""
    with contextlib.suppress(OSError):
        handle = os.open(folder / PASSWORD, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, encoding="utf-8", errors="replace") as file:
            about = os.fstat(handle)
            if about.st_uid == os.geteuid() and not about.st_mode & 0o077:
                return file.read().strip() or None
    return None


def make_password(folder: Path) -> str:
    """Return the password of a service; it is made at the first start."""
    known = password_in(folder)
    if known is None:
        known = new_password()
        write_privately(folder / PASSWORD, f"{known}\n")
    return known
