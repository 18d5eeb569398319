"""An inbox: a folder or prefix for arriving files, and the folders for files that were processed.

A file counts as complete when it has not changed for a while and ends as its format requires.
"""

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from typing_extensions import TypedDict

from seqclass.store.manifests import SetAside
from seqclass.store.root import Root, irregular, is_name, printable, replace_file, sync_folder

INBOX = "inbox"
DONE, QUARANTINE, REASON = "done", "quarantine", ".reason.txt"
UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".crdownload")
"""Endings that programs use while a file is incomplete."""
AT_ONCE = 16
"""Inboxes that are looked at at the same time."""
MOST_NAMED = 5
"""Entries that a line names."""
MOVE = f"move files into {INBOX}/DATASET"
"""What to do about files that lie beside the inboxes."""
LONGEST_NAME = 160
"""Bytes of a file's name that are kept: file systems allow 255, with digest and endings."""


@dataclass(frozen=True)
class Arrival:
    """A file in an inbox as it was when it was seen.

    arrived: when it was put there. stamp: its size first; it changes when the content does, or when
    another file takes its place. irregular: the kind of file, if it is no regular file.
    """

    name: str
    modified: datetime
    arrived: datetime
    stamp: tuple[Any, ...]
    irregular: str = ""


class FileReport(SetAside):
    """The outcome of a file and the reason; its counts are those of the rows that were read."""

    file: str
    became: str
    reason: str
    added: int


class Sweep(TypedDict):
    """The outcome of an inbox. dataset: its newest version, or None; added: number of new rows."""

    place: str
    dataset: str | None
    added: int
    files: list[FileReport]


def inboxes(root: Root) -> list[str]:
    """Return names of the datasets that have their own inbox in this root.

    A folder whose name no dataset can have is none.
    """
    if root.is_local:
        names = [name for name in root.names(INBOX) if root.fs.isdir(root.join(INBOX, name))]
    else:
        names = [name for name, info in _listed(root, INBOX) if info["type"] == "directory"]
    return sorted(filter(is_name, names))


def misplaced(root: Root) -> str:
    """Name what lies beside the inboxes, where no sweep takes it; an empty text for nothing."""
    folders, beside = inboxes(root), _entries(replace(root, path=root.join(INBOX)))
    files = {arrival.name for arrival in _files(beside)}
    names = [name for name, arrival in beside if name not in folders and
             (arrival is None or name in files)]  # fmt: skip
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return printable(", ".join(names[:MOST_NAMED])) + more


def inbox_url(root: Root, name: str) -> str:
    """Return the folder or URL of a dataset's inbox, as ``open_root`` takes it."""
    return "/".join([root.url.rstrip("/"), INBOX, name])


def inbox_of(root: Root, name: str) -> Root:
    """Return a dataset's inbox as a root, on the same file system."""
    return replace(root, path=root.join(INBOX, name), url=inbox_url(root, name))


def arrivals(inbox: Root) -> list[Arrival]:
    """List files in an inbox, by name, without hidden files and temporary names.

    An object store lists them in one request for each thousand: those that were taken lie below
    another prefix, which counts as one entry however many they are. No listing begins after a
    marker, since names do not follow one another in the order in which files arrive.
    """
    return _files(_entries(inbox))


def _files(entries: list[tuple[str, Arrival | None]]) -> list[Arrival]:
    return [
        arrival
        for _, arrival in entries
        if arrival and not arrival.name.lower().endswith(UNFINISHED)
    ]


def _entries(inbox: Root) -> list[tuple[str, Arrival | None]]:
    """Return the name of each visible entry, and the file; None for a folder."""
    if inbox.is_local:
        return [(name, _look_at_local(inbox.join(name), name)) for name in inbox.names()]
    return [(name, _listed_arrival(inbox, name, info)) for name, info in sorted(_listed(inbox))]


def subfolders(inbox: Root) -> list[str]:
    """Return the visible folders in an inbox, by name, whose files no sweep takes."""
    return [n for n, arrival in _entries(inbox) if arrival is None and n not in (DONE, QUARANTINE)]


class InboxState(NamedTuple):
    """The files that wait in an inbox, and the number of those that were set aside."""

    files: list[Arrival]
    aside: int


def inbox_states(root: Root) -> dict[str, InboxState]:
    """Look at each dataset's own inbox that may be read.

    Several are looked at at a time, since a bucket takes its time.
    """
    try:
        names = inboxes(root)
    except PermissionError:
        return {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        states = pool.map(_state, [inbox_of(root, name) for name in names])
        return {name: state for name, state in zip(names, states, strict=True) if state}


def _state(inbox: Root) -> InboxState | None:
    """Return the state of an inbox; None if this account may not read it."""
    try:
        entries = _entries(inbox)
        names = inbox.names(QUARANTINE) if (QUARANTINE, None) in entries else []
    except PermissionError:
        return None
    return InboxState(_files(entries), sum(not name.endswith(REASON) for name in names))


def _listed(root: Root, *folder: str) -> list[tuple[str, dict[str, Any]]]:
    """Return name and properties of each visible entry of a folder in an object store."""
    try:
        infos = root.fs.ls(root.join(*folder) if folder else root.path, detail=True)
    except (FileNotFoundError, NotADirectoryError):
        return []
    named = ((info["name"].rstrip("/").rpartition("/")[2], info) for info in infos)
    return [(name, info) for name, info in named if not name.startswith(".")]


def look_at(inbox: Root, name: str) -> Arrival | None:
    """Return a file as it is now; None if it is gone, or is a folder. No link is followed."""
    if inbox.is_local:
        return _look_at_local(inbox.join(name), name)
    try:
        return _listed_arrival(inbox, name, inbox.fs.info(inbox.join(name)))
    except FileNotFoundError:
        return None


def _listed_arrival(inbox: Root, name: str, info: dict[str, Any]) -> Arrival | None:
    """Return a file by its properties; some stores list its time more exactly than they tell it."""
    if info["type"] != "file":
        return None
    modified = info.get("LastModified") or inbox.fs.modified(inbox.join(name))
    second = str(modified.replace(microsecond=0))
    return Arrival(name, modified, modified, (info["size"], second, info.get("ETag")))


def _look_at_local(path: str, name: str) -> Arrival | None:
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(info.st_mode):
        return None
    stamp = (info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino)
    modified, arrived = (datetime.fromtimestamp(s, UTC) for s in (info.st_mtime, info.st_ctime))
    return Arrival(name, modified, arrived, stamp, irregular(info.st_mode))


def missing_end(inbox: Root, name: str) -> str | None:
    """Return the end that a file still lacks by its format, or None if it is complete."""
    from seqclass.store.formats.file_format import HEAD_BYTES, by_ending, ending_of, format_by_head

    with inbox.fs.open(inbox.join(name), "rb") as file:
        size = file.seek(0, os.SEEK_END)
        if not size:
            return "any content"
        file.seek(0)
        form = format_by_head(file.read(HEAD_BYTES)) or by_ending().get(ending_of(name))
        return form.missing_end(file, size) if form else None


@contextlib.contextmanager
def local_copy(inbox: Root, name: str) -> Iterator[str]:
    """Provide a path under which a file can be read on this machine."""
    if inbox.is_local:
        yield inbox.join(name)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        inbox.fs.get_file(inbox.join(name), path)
        yield path


def file_digest(path: str) -> str:
    """Return the SHA-256 of a local file, which must not be a link."""
    unfollowed = os.O_NOFOLLOW | os.O_NONBLOCK  # nor does it wait for the writer of a pipe
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | unfollowed)) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def place_put_away(inbox: Root, arrival: Arrival, digest: str, folder: str) -> str:
    """Return the path to which a file moves; the same file gets the same one again."""
    end = os.fsencode(arrival.name)[-LONGEST_NAME:].decode(errors="ignore")
    return inbox.join(folder, f"{digest[:12]}-{end}")


def put_away(
    inbox: Root, arrival: Arrival, digest: str, folder: str, reason: str | None = None
) -> bool:
    """Move a file out of an inbox; False if it is gone, or is no longer the one that was read."""
    now = look_at(inbox, arrival.name)
    if now is None or now.stamp != arrival.stamp:
        return False
    target = place_put_away(inbox, arrival, digest, folder)
    inbox.fs.makedirs(inbox.join(folder), exist_ok=True)
    if reason is not None:
        replace_file(inbox, f"{target}{REASON}", f"{reason}\n".encode(errors="replace"))
        if inbox.is_local:  # it may quote the file
            mode = os.lstat(inbox.join(arrival.name)).st_mode & 0o666
            os.chmod(f"{target}{REASON}", 0o600 if arrival.irregular else mode)
    try:
        if inbox.is_local:
            os.replace(inbox.join(arrival.name), target)
            sync_folder(inbox.join(folder))
        else:
            inbox.fs.mv(inbox.join(arrival.name), target)
    except FileNotFoundError:
        return False
    return True
