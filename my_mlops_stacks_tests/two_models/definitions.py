"""The code location of both models."""

from __future__ import annotations

import dagster as dg

from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from my_mlops_stacks_tests.two_models.project import PROJECT


@dg.definitions
def defs() -> dg.Definitions:
    """Those of the target that MLOPS_TARGET names."""
    return definitions_of(PROJECT, load_target(PROJECT))
