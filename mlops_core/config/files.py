"""The bundle's files as one mapping, merged as the bundle CLI merges them, with the file that wrote each key."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mlops_core.config.errors import TargetError
from mlops_core.config.yaml_reader import BundleLoader

ROOT_FILE = "databricks.yml"
SUFFIXES = (".yml", ".yaml", ".json")
OVERRIDE_FORMS = (
    *({"default"}, {"default", "type"}, {"default", "description"}, {"default", "type", "description"}),
    *({"lookup"}, {"lookup", "description"}),
)
"""Keys of a target's variable that is written in full; any other mapping is a value."""


@dataclass(frozen=True)
class BundleFiles:
    """`content` is the merged content of all files; `origins` maps a key's path to the file that set it."""

    folder: Path
    content: dict[str, Any] = field(default_factory=dict)
    origins: dict[tuple[str, ...], str] = field(default_factory=dict)

    def where(self, *path: str) -> str:
        """`databricks.yml: targets.dev.variables.catalog`."""
        return f"{self.file_of(*path)}: {'.'.join(path)}"

    def file_of(self, *path: str) -> str:
        """The file that set a key, or else the one of its parent."""
        parents = (path[:length] for length in range(len(path), 0, -1))
        return next((self.origins[parent] for parent in parents if parent in self.origins), ROOT_FILE)

    def mapping(self, *path: str) -> dict[str, Any]:
        """The mapping at a path; an absent or blank one is empty."""
        value: Any = self.content
        for length, key in enumerate(path, 1):
            value = value.get(key)
            if value is None:
                return {}
            if not isinstance(value, dict):
                raise TargetError(f"{self.where(*path[:length])} is {value!r}, but it should be a mapping.")
        return value

    def add(self, file: str, content: dict[str, Any]) -> None:
        """Merge a further file: mappings are merged, lists joined, other values overridden by the later file."""
        self._merge(self.content, content, file, ())

    def _merge(self, held: dict[str, Any], given: dict[str, Any], file: str, above: tuple[str, ...]) -> None:
        for key, value in given.items():
            path, before = (*above, key), held.get(key)
            if value is None or (before is not None and _kind(before) != _kind(value)):
                if value is not None:
                    other = self.file_of(*path)
                    raise TargetError(f"{file}: {'.'.join(path)} is {value!r}, but {other} has {before!r}: keep one.")
                held.setdefault(key, None)
                self.origins.setdefault(path, file)
            elif isinstance(value, dict):
                held[key] = before or {}
                self.origins.setdefault(path, file)
                self._merge(held[key], value, file, path)
            else:
                held[key] = [*(before or ()), *value] if isinstance(value, list) else value
                self.origins[path] = file


def _kind(value: Any) -> type:
    return next((kind for kind in (dict, list) if isinstance(value, kind)), object)


def read_files(folder: Path) -> BundleFiles:
    """The bundle in `folder`: databricks.yml and the files that it includes.

    Raises:
        TargetError: a file is missing or malformed, or two contradict each other.
    """
    files = BundleFiles(folder)
    files.add(ROOT_FILE, read_file(folder, ROOT_FILE))
    for file in _included(files):
        files.add(file, read_file(folder, file))
    return files


def _included(files: BundleFiles) -> Iterator[str]:
    """Patterns are Go's: `**` is no more than `*`. One that matches nothing is fine, a plain name must be there."""
    patterns = files.content.get("include") or []
    if not isinstance(patterns, list):
        raise TargetError(f"{ROOT_FILE}: include is {patterns!r}, but it should be a list of patterns.")
    seen = {ROOT_FILE}
    for pattern in map(str, patterns):
        found = glob.glob(pattern.replace("[^", "[!"), root_dir=files.folder, include_hidden=True)  # noqa: PTH207
        if not found and not glob.has_magic(pattern):
            raise TargetError(f"{ROOT_FILE}: include has {pattern}, but no file of {files.folder} matches it.")
        for file in sorted({Path(name).as_posix() for name in found} - seen):
            if not file.endswith(SUFFIXES):
                raise TargetError(f"{ROOT_FILE}: include has {file}, which is neither YAML nor JSON: narrow {pattern}.")
            seen.add(file)
            yield file


def read_file(folder: Path, file: str) -> dict[str, Any]:
    """One file of the bundle in `folder`.

    Raises:
        TargetError: it can't be read, or is malformed.
    """
    try:
        content = yaml.load((folder / file).read_bytes(), BundleLoader)  # noqa: S506 - it is a safe loader
    except OSError as error:
        raise TargetError(f"{file} can't be read from {folder}: {error.strerror}.") from error
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}," if error.problem_mark else ""
        raise TargetError(f"{file}{line} is not valid YAML: {error.problem}.") from None
    except yaml.YAMLError as error:
        raise TargetError(f"{file} is not valid YAML: {' '.join(str(error).split())}.") from None
    except RecursionError:
        raise TargetError(f"{file} is nested too deeply, or an alias of it holds itself: write it flat.") from None
    if not isinstance(content, dict | None):
        raise TargetError(f"{file} is {content!r}, but it should be a mapping.")
    return _with_full_overrides(content or {})


def _with_full_overrides(content: dict[str, Any]) -> dict[str, Any]:
    """`content` whose targets state every variable in full, so that short and full forms merge."""
    targets = content.get("targets")
    if not isinstance(targets, dict):
        return content
    return content | {"targets": {name: _in_full(section) for name, section in targets.items()}}


def _in_full(section: Any) -> Any:
    if not isinstance(section, dict) or not isinstance(section.get("variables"), dict):
        return section
    variables = {
        name: value if value is None or _is_full(value) else {"default": value}
        for name, value in section["variables"].items()
    }
    return section | {"variables": variables}


def _is_full(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() in OVERRIDE_FORMS
