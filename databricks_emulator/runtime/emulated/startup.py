"""The order in which a process becomes one of the runtime."""

from __future__ import annotations

from emulated import config, imports, paths

started = False  # `task` refuses to run when this is still false: site.py only prints what fails here


def begin() -> None:
    global started  # noqa: PLW0603 - one process, one start
    settings = config.load()
    imports.isolate(settings)
    paths.map_paths(settings)
    started = True
