"""The house: which package may import which, and what no file may do."""

import ast
import re
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY

PURE = {"tasks.synthesis", "tasks.learning", "tasks.monitoring"}
ALLOWED = {
    "seqclass": {"seqclass", "tasks", "storage"},
    "flows": {"flows", "tasks", "storage"},
    "tasks": {"tasks", "storage"},
    "storage": {"storage"},
}
SOURCES = [
    path for package in ALLOWED for path in sorted((REPOSITORY / package).rglob("*.py"))
    if "artifacts" not in path.parts
]  # fmt: skip
WORLD = {"prefect", "os", "pathlib", "time", "datetime", "random", "fsspec", "pyarrow", "storage"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_imports_follow_the_arrows(path: Path) -> None:
    package = path.relative_to(REPOSITORY).parts[0]
    own = {name for name in imports_of(path) if name.partition(".")[0] in ALLOWED}
    assert {name.partition(".")[0] for name in own} <= ALLOWED[package]


@pytest.mark.parametrize("path", [p for p in SOURCES if "tasks" in p.parts], ids=module_of)
def test_pure_packages_know_neither_prefect_nor_files_nor_each_other(path: Path) -> None:
    own = next((pure for pure in PURE if module_of(path).startswith(pure)), None)
    if own is None:
        return
    for name in imports_of(path):
        # One number leaves: how long a fit took. Nothing depends on it, nor on how threads wait.
        timed = ("tasks.learning.training", "tasks.learning.members", "tasks.learning.recurrence")
        if name == "time" and module_of(path) in timed:
            continue
        assert name.partition(".")[0] not in WORLD, f"{path} imports {name}"
        if name.startswith("tasks."):
            allowed = (own, "tasks.learning") if own == "tasks.monitoring" else (own,)
            assert name.startswith(allowed), f"{path} imports {name}"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_no_module_hides_another(path: Path) -> None:
    if path.stem not in ("__init__", "__main__"):
        assert path.stem not in sys.stdlib_module_names
        assert path.stem not in {"utils", "config", "core", "helpers", "common"}


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    names = [alias.name for alias in node.names]
    return names if isinstance(node, ast.Import) else [node.module or ""]


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_tensorflow_stays_out_of_imports(path: Path) -> None:
    top = {
        name.partition(".")[0]
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in _modules(node)
    }
    if not module_of(path).startswith("tasks.learning"):
        assert not top & {"tensorflow", "keras"}


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_nothing_unsafe_is_loaded(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\bpickle\.|allow_pickle=True|safe_mode=False|\beval\(|\bexec\(", text)


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.parts[-2] == "flows" and p.stem != "__main__"], ids=module_of
)
def test_a_flow_is_a_table_of_contents(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            assert node.end_lineno - node.lineno < 40, node.name


def test_the_lock_names_no_index() -> None:
    assert "://" not in (REPOSITORY / "requirements.lock").read_text()


@pytest.mark.parametrize("path", [p for p in SOURCES if "seqclass" in p.parts[-2:]], ids=module_of)
def test_the_library_knows_no_prefect_at_any_depth(path: Path) -> None:
    seen, left = set(), {path}
    while left:
        seen |= left
        names = {name for one in left for name in imports_of(one)}
        assert not {name for name in names if name.partition(".")[0] in ("prefect", "flows")}
        modules = {module_of(own): own for own in SOURCES}
        ends = names | {name.rpartition(".")[0] for name in names}
        left = {modules[name] for name in ends if name in modules} - seen


def test_the_page_on_the_house_names_files_that_are_there() -> None:
    text = (REPOSITORY / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`([\w/]+\.(?:py|md|j2|yaml))`", text))
    known = {path.name for path in REPOSITORY.rglob("*") if ".venv" not in path.parts}
    assert len(named) > 30
    assert {one for one in named if one.rpartition("/")[2] not in known} == set()
    rooted = {one for one in named if one.startswith(("tasks/", "storage/", "flows/", "tests/"))}
    assert {one for one in rooted if not (REPOSITORY / one).exists()} == set()
