"""The launcher of the sample project: a file of the test says how it is made; on the cluster there is none."""

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from mlops_core.adapters.step_launcher.launcher import UnityCatalogStepLauncher, launcher_for_run
from mlops_core.adapters.step_launcher.settings import LauncherSettings
from mlops_core.adapters.step_launcher.stock import stock_step_launcher

SETTINGS = "SAMPLE_SETTINGS"
STOCK = "SAMPLE_STOCK"


def on_host() -> bool:
    return SETTINGS in os.environ


def step_launcher() -> dg.ResourceDefinition:
    """Reads its settings for each run: definitions are loaded once in a test process."""
    if not on_host():
        return dg.ResourceDefinition.none_resource()

    def build(context: dg.InitResourceContext) -> Iterator[UnityCatalogStepLauncher]:
        yield from launcher_for_run(_settings(), context.instance)

    return stock_step_launcher(_settings()) if STOCK in os.environ else dg.ResourceDefinition(build)


def _settings() -> LauncherSettings:
    return pickle.loads(Path(os.environ[SETTINGS]).read_bytes())
