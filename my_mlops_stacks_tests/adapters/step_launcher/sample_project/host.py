"""The launcher of the sample project: a file of the test says how it is made; on the cluster there is none."""

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from my_mlops_stacks.adapters.step_launcher.launcher import UnityCatalogStepLauncher, launcher_for_run

SETTINGS = "SAMPLE_SETTINGS"


def on_host() -> bool:
    return SETTINGS in os.environ


def step_launcher() -> dg.ResourceDefinition:
    """Reads its settings for each run: definitions are loaded once in a test process."""
    if not on_host():
        return dg.ResourceDefinition.none_resource()

    def build(context: dg.InitResourceContext) -> Iterator[UnityCatalogStepLauncher]:
        yield from launcher_for_run(pickle.loads(Path(os.environ[SETTINGS]).read_bytes()), context.instance)

    return dg.ResourceDefinition(build)
