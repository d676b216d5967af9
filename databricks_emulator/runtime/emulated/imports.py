"""Which modules a task may import: those of its cluster, never those of the host's project.

The interpreter is the host's, so its packages are there; what the cluster would not have is blocked by name, the
project's own source (the working directory, an editable install) is taken off the path.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from emulated.config import Config


def isolate(config: Config) -> None:
    sys.path[:] = [entry for entry in sys.path if not _is_hidden(entry, config)] + config.modules
    sys.meta_path[:] = [finder for finder in sys.meta_path if "__editable__" not in getattr(finder, "__module__", "")]
    sys.meta_path[:] = [
        Installed(finder, config.blocked, config.installed) if finder is PathFinder else finder
        for finder in sys.meta_path
    ]
    when_imported("importlib.metadata", lambda module: _hide_distributions(module, config))


def when_imported(name: str, change: Callable[[ModuleType], None]) -> None:
    """Have `change` called with the module right after it was imported (at once when it already is)."""
    if name in sys.modules:
        change(sys.modules[name])
    else:
        sys.meta_path.insert(0, _AfterImport(name, change))


def _is_hidden(entry: str, config: Config) -> bool:
    def below(roots: Sequence[str]) -> bool:
        return any(entry == root or entry.startswith(root + "/") for root in roots)

    return entry in ("", ".") or (below(config.hidden) and not below(config.visible))


class Installed:
    """The finder of modules on the path, without those that are installed here and not on the cluster."""

    def __init__(self, finder: Any, names: Sequence[str], folders: Sequence[str]) -> None:
        self._finder, self._names, self._folders = finder, frozenset(names), tuple(folders)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._finder, name)

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        spec = self._finder.find_spec(fullname, path, target)
        parts = fullname.split(".")
        if spec is None or not any(".".join(parts[:length]) in self._names for length in (1, 2)):
            return spec
        places = [spec.origin or "", *(spec.submodule_search_locations or ())]
        return None if any(place.startswith(self._folders) for place in places) else spec


class _AfterImport(importlib.abc.MetaPathFinder):
    """Calls a function once, when a module has been executed."""

    def __init__(self, name: str, change: Callable[[ModuleType], None]) -> None:
        self._name, self._change = name, change

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            self._change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _hide_distributions(metadata: ModuleType, config: Config) -> None:
    """`importlib.metadata` agrees with what can be imported, and with the versions that a test pretends."""
    find = metadata.Distribution.from_name

    def from_name(name: str) -> Any:
        key = name.lower().replace("_", "-").replace(".", "-")
        if key in config.blocked_distributions:
            raise metadata.PackageNotFoundError(name)
        found = find(name)
        if key in config.versions:
            pretended = type(type(found).__name__, (type(found),), {"version": config.versions[key]})
            found.__class__ = pretended
        return found

    metadata.Distribution.from_name = staticmethod(from_name)
