"""From what a person wrote to a path of this machine."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlops_core.adapters.sources.errors import UnreadableTripsError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
_SHOWN = 200
_PATTERN = re.compile(r"[*?\[]")


def resolve(given: str) -> Path:
    """The absolute path that `given` names: a path, which may start with ~, or a file:// address.

    Raises:
        FileNotFoundError: nothing is there.
        UnreadableTripsError: it is an address of another machine, the home of a person who is unknown here, or no
            path at all.
    """
    path = _local(given)
    if _exists(path):
        return path.resolve()
    if path.is_symlink():
        raise FileNotFoundError(f"{path} is a link to {path.readlink()}, which does not exist: mend the link.")
    if _PATTERN.search(given):
        raise FileNotFoundError(
            f"There are no trips at {path}: patterns are not expanded. Set TRIPS_PATH to the folder of the files."
        )
    raise FileNotFoundError(
        f"There are no trips at {path.resolve()}: set TRIPS_PATH to a parquet or CSV file, a folder of such files or a "
        f"Delta table, or unset it to generate trips."
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:  # too long, or in a folder that this user may not enter
        raise UnreadableTripsError(
            f"TRIPS_PATH is {str(path)[:_SHOWN]}, where nothing can be read ({error.strerror}): set it to a path that "
            f"this user may read."
        ) from error


def _local(given: str) -> Path:
    scheme = _SCHEME.match(given)
    try:
        if scheme is None:
            return Path(given).expanduser()
    except RuntimeError as error:
        raise UnreadableTripsError(f"TRIPS_PATH is {given}: there is no such home folder; write it in full.") from error
    address = urlsplit(given, allow_fragments=False)
    if scheme[1].lower() != "file" or address.netloc not in ("", "localhost"):
        raise UnreadableTripsError(
            f"TRIPS_PATH is {given}, which is not on this machine: copy the files to a folder here and name that, or "
            f"make them a table of Unity Catalog and use a Databricks target (trips_table in databricks.yml)."
        )
    return Path(unquote(given[len("file:") :].removeprefix(f"//{address.netloc}")))
