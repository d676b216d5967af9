"""Workspaces for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk import WorkspaceClient

from databricks_emulator import Emulator
from databricks_emulator.tests.asking import (
    Make,
    client_of,
)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes workspaces with a volume, and ends them."""
    made: list[Emulator] = []

    def start(**settings: Any) -> Emulator:
        emulator = Emulator(tmp_path / f"workspace_{len(made)}", terminating=0.0, **settings).__enter__()
        made.append(emulator)
        emulator.unity_catalog.add_volume("dev.app.staging")
        return emulator

    yield start
    for emulator in made:
        emulator.__exit__(None, None, None)


@pytest.fixture
def emulator(make: Make) -> Emulator:
    return make()


@pytest.fixture
def client(emulator: Emulator) -> WorkspaceClient:
    return client_of(emulator)
