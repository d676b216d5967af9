"""What the emulator tells the process of one task, through a file that the environment names."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "DATABRICKS_EMULATOR_TASK"


@dataclass(frozen=True)
class Config:
    """Paths are those of this machine; `mounts` maps a path of the runtime to its folder here."""

    mounts: dict[str, str]
    absent: str  # a folder that does not exist: hidden paths lead there
    hidden: list[str]
    visible: list[str]
    control: str
    installed: list[str]  # folders with the packages of this machine
    blocked: list[str]  # modules whose distribution is not installed on the cluster
    blocked_distributions: list[str]
    versions: dict[str, str]  # pretended versions, of `python` and of distributions
    modules: list[str]
    tables: str
    secrets: str
    metastore: str
    has_spark_context: bool
    python_file: str
    parameters: list[str]
    result: str
    lifeline: int  # file descriptor that ends when the emulator is gone


def load() -> Config:
    return Config(**json.loads(Path(os.environ[VARIABLE]).read_text()))
