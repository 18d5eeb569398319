"""The storage tree: where it is, how parts of it are committed and swept.

Work in progress lives under ``.staging/``; a part of the tree is moved to its final folder
whole, its manifest written last. What has no manifest does not exist.
"""

import contextlib
import difflib
import fcntl
import glob
import hashlib
import json
import os
import re
import stat
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from seqclass.store import objects

DEFAULT_ROOT = Path(__file__).parents[2] / "storage" / "artifacts"
MANIFEST = "manifest.json"
STAGING = ".staging"
LEFTOVER_AGE_S = 24 * 3600
"""Age at which work without a detectable owner (a remote store's) counts as abandoned."""

MAX_RECORD_BYTES = 2**26
DRAFT_AGE_S = 60
DRAFTED = ("", "datasets/*", "models/*/aliases", "models/*/audit", "scores/*/*", "inbox/*/*",
           "*/*/runs", "retrainings/*", "models/*", "models/*/v*", "comparisons",
           "digests")  # fmt: skip
"""Folders in which files are written atomically."""
_DRAFT = re.compile(r"\..+\.[0-9a-f]{8}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Root:
    """A storage root: an fsspec file system and the folder in it."""

    fs: fsspec.AbstractFileSystem
    path: str
    url: str

    def join(self, *parts: str) -> str:
        return "/".join([self.path, *parts])

    @property
    def is_local(self) -> bool:
        return isinstance(self.fs, LocalFileSystem)

    def exists(self, *parts: str) -> bool:
        return self.fs.exists(self.join(*parts))

    def names(self, *parts: str) -> list[str]:
        """Visible entries of a folder, sorted; empty where there is no such folder."""
        found = (path.rpartition("/")[2] for path in entries(self, self.join(*parts)))
        return sorted(name for name in found if not name.startswith("."))


def open_root(url: str | os.PathLike[str] | None = None) -> Root:
    """Open a root by path or URL; else ``SEQCLASS_STORAGE``, else ``storage/artifacts``."""
    chosen = str(url or os.environ.get("SEQCLASS_STORAGE") or DEFAULT_ROOT)
    if "://" not in chosen:
        path = os.path.abspath(chosen)
        return Root(LocalFileSystem(), path, path)
    try:
        fs, path = fsspec.url_to_fs(chosen, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise ValueError(
            f"storage root: expected a folder or a URL that fsspec can open, got {chosen!r} "
            f"({error}); install that file system or choose another root"
        ) from error
    return Root(fs, path.rstrip("/"), chosen)


def is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def check_name(name: str, argument: str = "--name") -> str:
    if not is_name(name):
        raise ValueError(
            f"{argument}: expected 1 to 64 letters, digits, dots, dashes or underscores, "
            f"beginning with a letter or digit, got {name!r}; choose such a name"
        )
    return name


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question for a message, with a blank behind, where a known name is like an unknown one."""
    close = difflib.get_close_matches(name, set(known) - {name}, 1)
    return f"did you mean {close[0]!r}? " if close else ""


def shown(text: str, longest: int = 400) -> str:
    """A text as a message may quote it: without what steers a terminal, and of some length."""
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return plain if len(plain) <= longest else f"{plain[:longest]}…"


class DamagedError(ValueError):
    """A stored file is missing, or its content is not what its manifest says."""


Bad = list[dict[str, str]]
"""What was left out of a list, each with ``path`` and ``problem``."""


def note(bad: Bad | None, path: str, error: Exception) -> None:
    """Tell of a damaged part where somebody listens."""
    if bad is not None:
        bad.append({"path": path, "problem": str(error)})


def sha256_of(root: Root, path: str) -> str:
    with _regular(path) if root.is_local else root.fs.open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_file(root: Root, folder: str, name: str) -> dict[str, Any]:
    path = f"{folder}/{name}"
    return {"path": name, "sha256": sha256_of(root, path), "bytes": root.fs.size(path)}


def check_file(root: Root, folder: str, entry: dict[str, Any]) -> str:
    """Return the path of a manifest's file after comparing its digest."""
    path = f"{folder}/{entry['path']}"
    if not root.fs.isfile(path):
        raise DamagedError(f"{path}: expected a file named by the manifest, it is missing")
    size = root.fs.size(path)
    try:
        found = sha256_of(root, path) if size == entry.get("bytes", size) else "of another length"
    except PermissionError as error:
        raise DamagedError(
            f"{path}: expected a file that can be read ({error.strerror})"
        ) from error
    if found != entry["sha256"]:
        raise DamagedError(
            f"{path}: expected SHA-256 {entry['sha256'][:12]}…, the content differs; "
            "restore the file or make the version again"
        )
    return path


def write_manifest(root: Root, folder: str, manifest: dict[str, Any]) -> None:
    """Create a folder's manifest, once; it carries a digest of itself."""
    sealed = {**manifest, "manifest_sha256": _digest_of(manifest)}
    content = json.dumps(sealed, indent=2, ensure_ascii=False).encode()
    create_file(root, f"{folder}/{MANIFEST}", content)


def read_manifest(root: Root, folder: str) -> dict[str, Any]:
    """A folder's manifest; DamagedError where it is not one, or not as it was written."""
    path = f"{folder}/{MANIFEST}"
    manifest = read_record(root, path)
    try:
        altered = manifest.pop("manifest_sha256", None) != _digest_of(manifest)
    except RecursionError:
        altered = True
    if altered:
        raise DamagedError(f"{path}: expected the manifest as it was written, it was altered")
    files = manifest.get("files")
    if not isinstance(files, list) or not all(map(_is_listed, files)):
        raise DamagedError(f"{path}: expected a list of files of this folder, got {files!r:.80}")
    return manifest


def readable(root: Root, folder: str, bad: Bad | None = None) -> dict[str, Any] | None:
    """A manifest, or None where it is damaged: one bad folder must not hide the others."""
    try:
        return read_manifest(root, folder)
    except DamagedError as error:
        note(bad, f"{folder}/{MANIFEST}", error)
        return None


def read_record(root: Root, path: str) -> dict[str, Any]:
    """A JSON object; DamagedError where there is another thing, whatever that is."""
    return parse_record(path, read_bytes(root, path))


def read_bytes(root: Root, path: str) -> bytes:
    """A record's bytes; DamagedError where the place is there and can't be read."""
    if not root.is_local:
        seen = objects.see(root.fs, path)
        if seen is None:
            raise FileNotFoundError(path)
        return seen.content
    try:
        with _regular(path) as file:
            content = file.read(MAX_RECORD_BYTES + 1)
    except OSError as error:
        problem = f"expected a file that can be read ({error.strerror})"
        raise DamagedError(f"{path}: {problem}") from error
    if len(content) > MAX_RECORD_BYTES:
        raise DamagedError(f"{path}: expected a record of at most {MAX_RECORD_BYTES:,} bytes")
    return content


@contextlib.contextmanager
def _regular(path: str) -> Iterator[Any]:
    """Open a regular file; anything else is refused, and no pipe's writer is waited for."""
    with open(path, "rb", opener=lambda p, flags: os.open(p, flags | os.O_NONBLOCK)) as file:
        if kind := irregular(os.fstat(file.fileno()).st_mode):
            raise DamagedError(f"{path}: expected a regular file, got {kind}")
        yield file


def parse_record(path: str, content: bytes) -> dict[str, Any]:
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{path}: expected a JSON object, got other text") from error
    if not isinstance(record, dict):
        raise DamagedError(f"{path}: expected a JSON object, got {type(record).__name__}")
    return record


def _is_listed(entry: Any) -> bool:
    """Whether a manifest's entry names a file of its own folder, with a digest."""
    if not isinstance(entry, dict):
        return False
    name, digest = entry.get("path"), entry.get("sha256")
    return isinstance(name, str) and isinstance(digest, str) and name not in ("", "..") and (
        "/" not in name
    )  # fmt: skip


def _digest_of(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def irregular(mode: int) -> str:
    """What a file is other than a regular one, by its mode; an empty text for a regular one."""
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a named pipe",
             stat.S_IFSOCK: "a socket", stat.S_IFREG: ""}  # fmt: skip
    return kinds.get(stat.S_IFMT(mode), "a device or folder")


def create_file(root: Root, path: str, content: bytes) -> None:
    """Write a new file whole or not at all; FileExistsError where there is one.

    In an object store one with the same bytes counts as this one.
    """
    if root.is_local:
        with _temporary(path, content) as written:
            os.link(written, path)
        sync_folder(os.path.dirname(path))
        return
    if objects.put(root.fs, path, content, None) is None:
        raise FileExistsError(path)


def replace_file(root: Root, path: str, content: bytes) -> None:
    """Write a file whole or not at all; readers see the old content or the new."""
    if root.is_local:
        with _temporary(path, content) as written:
            os.replace(written, path)
        sync_folder(os.path.dirname(path))
        return
    root.fs.pipe_file(path, content)


def see_file(root: Root, path: str) -> tuple[bytes | None, str]:
    """A file's bytes (None where there is none) and the tag by which ``swap_file`` knows them."""
    if root.is_local:
        return (read_bytes(root, path) if root.fs.exists(path) else None), ""
    seen = objects.see(root.fs, path)
    return (None, "") if seen is None else (seen.content, seen.tag)


def swap_file(root: Root, path: str, content: bytes, tag: str) -> bool:
    """Replace what was seen under this tag (empty: nothing); False where another was first.

    Locally nobody is first: the caller holds the folder, and can't lose it while it lives.
    """
    if root.is_local:
        replace_file(root, path, content)
        return True
    return objects.put(root.fs, path, content, tag or None) is not None


def sync_folder(folder: str) -> None:
    """Let a folder's names reach the disk, as far as its file system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _temporary(path: str, content: bytes) -> Iterator[str]:
    """A hidden file beside ``path`` with this content, safe on disk."""
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    written = f"{folder}/.{name}.{uuid.uuid4().hex[:8]}"
    try:
        with open(written, "wb") as file:
            with contextlib.suppress(OSError):  # some network file systems lock nothing
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            yield written
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(written)


@contextlib.contextmanager
def staging(root: Root, purpose: str) -> Iterator[str]:
    """A private folder for work in progress; what is not committed by the end is removed."""
    folder = root.join(STAGING, f"{int(time.time())}-{purpose}-{uuid.uuid4().hex[:8]}")
    with contextlib.ExitStack() as stack:
        if root.is_local:
            stack.callback(os.close, _claim(folder))
        stack.callback(_remove, root, folder)
        _own_staging.append((root, folder))
        stack.callback(_own_staging.remove, (root, folder))
        yield folder


_own_staging: list[tuple[Root, str]] = []


def discard_staging() -> None:
    """Remove all work in progress of this process, which is about to end."""
    for root, folder in _own_staging:
        with contextlib.suppress(OSError):
            _remove(root, folder)


def _claim(folder: str) -> int:
    """Create a folder that appears under its name already locked by this process."""
    unlocked = f"{folder}.new"
    os.makedirs(unlocked)
    handle = os.open(unlocked, os.O_RDONLY)
    with contextlib.suppress(OSError):  # some network file systems lock no folders
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.rename(unlocked, folder)
    return handle


def _remove(root: Root, folder: str) -> None:
    if root.fs.exists(folder):
        root.fs.rm(folder, recursive=True)


def commit(root: Root, folder: str, *final: str) -> bool:
    """Move a staged folder with its manifest to its final place; False where that is taken."""
    target = root.join(*final)
    if root.is_local:
        return _commit_local(folder, target)
    if root.fs.exists(f"{target}/{MANIFEST}"):
        return False
    names = [path.rsplit("/", 1)[-1] for path in root.fs.find(folder)]
    for name in names:
        if name != MANIFEST:
            root.fs.cp_file(f"{folder}/{name}", f"{target}/{name}")
    try:
        create_file(root, f"{target}/{MANIFEST}", root.fs.cat_file(f"{folder}/{MANIFEST}"))
    except FileExistsError:
        return False
    return True


def _commit_local(folder: str, target: str) -> bool:
    for name in os.listdir(folder):
        with open(f"{folder}/{name}", "rb") as file:
            os.fsync(file.fileno())
    sync_folder(folder)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    try:
        os.rename(folder, target)
        sync_folder(os.path.dirname(target))
    except OSError:
        if os.path.isdir(target):
            return False
        raise
    return True


def collect_garbage(root: Root) -> list[str]:
    """Remove what killed runs left behind; the work of living processes stays.

    Returns the folders and files that were removed.
    """
    left = [path for path in entries(root, root.join(STAGING)) if _is_abandoned(root, path)]
    left += [path for path in _versions_without_manifest(root) if _may_collect_version(root, path)]
    left += _drafts(root)
    for path in left:
        with contextlib.suppress(FileNotFoundError):
            root.fs.rm(path, recursive=True)
    return left


def _drafts(root: Root) -> list[str]:
    """Files that were being written beside their place when their process was killed."""
    if not root.is_local:
        return []
    found = (path for place in DRAFTED for path in
             glob.glob(os.path.join(glob.escape(root.path), place, ".*")))  # fmt: skip
    return [path for path in found if _DRAFT.fullmatch(os.path.basename(path)) and _is_left(path)]


def _is_left(path: str) -> bool:
    """Whether nobody writes a file any more: its writer holds it locked from the first byte on."""
    try:
        if time.time() - os.lstat(path).st_mtime < DRAFT_AGE_S:
            return False
        with open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def entries(root: Root, folder: str) -> list[str]:
    """Paths in a folder, hidden ones too; empty where there is no such folder."""
    try:
        found = [path.rstrip("/") for path in root.fs.ls(folder, detail=False)]
    except FileNotFoundError:
        return []
    return [path for path in found if path != folder]


def _versions_without_manifest(root: Root) -> Iterator[str]:
    digest = r"[0-9a-f]{16}"
    entry = r"\d{8}T.*"
    kinds = {"datasets": digest, "models": r"v\d+", "studies": digest, "searches": digest,
             "retrainings": entry}  # fmt: skip
    for kind, pattern in kinds.items():
        for name in root.names(kind):
            for version in root.names(kind, name):
                if re.fullmatch(pattern, version) and not root.exists(
                    kind, name, version, MANIFEST
                ):
                    yield root.join(kind, name, version)


def _is_abandoned(root: Root, path: str) -> bool:
    if not root.is_local or path.endswith(".new"):
        return _age_s(path) > LEFTOVER_AGE_S
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False
    except OSError:
        return _age_s(path) > LEFTOVER_AGE_S
    finally:
        os.close(handle)


def _age_s(staged: str) -> float:
    began = re.match(r"\d+", staged.rsplit("/", 1)[-1])
    return time.time() - int(began.group()) if began else 0.0


def _may_collect_version(root: Root, path: str) -> bool:
    """Locally a version appears by one rename; elsewhere a writer may still be copying."""
    if root.is_local:
        return True
    ages = [time.time() - root.fs.modified(file).timestamp() for file in root.fs.find(path)]
    return bool(ages) and min(ages) > LEFTOVER_AGE_S
