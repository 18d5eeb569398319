"""Parts that packages add: built-in ones and those of plug-ins enter through the same registries.

A plug-in is a package whose metadata have an entry point of the group ``seqclass.plugins``, which
names a ``Plugin``.
"""

import re
from dataclasses import astuple, dataclass
from functools import cache
from importlib import import_module, metadata
from typing import Any

GROUP = "seqclass.plugins"


@dataclass(frozen=True)
class Plugin:
    """Parts of a plug-in, each as ``module:name``; the module is imported when a part is used.

    formats: a tuple of kinds of files (``seqclass.store.formats.file_format.Format``).
    generators: a dict of generators by name (``seqclass.generators.Generator``). commands: a dict
    of tuples of commands by their group of ``seqclass --help``; those of the group ``generate`` are
    below that command, each named ``generate_NAME``. options: a subclass of ``ReadingOptions``
    (``seqclass.flows.cli.option_groups``), whose fields are options of ``import`` and ``inspect``.
    baselines: a function that fits baselines (``seqclass.training.baselines.Fit``).
    """

    formats: str | None = None
    generators: str | None = None
    commands: str | None = None
    options: str | None = None
    baselines: str | None = None


BUILT_IN = Plugin(
    formats="seqclass.store.formats.builtin:FORMATS",
    generators="seqclass.generators:GENERATORS",
    baselines="seqclass.training.baselines:fit_symbols",
)


@cache
def parts(kind: str) -> tuple[Any, ...]:
    """Return the parts of a kind, a field of ``Plugin``: the built-in ones, then each plug-in's.

    ValueError names a plug-in that can't be loaded.
    """
    names = [getattr(plugin, kind) for plugin in (BUILT_IN, *_plugins())]
    return tuple(_load(name) for name in names if name is not None)


@cache
def _plugins() -> tuple[Plugin, ...]:
    entries = sorted(metadata.entry_points(group=GROUP), key=lambda entry: entry.name)
    return tuple(_load(entry.value) for entry in entries)


def _load(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except Exception as error:
        raise ValueError(
            f"plug-in: expected {name} to be there, got {error}; install its package again, or "
            "uninstall it"
        ) from error


@cache
def packages() -> frozenset[str]:
    """Return the first parts of the names of all modules that hold a part of a plug-in."""
    named = [text for plugin in _plugins() for text in astuple(plugin) if text]
    return frozenset(re.split(r"[.:]", text)[0] for text in named)
