"""Which files set Prefect, Numba and Matplotlib in the processes of this project.

All three read files of the current folder, and that may be a folder of somebody else's data. Such a
file can run code: Prefect's names a configuration of logging, Numba's a cache of compiled code.

As a program, this module is Prefect's command line without those files.
"""

import os
import runpy
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

PREFECT = (sys.executable, "-P", "-m", "seqclass.settings_files")
"""Words of a command of Prefect's that ignores the current folder."""


def profiles_file() -> Path:
    """Return the path of the user's profiles of Prefect."""
    if path := os.environ.get("PREFECT_PROFILES_PATH"):
        return Path(path)
    return Path(os.environ.get("PREFECT_HOME") or Path.home() / ".prefect", "profiles.toml")


def ignore_current_folder() -> None:
    """Let no library that this process imports from now on read settings in the current folder.

    Prefect's then come from the environment and the user's profile only.
    """
    sys.meta_path.insert(0, _Finder)


def _nothing(*_: Any, **__: Any) -> dict[str, Any]:
    return {}


def _restrict_prefect(sources: Any) -> None:
    _replace(sources.FilteredDotEnvSettingsSource, "_read_env_files", _nothing)
    _replace(sources.TomlConfigSettingsSourceBase, "_read_files", _nothing)
    _replace(sources, "_get_profiles_path", profiles_file)


def _replace(owner: Any, name: str, value: Any) -> None:
    """Replace what must exist, so that another release of a library is not used unrestricted."""
    getattr(owner, name)
    setattr(owner, name, value)


def _restrict_numba(config: Any) -> None:
    _replace(config, "_config_fname", os.devnull)
    del config.NUMBA_NUM_THREADS  # else a change of it needs modules that are not there yet
    config._env_reloader.reset()


RESTRICTIONS: dict[str, Callable[[Any], None]] = {
    "prefect.settings.sources": _restrict_prefect,
    "numba.core.config": _restrict_numba,
    "matplotlib": lambda matplotlib: matplotlib.rcdefaults(),
}
"""Modules, and what is done as soon as each is loaded."""


class _Finder(PathFinder):
    """Finder of the modules of ``RESTRICTIONS``."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in RESTRICTIONS:
            return None
        spec = super().find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin)
        return spec


class _Loader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        RESTRICTIONS[module.__name__](module)


if __name__ == "__main__":
    ignore_current_folder()
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)
