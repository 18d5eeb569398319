"""Whatever of a root is lost, changed or linked away is named, and no command makes it worse."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from seqclass.pipeline.promote import promote_version
from seqclass.store.catalogue import verify_tree
from seqclass.store.layout import AGAIN, KEPT, SEALED, is_sealed, place_of
from seqclass.store.registry import champion_of
from seqclass.store.root import DamagedError, Root, open_root
from tests.support.small_roots import store_all
from tests.support.store_commands import COMMANDS, LATER, SLOW_COMMANDS


def lose(path: Path, aside: Path) -> None:
    path.rename(aside)


def link_away(path: Path, aside: Path) -> None:
    path.rename(aside)
    path.symlink_to(aside)


def replace(path: Path, aside: Path) -> None:
    """A file by another of the same length, a folder by an empty one."""
    path.rename(aside)
    if aside.is_dir():
        path.mkdir()
    else:
        path.write_bytes(bytes(aside.stat().st_size))


def exchange(path: Path, aside: Path) -> None:
    """A file by a folder, and a folder by a file."""
    path.rename(aside)
    if aside.is_dir():
        path.write_bytes(b"x")
    else:
        path.mkdir()


def edit(path: Path, aside: Path) -> None:
    """A byte in the middle of a file, or in every file of a folder."""
    for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
        content = bytearray(file.read_bytes())
        if content:
            content[len(content) // 2] ^= 1
            file.write_bytes(content)


def cut(path: Path, aside: Path) -> None:
    """The second half of a file, or one file of a folder."""
    if path.is_file():
        os.truncate(path, path.stat().st_size // 2)
    else:
        files = (p for p in sorted(path.rglob("*")) if p.is_file())
        next(p for p in files if not p.name.endswith(".lock")).unlink()


Commands = Mapping[str, Callable[[Root], object]]
DAMAGES = (lose, link_away, replace, exchange, edit, cut)
EVERY = bool(os.environ.get("SEQCLASS_CHAOS"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = open_root(tmp_path_factory.mktemp("whole") / "tree")
    store_all(root)
    assert verify_tree(root)["bad"] == []
    return Path(root.path)


def excepted(parts: tuple[str, ...]) -> bool:
    """Pages that a command draws again, and locks."""
    place = place_of(parts)
    return (
        parts[0] == ".staging"
        or (parts[-1].startswith(".") and place is None)
        or (place is not None and place.how == AGAIN)
    )


def places(tree: Path) -> list[tuple[str, ...]]:
    paths = (path.relative_to(tree).parts for path in sorted(tree.rglob("*")))
    return [parts for parts in paths if not excepted(parts)]


def is_unchecked(parts: tuple[str, ...], tree: Path) -> bool:
    """Records without a manifest, whole folders but those of versions, a log's newest entry, and
    the folders above: docs/guarantees.md promises nothing about them."""
    place = place_of(parts)
    if place is None:
        return not any(is_sealed(parts[:depth]) for depth in range(1, len(parts)))
    if place.how == SEALED:
        return parts[0] not in ("models", "datasets")
    newest = max(tree.joinpath("log").rglob("*.json"))
    return place.how == KEPT or tree.joinpath(*parts) == newest


@contextlib.contextmanager
def damaged(whole: Path, folder: Path, parts: tuple[str, ...], damage: Callable) -> Iterator[Root]:
    tree, aside = folder / "tree", folder / "aside"
    shutil.copytree(whole, tree)
    damage(tree.joinpath(*parts), aside)
    yield open_root(tree)
    shutil.rmtree(tree)
    if aside.is_dir():
        shutil.rmtree(aside)
    aside.unlink(missing_ok=True)


def test_each_damage_of_what_a_manifest_or_a_log_names_is_named(
    whole: Path, tmp_path: Path
) -> None:
    """Every place is damaged in one way; in all of them with SEQCLASS_CHAOS."""
    unnamed = []
    for number, parts in enumerate(p for p in places(whole) if not is_unchecked(p, whole)):
        for damage in DAMAGES if EVERY else DAMAGES[number % len(DAMAGES) :][:1]:
            with damaged(whole, tmp_path, parts, damage) as root:
                if not verify_tree(root)["bad"]:
                    unnamed.append((damage.__name__, "/".join(parts)))
    assert unnamed == []


def kept_files(root: Root) -> dict[tuple[str, ...], bytes]:
    """Sealed files and entries of the log, which nothing may change."""
    files = {}
    for path in Path(root.path).rglob("*"):
        parts = path.relative_to(root.path).parts
        homes = [place_of(parts[:depth]) for depth in range(1, len(parts) + 1)]
        is_kept = any(p and (p.how == SEALED or "log/models" in p.path) for p in homes)
        if is_kept and path.is_file() and path.name != "report.html":
            files[parts] = path.read_bytes()
    return files


def bad_paths(root: Root) -> set[str]:
    return {item["path"].removeprefix(root.path) for item in verify_tree(root)["bad"]}


def worsened(
    whole: Path, folder: Path, damage: Callable, where: list, commands: Commands = COMMANDS
) -> list[tuple]:
    """Damages that commands, one after the other, made worse: one changed what was sealed, or has
    more named.

    where: the places that are damaged, one at a time.
    """
    with damaged(whole, folder, (), lambda *_: None) as root:
        seen = {*kept_files(root)}
        for command in commands.values():
            command(root)
            seen |= kept_files(root).keys()
        free = seen - kept_files(root).keys()
        assert verify_tree(root)["bad"] == []
    worse = []
    for parts in where:
        with damaged(whole, folder, parts, damage) as root:
            before, named = kept_files(root), bad_paths(root)
            for command in commands.values():
                with contextlib.suppress(ValueError, OSError):
                    command(root)
            after, more = kept_files(root), bad_paths(root) - named
            lost = [p for p in before if before[p] != after.get(p) and p not in free]
            if lost or more:
                worse.append(("/".join(parts), lost, more))
    return worse


@pytest.mark.system
@pytest.mark.timeout(900)
@pytest.mark.parametrize("damage", DAMAGES)
def test_no_command_makes_any_damage_worse(whole: Path, tmp_path: Path, damage: Callable) -> None:
    """Of every twelfth place, others for each damage; of every place with SEQCLASS_CHAOS."""
    where = places(whole)[DAMAGES.index(damage) :: 1 if EVERY else 12]
    assert worsened(whole, tmp_path, damage, where) == []
    assert worsened(whole, tmp_path, damage, where[::3], SLOW_COMMANDS) == []


def test_what_was_done_is_not_done_over_a_damage(whole: Path, tmp_path: Path) -> None:
    """Of scores and labels that the same commands have sealed."""
    again = {name: COMMANDS[name] for name in ("score", "label")}
    used = Path(shutil.copytree(whole, tmp_path / "used"))
    for command in again.values():
        command(open_root(used))
    added = {*places(used)} - {*places(whole)}
    where = [parts for parts in added if parts[0] in ("scores", "labels")]
    assert len(where) > 6
    assert worsened(used, tmp_path, edit, where, again) == []


@pytest.mark.parametrize("name", ["score", "label"])
def test_nothing_is_sealed_behind_a_link(whole: Path, tmp_path: Path, name: str) -> None:
    place = {"score": ("scores", "m"), "label": ("labels", "m")}[name]
    with damaged(whole, tmp_path, place, link_away) as root:
        before = sorted((tmp_path / "aside").rglob("*"))
        with pytest.raises(DamagedError, match="expected a folder, got a symbolic link"):
            COMMANDS[name](root)
        assert sorted((tmp_path / "aside").rglob("*")) == before


def test_no_champion_moves_to_a_link(whole: Path, tmp_path: Path) -> None:
    with damaged(whole, tmp_path, ("models", "m", "v1"), link_away) as root:
        with pytest.raises(DamagedError, match="expected a folder, got a symbolic link"):
            promote_version(root, "m@v1", "why", True, LATER)
        assert champion_of(root, "m") == "v2"
