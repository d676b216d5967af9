"""Runs the Python file of a task the way the runtime does, and leaves its result for the emulator.

The file is executed as `__main__` with `spark`, `dbutils` and, where the cluster has one, `sc` as global names, and
without `__file__`. Leaving with `sys.exit` and a status other than 0 or None is a failure.
"""

from __future__ import annotations

import builtins
import json
import os
import posixpath
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from emulated import config, startup

RUNTIME_FRAMES = 1  # of a traceback: those of this file


def main() -> int:
    if not startup.started:
        raise SystemExit("the emulated runtime did not start: see the error of sitecustomize above")
    settings = config.load()
    _watch(settings.lifeline)
    namespace = {"__name__": "__main__", "__builtins__": builtins, **_provided(settings)}
    sys.argv = [settings.python_file, *settings.parameters]
    sys.path.insert(0, posixpath.dirname(settings.python_file))
    _pretend_python(settings.versions.get("python"))
    return _execute(settings, namespace)


def _execute(settings: config.Config, namespace: dict[str, Any]) -> int:
    try:
        code = compile(Path(settings.python_file).read_bytes(), settings.python_file, "exec")
        exec(code, namespace)
    except SystemExit as leaving:
        if leaving.code in (None, 0):
            return 0
        return _failed(settings, leaving)
    except BaseException as error:  # noqa: BLE001 - whatever ends the task is its result
        return _failed(settings, error)
    return 0


def _failed(settings: config.Config, error: BaseException) -> int:
    trace = error.__traceback__
    for _ in range(RUNTIME_FRAMES):
        trace = trace.tb_next if trace else None
    text = "".join(traceback.format_exception(type(error), error, trace))
    sys.stderr.write(text)
    Path(settings.result).write_text(json.dumps({"error": f"{type(error).__name__}: {error}", "error_trace": text}))
    return 1


def _provided(settings: config.Config) -> dict[str, Any]:
    """What a task finds without importing it: also in modules that it imports, as builtins."""
    from emulated import globals as provided

    names = provided.namespace(settings)
    for name, value in names.items():
        setattr(builtins, name, value)
    return names


def _watch(lifeline: int) -> None:
    """End with the emulator: it holds the other end of this pipe."""

    def wait() -> None:
        os.read(lifeline, 1)
        os._exit(143)

    threading.Thread(target=wait, daemon=True).start()


def _pretend_python(version: str | None) -> None:
    """Only now: the interpreter's own modules must not believe it."""
    if version is None:
        return
    major, minor, *_ = (int(part) for part in version.split("."))
    info = sys.version_info
    sys.version_info = type("version_info", (tuple,), {"major": major, "minor": minor, "micro": 0})(  # type: ignore[misc, assignment]
        (major, minor, 0, info.releaselevel, info.serial)
    )


if __name__ == "__main__":
    sys.exit(main())
