"""The house: which package may import which, and what no file may do."""

import ast
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from seqclass.export import standalone
from tests.support.commands import in_python
from tests.support.places import REPOSITORY

SEQCLASS = {
    "series": "",
    "plugins": "",
    "store": "series plugins",
    "synthesis": "",
    "generators": "plugins store synthesis",
    "networks": "series",
    "evaluation": "series",
    "settings_files": "",
    "runtime": "networks",
    "workers": "runtime settings_files store networks training",
    "training": "networks evaluation series",
    "monitoring": "training evaluation series",
    "policies": "store monitoring training row_split",
    "row_split": "store training evaluation auxiliary_rows",
    "auxiliary_rows": "store training",
    "stored_records": "store evaluation monitoring row_split",
    "screening": "store evaluation series",
    "inference": "store networks evaluation runtime series monitoring row_split",
    "serving": "inference store evaluation runtime series",
    "network_process": "workers runtime store inference networks evaluation training series",
    "export": "store inference runtime series network_process",
    "labelling": "store screening inference monitoring evaluation",
    "pages": "store monitoring evaluation labelling auxiliary_rows stored_records",
    "ragas": "store synthesis generators evaluation inference pages plugins pipeline row_split "
    "runtime workers series networks",
    "bars": "workers",
    "pipeline": "store screening labelling pages plugins generators bars evaluation inference "
    "monitoring training networks row_split auxiliary_rows stored_records workers runtime policies "
    "export series",
}
"""Rooms of the library, and what each may import beside itself."""
STAGES = ["compute", "events", "data", "training", "scoring"]
"""Rooms of tasks: each may import those before it, and the library."""
PURE = {
    f"seqclass.{room}" for room in ("networks", "training", "evaluation", "monitoring", "synthesis")
}
WORLD = {"prefect", "os", "pathlib", "time", "datetime", "random", "fsspec", "pyarrow"}
TIMED = {"seqclass.training.replica", "seqclass.training.members", "seqclass.networks.recurrence"}
"""They tell how long a fit took, or how threads wait. Nothing else depends on it."""
TOP = ("seqclass", "tasks", "flows")
SOURCES = [path for top in TOP for path in sorted((REPOSITORY / top).rglob("*.py"))]
PREFECT = ("seqclass.flows", "seqclass.tasks")
"""The layers above the library."""
COMMANDS = {
    f"seqclass.ragas.{name}" for name in ("commands", "recording_options", "voting_commands")
}
"""Commands of a plug-in: they use what ``seqclass.flows.cli`` has for all commands."""
PLUGINS = {"seqclass.ragas"}
LIBRARY = {f"seqclass.{room}" for room in SEQCLASS} - PLUGINS
TASKS = {f"seqclass.tasks.{stage}" for stage in STAGES}
ALLOWED = {
    **{
        f"seqclass.{room}": {f"seqclass.{name}" for name in own.split()}
        for room, own in SEQCLASS.items()
    },
    "seqclass": LIBRARY,
    **{
        f"seqclass.tasks.{stage}": LIBRARY | {f"seqclass.tasks.{name}" for name in STAGES[:at]}
        for at, stage in enumerate(STAGES)
    },
    "seqclass.tasks": set(),
    "seqclass.flows": LIBRARY | TASKS,
    "seqclass.flows.service": {"seqclass.settings_files", "seqclass.store", "seqclass.flows"},
    "seqclass.flows.cli": LIBRARY | TASKS | {"seqclass.flows", "seqclass.flows.service"},
    "seqclass.flows.__main__": {
        "seqclass.flows.cli",
        "seqclass.settings_files",
        "seqclass.plugins",
    },
    "seqclass.ragas.voting_commands": LIBRARY | PLUGINS | {"seqclass.flows.cli"},
    "seqclass.ragas.commands": LIBRARY
    | PLUGINS
    | {"seqclass.flows.cli", "seqclass.ragas.recording_options", "seqclass.ragas.voting_commands"},
    "seqclass.ragas.recording_options": LIBRARY | {"seqclass.flows.cli"},
}
"""Every room, and the rooms that it may import beside itself."""


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
    return name if name.startswith("seqclass") else f"seqclass.{name}"


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports_of(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@cache
def imports() -> dict[str, set[str]]:
    """The names that each module imports."""
    return {module_of(path): imports_of(path) for path in SOURCES}


def room_of(module: str) -> str:
    """The longest part of a module's name that is a room."""
    parts = module.split(".")
    return next(name for n in range(len(parts), 0, -1) if (name := ".".join(parts[:n])) in ALLOWED)


def test_imports_follow_the_arrows() -> None:
    for module, names in imports().items():
        room = room_of(module)
        rooms = {room_of(name) for name in names if name.partition(".")[0] == "seqclass"}
        assert rooms <= ALLOWED[room] | {room}, module


def test_every_module_has_one_name() -> None:
    """By the names of their folders, modules would be loaded once more, and their classes twice."""
    folders = [REPOSITORY / name for name in (*TOP, "tests", "benchmarks", "docs")]
    imported = {path: imports_of(path) for top in folders for path in top.rglob("*.py")}
    assert [
        path for path, names in imported.items()
        if {name.partition(".")[0] for name in names} & {"flows", "tasks"}
    ] == []  # fmt: skip


def test_nothing_imports_a_plug_in() -> None:
    """Its parts enter by the entry point that names its ``Plugin``."""
    inside = tuple(PLUGINS)
    names = {m: imported for m, imported in imports().items() if not m.startswith(inside)}
    assert [
        m for m, imported in names.items() if any(name.startswith(inside) for name in imported)
    ] == []


def test_every_module_has_a_room_and_every_room_modules() -> None:
    assert {room_of(module) for module in imports()} == set(ALLOWED)
    loose = [module for module in imports() if room_of(module) == "seqclass.tasks"]
    assert loose == ["seqclass.tasks.__init__"]


def test_arrows_make_no_circle() -> None:
    left = {room: set(rooms) for room, rooms in ALLOWED.items()}
    while left:
        ends = {room for room, rooms in left.items() if not rooms & left.keys()}
        assert ends, left
        left = {room: rooms for room, rooms in left.items() if room not in ends}


def test_pure_rooms_know_no_world() -> None:
    for module, names in imports().items():
        if room_of(module) in PURE:
            world = {name.partition(".")[0] for name in names} & WORLD
            assert world <= ({"time"} if module in TIMED else set()), module


def test_every_module_is_reached_from_a_test_a_deployment_or_a_plug_in() -> None:
    modules = {module for module in imports() if not module.endswith("__init__")}

    def of(names: Iterable[str]) -> set[str]:
        return modules & {part for name in names for part in (name, name.rpartition(".")[0])}

    named = ("pyproject.toml", "prefect.yaml", "seqclass/plugins.py", "seqclass/ragas/plugin.py")
    texts = [(REPOSITORY / path).read_text() for path in named]
    left = {name for path in (REPOSITORY / "tests").rglob("*.py") for name in of(imports_of(path))}
    left |= of(re.findall(r"seqclass[.\w]+", "\n".join(texts)))
    reached = set[str]()
    while left:
        reached.add(module := left.pop())
        left |= of(imports()[module]) - reached
    assert modules - reached == set()


def test_no_module_hides_another() -> None:
    names = {path.stem for path in SOURCES} - {"__init__", "__main__"}
    assert not names & sys.stdlib_module_names
    assert not names & {"utils", "config", "core", "helpers", "common"}


def layer_of(module: str) -> str:
    if module.startswith("seqclass.flows.cli") or module in COMMANDS:
        return "commands"
    return next((layer for layer in PREFECT if module.startswith(layer)), "library")


def test_no_public_name_is_in_two_modules_of_a_layer() -> None:
    """A command, its flow, its task and its step may share one."""
    places = defaultdict(list)
    alone = Path(standalone.__file__)  # goes into exports
    for path in set(SOURCES) - {alone}:
        layer, kinds = layer_of(module_of(path)), (ast.ClassDef, ast.FunctionDef)
        for node in tree_of(path).body:
            if isinstance(node, kinds) and not node.name.startswith("_") and node.name != "main":
                places[layer, node.name].append(str(path))
    twice = {name: paths for name, paths in places.items() if len(paths) > 1}
    assert twice == {}


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    names = [alias.name for alias in node.names]
    return names if isinstance(node, ast.Import) else [node.module or ""]


def test_tensorflow_stays_out_of_imports() -> None:
    for path in SOURCES:
        statements = [n for n in tree_of(path).body if isinstance(n, ast.Import | ast.ImportFrom)]
        top = {name.partition(".")[0] for node in statements for name in _modules(node)}
        if room_of(module_of(path)) not in ("seqclass.networks", "seqclass.training"):
            assert not top & {"tensorflow", "keras"}, path


def test_flows_and_tasks_import_nothing_heavy() -> None:
    """Deploying, and a run that trains, draws or hears nothing, needn't wait for it."""
    modules = [name for name in imports() if name.startswith(PREFECT)]
    script = (
        "import importlib, sys\n"
        f"for name in {modules}: importlib.import_module(name)\n"
        "heavy = {'tensorflow', 'keras', 'matplotlib', 'soundfile', 'soxr', 'swift_f0'}\n"
        "print(heavy & set(sys.modules))\n"
    )
    done = in_python(script)
    assert done.stdout == "set()\n", done.stderr


def test_nothing_unsafe_is_loaded() -> None:
    unsafe = re.compile(r"\bpickle\.|allow_pickle=True|safe_mode=False|\beval\(|\bexec\(")
    assert [path for path in SOURCES if unsafe.search(path.read_text())] == []


def test_a_flow_is_a_table_of_contents() -> None:
    for path in SOURCES:
        if path.parts[-2] == "flows" and path.stem != "__main__":
            for node in ast.walk(tree_of(path)):
                if isinstance(node, ast.FunctionDef):
                    assert node.end_lineno is not None
                    assert node.end_lineno - node.lineno < 40, f"{path}: {node.name}"


def test_the_lock_names_no_index() -> None:
    assert "://" not in (REPOSITORY / "requirements.lock").read_text()


def test_the_library_knows_no_prefect_at_any_depth() -> None:
    seen: set[str] = set()
    left = {module for module in imports() if not module.startswith(PREFECT)} - COMMANDS
    while left:
        seen |= left
        names = {name for module in left for name in imports()[module]}
        above = {name for name in names if name.startswith(PREFECT)}
        assert not above | {name for name in names if name.partition(".")[0] == "prefect"}, left
        left = ((names | {name.rpartition(".")[0] for name in names}) & imports().keys()) - seen


def test_no_test_module_imports_another_and_names_are_unique() -> None:
    paths = sorted((REPOSITORY / "tests").rglob("*.py"))
    for path in paths:
        parts = {part for name in imports_of(path) for part in name.split(".")[:-1]}
        assert not {part for part in parts if part == "conftest" or part.startswith("test_")}, path
    names = [path.name for path in paths if path.name.startswith("test_")]
    assert len(set(names)) == len(names)


def test_the_library_works_beside_files_of_the_same_names(tmp_path: Path) -> None:
    """A notebook's folder may hold tasks.py and storage.py; neither Prefect nor TensorFlow is asked
    for before something is trained or loaded."""
    for name in ("tasks.py", "storage.py", "flows.py"):
        (tmp_path / name).write_text("raise AssertionError(__file__)\n")
    script = (
        "import sys, seqclass\n"
        "early = {'prefect', 'tensorflow', 'keras'} & set(sys.modules)\n"
        "store = seqclass.open_store('.')\n"
        "model = seqclass.SequenceClassifier(members=('convolutions',))\n"
        "print(early, store.models(), 'prefect' in sys.modules)\n"
        "import seqclass.flows.__main__, seqclass.flows.upkeep\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    completed = in_python(script, cwd=tmp_path, env=environment)
    assert completed.stdout == "set() [] False\n", completed.stderr


def names_in(tree: ast.Module) -> Iterable[str]:
    """Names of functions, classes, arguments and variables of functions.

    Those of classes may be keys of stored records.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            inner = [each for each in ast.walk(node) if isinstance(each, ast.Name | ast.arg)]
            yield from (each.arg for each in inner if isinstance(each, ast.arg))
            yield from (
                each.id
                for each in inner
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            )


def test_no_name_is_a_word_that_the_glossary_replaces() -> None:
    glossary = (REPOSITORY / "docs" / "glossary.md").read_text().partition("| not | but |")[2]
    rows = [line.split("|")[1] for line in glossary.splitlines() if "|" in line][1:]
    words = {word.strip() for row in rows for word in row.split(",")}
    assert len(words) > 10
    offenders = [
        f"{path.relative_to(REPOSITORY)}: {name}"
        for path in SOURCES
        for name in {path.stem, *names_in(tree_of(path))}
        if name in words
    ]
    assert offenders == []
