"""The process of one task: its environment, its start, and how it is ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from databricks_emulator.runtime.emulated.config import VARIABLE, Config

LOG, RESULT = "output.log", "result.json"


@dataclass
class TaskProcess:
    """A running task; it ends with the emulator, because it watches a pipe that the emulator keeps open."""

    process: subprocess.Popen[bytes]
    folder: Path
    lifeline: int

    @classmethod
    def start(
        cls, folder: Path, config: Config, environment: Mapping[str, str], cwd: Path, runtime: Path
    ) -> TaskProcess:
        """Start the task of `config`; what it prints goes to a file in `folder`."""
        reading, writing = os.pipe()
        described = folder / "task.json"
        described.write_text(json.dumps({**asdict(config), "lifeline": reading}))
        with (folder / LOG).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-B", "-P", "-s", "-m", "emulated.task"],
                cwd=cwd,
                env={**environment, VARIABLE: str(described), "PYTHONPATH": str(runtime)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(reading,),
                start_new_session=True,
            )
        os.close(reading)
        return cls(process, folder, writing)

    def signal(self, number: int) -> None:
        """Send a signal to the task and to all processes that it started."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return  # it ended by itself

    def close(self) -> None:
        """End whatever is left of the task."""
        self.signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.lifeline)

    @property
    def result(self) -> dict[str, str]:
        """What the runtime left of an error: `error` and `error_trace`."""
        file = self.folder / RESULT
        return json.loads(file.read_text()) if file.exists() else {}
