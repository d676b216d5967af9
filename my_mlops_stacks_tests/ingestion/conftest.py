"""The real trips, where this machine has them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SAMPLE = "nyctaxi_trips_2016.parquet"
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def real_trips() -> Path:
    """The 10,000 real trips of early 2016: the file that TRIPS_PATH names, else the one beside the repository."""
    path = Path(os.environ.get("TRIPS_PATH", REPOSITORY.parent / "shared" / "data" / SAMPLE)).expanduser()
    if path.name != SAMPLE or not path.is_file():
        pytest.skip(f"needs the real trips: set TRIPS_PATH to {SAMPLE}; looked at {path}")
    return path
