"""The storage tree: its location, and how its files and manifests are read and written."""

import contextlib
import difflib
import hashlib
import json
import os
import re
import stat
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from seqclass.store import objects
from seqclass.store.manifests import FileEntry
from seqclass.store.validation import problem_of

CHECKOUT = Path(__file__).parents[2]
DEFAULT_ROOT = (
    CHECKOUT / "storage" / "artifacts"
    if (CHECKOUT / "prefect.yaml").is_file()
    else Path("seqclass-store")
)
"""The checkout's folder ``storage/artifacts``; of an installed package, a folder in the current
one."""
MANIFEST = "manifest.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Root:
    """A storage root: an fsspec file system and the folder in it."""

    fs: fsspec.AbstractFileSystem
    path: str
    url: str

    def join(self, *parts: str) -> str:
        """Return the path of a place in the tree."""
        return "/".join([self.path, *parts])

    def address(self, path: str) -> str:
        """Return a path as people name it: one in this bucket with its ``s3://``, others as is."""
        below = path.removeprefix(f"{self.path}/")
        return path if below == path else f"{self.url.rstrip('/')}/{below}"

    def parts_of(self, path: str) -> list[str]:
        """Return the folders that lead from the root to a path that ``join`` made."""
        return path.removeprefix(f"{self.path}/").split("/")

    @property
    def is_local(self) -> bool:
        """True for a folder of this machine, where files can be renamed and locked."""
        return isinstance(self.fs, LocalFileSystem)

    def exists(self, *parts: str) -> bool:
        """Check whether there is a file or a folder at a place in the tree.

        Also true if this account may not look there: such a place is damaged, not empty.
        """
        if not self.is_local:
            return self.fs.exists(self.join(*parts))
        try:
            os.stat(self.join(*parts))
        except OSError as error:
            return isinstance(error, PermissionError)
        return True

    def names(self, *parts: str) -> list[str]:
        """Return the visible entries of a folder, sorted; empty if there is no such folder."""
        names = (path.rpartition("/")[2] for path in entries(self, self.join(*parts)))
        return sorted(name for name in names if not name.startswith("."))

    def sealed_names(self, *parts: str) -> list[str]:
        """Return the folders in a folder that have a manifest, sorted.

        An object store is asked for all files at once, since each question takes its time.
        """
        if self.is_local:
            return [name for name in self.names(*parts) if self.exists(*parts, name, MANIFEST)]
        below = [self.parts_of(path)[len(parts) :] for path in self.fs.find(self.join(*parts))]
        return sorted(p[0] for p in below if p[1:] == [MANIFEST] and not p[0].startswith("."))


def open_root(url: str | os.PathLike[str] | None = None) -> Root:
    """Open a root by path or URL; the default is ``SEQCLASS_STORAGE``, else ``DEFAULT_ROOT``."""
    url = str(url or os.environ.get("SEQCLASS_STORAGE") or DEFAULT_ROOT)
    if "://" not in url:
        path = os.path.abspath(url)
        return Root(LocalFileSystem(), path, path)
    try:
        fs, path = fsspec.url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise ValueError(
            f"storage root: expected a folder or a URL that fsspec can open, got {url!r} "
            f"({error}); install that file system or choose another root"
        ) from error
    return Root(fs, path.rstrip("/"), url)


def is_name(name: str) -> bool:
    """Check whether a text can name a folder of the tree, on every file system."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str, argument: str = "--name") -> str:
    """Return the name; ValueError, which names ``argument``, if it is not allowed."""
    if not is_name(name):
        raise ValueError(
            f"{argument}: expected 1 to 64 letters, digits, dots, dashes or underscores, "
            f"beginning with a letter or digit, got {name!r}; choose such a name"
        )
    return name


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """Return "did you mean" for a message, with a blank at the end, if a candidate is similar."""
    close = difflib.get_close_matches(name, set(candidates) - {name}, 1)
    return f"did you mean {close[0]!r}? " if close else ""


def no_such(root: Root, kind: str, ref: str, choices: Iterable[str]) -> ValueError:
    """Return the refusal of a reference to no dataset or model (``kind``, in the plural)."""
    every = ", ".join(choices) or f"the {kind} in {root.url}, which has none (--root names another)"
    meant = did_you_mean(ref.removeprefix(f"{kind}/").partition("@")[0], root.names(kind))
    argument = kind.removesuffix("s").upper()
    return ValueError(
        f"{argument}: expected one of {every}, got {ref!r}; {meant}'seqclass {kind}' lists them"
    )


def printable(text: str, longest: int = 400) -> str:
    """Shorten a text for a message, and remove characters that control a terminal."""
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return plain if len(plain) <= longest else f"{plain[:longest]}…"


class DamagedError(ValueError):
    """A stored file is missing, or its content is not what its manifest says."""


Record = dict[str, Any]
"""A JSON object of any content."""
Typed = TypeVar("Typed")
"""A record whose keys a ``TypedDict`` declares."""
Damages = list[dict[str, str]]
"""Items that were left out of a list, each with ``path`` and ``problem``."""


def note(bad: Damages | None, path: str, error: Exception) -> None:
    """Add a damaged item to ``bad``, if there is such a list."""
    if bad is not None:
        bad.append({"path": path, "problem": str(error)})


def sha256_of(root: Root, path: str) -> str:
    """Return the hexadecimal digest of a file's content."""
    with _regular(path) if root.is_local else root.fs.open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_file(root: Root, folder: str, name: str) -> FileEntry:
    """Return a manifest's entry for a file: its name, digest and size."""
    path = f"{folder}/{name}"
    return {"path": name, "sha256": sha256_of(root, path), "bytes": root.fs.size(path)}


def describe_folder(root: Root, folder: str) -> list[FileEntry]:
    """Return a manifest's entries for a folder's files, sorted by name."""
    names = sorted(path.rpartition("/")[2] for path in root.fs.find(folder))
    return [describe_file(root, folder, name) for name in names]


def check_file(root: Root, folder: str, entry: FileEntry) -> str:
    """Return the path of a manifest's file after comparing its digest."""
    path = f"{folder}/{entry['path']}"
    if not root.fs.isfile(path):
        raise DamagedError(f"{path}: expected a file named by the manifest, it is missing")
    try:
        is_whole = root.fs.size(path) == entry["bytes"]
        digest = sha256_of(root, path) if is_whole else "of another length"
    except PermissionError as error:
        raise DamagedError(
            f"{path}: expected a file that can be read ({error.strerror})"
        ) from error
    if digest != entry["sha256"]:
        raise DamagedError(_altered(path, entry))
    return path


def read_checked(root: Root, folder: str, entry: FileEntry) -> bytes:
    """Return the content of a manifest's file, read once, after comparing its digest."""
    path = f"{folder}/{entry['path']}"
    content = read_bytes(root, path)
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise DamagedError(_altered(path, entry))
    return content


def _altered(path: str, entry: FileEntry) -> str:
    return (
        f"{path}: expected SHA-256 {entry['sha256'][:12]}…, the content differs; "
        "restore the file or make the version again"
    )


def write_manifest(root: Root, folder: str, manifest: Mapping[str, Any]) -> str:
    """Create a folder's manifest, once, with a digest of itself; returns that of the file."""
    sealed = {**manifest, "manifest_sha256": manifest_digest(manifest)}
    content = json.dumps(sealed, indent=2, ensure_ascii=False).encode()
    if len(content) > objects.MAX_RECORD_BYTES:
        raise ValueError(
            f"{MANIFEST}: expected at most {objects.MAX_RECORD_BYTES:,} bytes, got "
            f"{len(content):,}; use fewer files, classes or channels, or shorter names"
        )
    create_file(root, f"{folder}/{MANIFEST}", content)
    return hashlib.sha256(content).hexdigest()


def read_manifest(root: Root, folder: str, kind: type[Typed]) -> Typed:
    """Read a folder's manifest; DamagedError if it was changed, or is none of this type."""
    path = f"{folder}/{MANIFEST}"
    check_unlinked(root, folder)
    manifest = read_record(root, path, Record)
    try:
        altered = manifest.pop("manifest_sha256", None) != manifest_digest(manifest)
    except RecursionError:
        altered = True
    if altered:
        raise DamagedError(f"{path}: expected the manifest as it was written, it was altered")
    checked = _checked(path, manifest, kind)
    for name in (entry["path"] for entry in manifest["files"]):
        if name in ("", "..") or "/" in name:
            raise DamagedError(f"{path}: expected files of this folder, got {name!r:.80}")
    version = folder.rpartition("/")[2]
    if manifest.get("version", version) != version:
        raise DamagedError(f"{path}: expected version {version}, got {manifest['version']!r:.40}")
    return checked


def check_unlinked(root: Root, folder: str) -> None:
    """Refuse with DamagedError a folder of the root that is reached by a symbolic link."""
    parts = root.parts_of(folder) if root.is_local else []
    for depth in range(2, len(parts) + 1):
        if os.path.islink(root.join(*parts[:depth])):
            raise DamagedError(
                f"{root.join(*parts[:depth])}: expected a folder, got a symbolic link; put the "
                "folder itself there"
            )


def readable(
    root: Root, folder: str, kind: type[Typed], bad: Damages | None = None
) -> Typed | None:
    """Read a manifest; None if it is damaged, so that one bad folder does not hide the others."""
    try:
        return read_manifest(root, folder, kind)
    except DamagedError as error:
        note(bad, f"{folder}/{MANIFEST}", error)
        return None


def read_record(root: Root, path: str, kind: type[Typed]) -> Typed:
    """Read a record; DamagedError if it is none of this type."""
    return parse_record(path, read_bytes(root, path), kind)


def read_bytes(root: Root, path: str) -> bytes:
    """Read a record's bytes; DamagedError if there is none, or it can't be read."""
    content, most = _content(root, path), objects.MAX_RECORD_BYTES
    if len(content) > most:
        raise DamagedError(f"{path}: expected a record of at most {most:,} bytes")
    return content


def _content(root: Root, path: str) -> bytes:
    """Read a file's bytes; of a file too large for a record, a few more than the limit."""
    if not root.is_local:
        if (content := objects.read(root.fs, path)) is not None:
            return content
        raise DamagedError(f"{path}: expected a file that can be read (there is none)")
    try:
        with _regular(path) as file:
            return cast(bytes, file.read(objects.MAX_RECORD_BYTES + 1))
    except OSError as error:
        problem = f"expected a file that can be read ({error.strerror})"
        raise DamagedError(f"{path}: {problem}") from error


@contextlib.contextmanager
def _regular(path: str) -> Iterator[Any]:
    """Open a regular file; anything else is refused, without waiting for the writer of a pipe."""
    if os.path.islink(path):
        raise DamagedError(f"{path}: expected a regular file, got a symbolic link")
    with open(path, "rb", opener=lambda p, flags: os.open(p, flags | os.O_NONBLOCK)) as file:
        if kind := irregular(os.fstat(file.fileno()).st_mode):
            raise DamagedError(f"{path}: expected a regular file, got {kind}")
        yield file


def parse_record(path: str, content: bytes, kind: type[Typed]) -> Typed:
    """Parse the record in ``content``; DamagedError if it is none of this type."""
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"{path}: expected a JSON object, got other text") from error
    if not isinstance(record, dict):
        raise DamagedError(f"{path}: expected a JSON object, got {type(record).__name__}")
    return _checked(path, record, kind)


def _checked(path: str, record: Record, kind: type[Typed]) -> Typed:
    """Return the record that was read from a path; DamagedError if it is none of this type."""
    if problem := problem_of(record, kind):
        raise DamagedError(f"{path}: {problem}; restore the file from a copy")
    return cast(Typed, record)


def manifest_digest(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a manifest's content, which its file carries as ``manifest_sha256``."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def irregular(mode: int) -> str:
    """Return the kind of an irregular file by its mode; an empty text for a regular one."""
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFIFO: "a named pipe",
             stat.S_IFSOCK: "a socket", stat.S_IFREG: ""}  # fmt: skip
    return kinds.get(stat.S_IFMT(mode), "a device or folder")


def create_file(root: Root, path: str, content: bytes) -> None:
    """Write a new file whole or not at all; FileExistsError if there is one.

    In an object store an existing file with the same bytes counts as this one.
    """
    if root.is_local:
        with _temporary(path, content) as written:
            os.link(written, path)
        sync_folder(os.path.dirname(path))
        return
    if not objects.create(root.fs, path, content):
        raise FileExistsError(path)


def replace_file(root: Root, path: str, content: bytes, durable: bool = True) -> None:
    """Write a file whole or not at all; readers see the old content or the new.

    If it is not ``durable``, a power failure may lose it: it can be made again.
    """
    if root.is_local:
        with _temporary(path, content, durable) as written:
            os.replace(written, path)
        if durable:
            sync_folder(os.path.dirname(path))
        return
    root.fs.pipe_file(path, content)


def remove_file(root: Root, path: str) -> None:
    """Remove a file or folder, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        root.fs.rm(path, recursive=True)


def sync_folder(folder: str) -> None:
    """Synchronise a folder's names to disk, as far as its file system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def _temporary(path: str, content: bytes, durable: bool = True) -> Iterator[str]:
    """Provide a hidden file beside ``path`` with this content, synchronised if ``durable``."""
    folder, name = os.path.split(path)
    os.makedirs(folder, exist_ok=True)
    written = f"{folder}/.{name}.{uuid.uuid4().hex[:8]}"
    try:
        with open(written, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
            yield written
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(written)


def entries(root: Root, folder: str) -> list[str]:
    """Return paths in a folder, including hidden ones; empty if there is no such folder."""
    try:
        paths = [path.rstrip("/") for path in root.fs.ls(folder, detail=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [path for path in paths if path != folder]
