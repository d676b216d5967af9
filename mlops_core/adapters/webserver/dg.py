"""`python -m mlops_core.adapters.webserver.dg` is Dagster's `dg`, whose `dg dev` starts the guarded webserver.

`dg` has no option for another webserver; `dagster dev` is deprecated for it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from typing import Any

UNGUARDED, GUARDED = "dagster_webserver", __package__


def main() -> None:
    from dagster._cli import dev
    from dagster_dg_cli.cli import main as dg

    start = dev.open_ipc_subprocess

    def guarded(call: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        return start([GUARDED if part == UNGUARDED else part for part in call], **options)

    setattr(dev, start.__name__, guarded)
    dg()


if __name__ == "__main__":
    main()
