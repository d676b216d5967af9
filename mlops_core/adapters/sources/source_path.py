"""Resolving a user's path to a path on this machine."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlops_core.adapters.sources.errors import NoEventsError, UnreadableEventsError
from mlops_core.adapters.sources.given_path import GivenPath
from mlops_core.config import is_full_name
from mlops_core.project import EventTable

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
_SHOWN = 200
_PATTERN = re.compile(r"[*?\[]")


def resolve(events: EventTable, given: GivenPath) -> Path:
    """The absolute path that `given` names: a path, which may start with ~, or a file:// address.

    Raises:
        NoEventsError: nothing is there.
        UnreadableEventsError: it is an address of another machine or a table of Unity Catalog, the home of a person
            who is unknown here, or no path at all.
    """
    setting = given.setting
    path = given.base / _local(setting, given.written)
    if _exists(setting, path):
        return path.resolve()
    if path.is_symlink():
        raise NoEventsError(f"{path} is a link to {path.readlink()}, which does not exist: fix the link.")
    if _PATTERN.search(given.written):
        raise NoEventsError(
            f"There are no {events.nouns} at {path}, and patterns are not expanded: set {setting} to the folder of the "
            "files."
        )
    what = "a parquet or CSV file, a folder of such files or a Delta table"
    otherwise = f", or {given.otherwise}" if given.otherwise else ""
    if is_full_name(given.written) and path.suffix.lower() not in (".parquet", ".csv", ".gz"):
        raise UnreadableEventsError(
            f"{setting} is {given.written}, which is no path of this machine, and tables of Unity Catalog are read by "
            f"targets on Databricks: set it to {what}{otherwise}."
        )
    raise NoEventsError(f"There are no {events.nouns} at {path.resolve()}: set {setting} to {what}{otherwise}.")


def _exists(setting: str, path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:  # too long, or in a folder that this user may not enter
        raise UnreadableEventsError(
            f"{setting} is {str(path)[:_SHOWN]}, where nothing can be read ({error.strerror}): set it to a path that "
            f"this user may read."
        ) from None  # it has the path


def _local(setting: str, given: str) -> Path:
    scheme = _SCHEME.match(given)
    try:
        if scheme is None:
            return Path(given).expanduser()
    except RuntimeError as error:
        raise UnreadableEventsError(f"{setting} is {given}: there is no such home folder; write it in full.") from error
    address = urlsplit(given, allow_fragments=False)
    if scheme[1].lower() != "file" or address.netloc not in ("", "localhost"):
        raise UnreadableEventsError(
            f"{setting} is {given}, which is not on this machine: copy the files to a folder here and name that, or "
            f"make them a table of Unity Catalog and use a Databricks target."
        )
    return Path(unquote(given[len("file:") :].removeprefix(f"//{address.netloc}")))
