"""The code location of late flights."""

from __future__ import annotations

import dagster as dg

from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core_tests.flights.project import PROJECT


@dg.definitions
def defs() -> dg.Definitions:
    """Those of the target that MLOPS_TARGET names."""
    return definitions_of(PROJECT, load_target(PROJECT))
