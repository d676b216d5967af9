"""Retention: what no teardown removed goes when nothing has touched it for days."""

from __future__ import annotations

import io
import os
import time

from my_mlops_stacks_tests.adapters.step_launcher.workbench import VOLUME, Workbench

DAY_S = 86_400


def test_old_runs_and_old_code_go_and_young_ones_stay(workbench: Workbench) -> None:
    files = workbench.launcher._clients.get().files
    for name in ("runs/old/lease", "runs/young/lease", "code/old.zip", "code/young.zip"):
        files.create_directory(f"{VOLUME}/{name}".rsplit("/", 1)[0])
        files.upload(f"{VOLUME}/{name}", io.BytesIO(b"x"))
        if "old" in name:
            then = time.time() - 8 * DAY_S
            os.utime(workbench.emulator.storage.volume_path(f"{VOLUME}/{name}"), (then, then))

    removed = workbench.launcher.clean_up(older_than_days=7)

    assert removed == ["old", "old.zip"]
    left = [path.removeprefix(f"{VOLUME}/") for path in workbench.emulator.staged() if not path.endswith("/")]
    assert left == ["code/young.zip", "runs/young/lease"]
