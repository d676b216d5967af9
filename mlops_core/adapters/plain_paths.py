"""Paths for engines that give some characters of a path a special meaning.

Sail escapes some characters twice, takes others for a glob, and would create a table in the wrong folder; deltalake
and SQLite URLs have special characters of their own. So engines get a path of plain characters only, which leads to
the same files through a symbolic link in this process's temporary folder.
"""

from __future__ import annotations

import re
import tempfile
from functools import cache
from pathlib import Path
from threading import Lock
from uuid import uuid4

PLAIN = re.compile(r"[A-Za-z0-9_./+=,@-]*")
ELSEWHERE = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - only a fresh folder of our own is made there

_ONE_AT_A_TIME = Lock()


class OddPathError(ValueError):
    """No path to the folder works with every engine."""


def plain_path(path: Path) -> Path:
    """`path` itself, or an equivalent path of plain characters; nothing needs to exist there yet.

    The path through the link is valid in this process only, and must not be stored.

    Raises:
        OddPathError: the temporary folders have odd names too.
    """
    path = path.absolute()
    if PLAIN.fullmatch(str(path)):
        return path
    odd = max(number for number, part in enumerate(path.parts) if not PLAIN.fullmatch(part))
    with _ONE_AT_A_TIME:
        link = _link_to(Path(*path.parts[: odd + 1]))
    return link.joinpath(*path.parts[odd + 1 :])


@cache
def _link_to(folder: Path) -> Path:
    suffix = folder.suffix if PLAIN.fullmatch(folder.suffix) else ""  # by which a file's format may be known
    link = Path(_links().name) / f"{uuid4().hex[:8]}{suffix}"
    link.symlink_to(folder)
    return link


@cache
def _links() -> tempfile.TemporaryDirectory[str]:
    """The folder of this process's links, removed with the process; what they lead to stays."""
    for folder in (Path(tempfile.gettempdir()).absolute(), *ELSEWHERE):
        if PLAIN.fullmatch(str(folder)) and folder.is_dir():
            return tempfile.TemporaryDirectory(prefix="mlops_core-", dir=folder)
    raise OddPathError(
        f"Spark can't work in a folder with such a name, nor in the temporary folder {tempfile.gettempdir()}: "
        "set TMPDIR to a folder whose path has letters, digits, _ . - and / only."
    )
