"""Folders and files of a service that only the user who started it may read."""

import contextlib
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

PASSWORD, TOKEN = "password", "token"


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
    return _secret_in(folder / PASSWORD)


def make_password(folder: Path) -> str:
    """Return the password of a service; it is made at the first start."""
    return _kept(folder / PASSWORD, new_password)


def make_token(folder: Path) -> str:
    """Return the token that ``seqclass serve`` demands; it is made at the first start."""
    return _kept(folder / TOKEN, lambda: secrets.token_urlsafe(32))


def _secret_in(path: Path) -> str | None:
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(handle, encoding="utf-8", errors="replace") as file:
            about = os.fstat(handle)
            if about.st_uid == os.geteuid() and not about.st_mode & 0o077:
                return file.read().strip() or None
    return None


def _kept(path: Path, make: Callable[[], str]) -> str:
    secret = _secret_in(path)
    if secret is None:
        secret = make()
        write_privately(path, f"{secret}\n")
    return secret


def read_token(path: Path) -> str:
    """Return the token in a file of the user's, which no other user may read."""
    try:
        shared, token = path.stat().st_mode & 0o077, path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        shared, token = 0, ""
    if shared:
        raise ValueError(
            f"--token-file: expected a file that only you may read, got mode "
            f"{path.stat().st_mode & 0o777:o} of {str(path)!r}; restrict it to 600"
        )
    if not re.fullmatch(r"[\x21-\x7e]{16,1024}", token):
        raise ValueError(
            "--token-file: expected a token of 16 to 1024 printable characters without a space in "
            f"{str(path)!r}, got {len(token)} characters; write another"
        )
    return token
