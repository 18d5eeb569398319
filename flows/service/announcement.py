"""Servers of answers that run on this machine, as commands of the same root find them.

A server's file lies beside the token of the root, which only its user may read, and the server
holds it locked. So whatever listens at the address of a file that nobody holds gets no token.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from flows.service.secrecy import TOKEN, read_token, write_privately
from flows.service.server import home_of
from seqclass.store.leases import exclusive
from seqclass.store.references import ModelRef
from seqclass.store.root import Root

NAME = "answers-at-{}.json"


@contextlib.contextmanager
def announced(home: Path, url: str, models: list[str]) -> Iterator[None]:
    """Let commands find a server for as long as a block lasts.

    models: references of those that it answers with.
    """
    path = home / NAME.format(urlsplit(url).port)
    names = [ModelRef.parse(ref).name for ref in models]
    write_privately(path, json.dumps({"url": url, "models": names}))
    with exclusive(os.open(path, os.O_RDONLY)):
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def running_server(store: Root, model: str) -> tuple[str, str] | None:
    """Return address and token of a server on this machine that answers with a model."""
    home = home_of(store)
    for path in sorted(home.glob(NAME.format("*"))):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            with exclusive(os.open(path, os.O_RDONLY)) as is_left:
                if is_left:
                    continue
            said = json.loads(path.read_text())
            if model in said["models"]:
                return said["url"], read_token(home / TOKEN)
    return None
