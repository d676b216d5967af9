"""The project's definitions, with an endpoint: steps on the workspace load them from here too."""

from __future__ import annotations

import dagster as dg

from mlops_core.config import Endpoint, load_target
from mlops_core.defs.definitions import definitions_of
from my_mlops_stacks.project import PROJECT

ENDPOINT = Endpoint(name="fares")


@dg.definitions
def defs() -> dg.Definitions:
    """Those of the target that MLOPS_TARGET names."""
    target = load_target(PROJECT).of(PROJECT).model_copy(update={"endpoint": ENDPOINT})
    return definitions_of(PROJECT, target, packages=["my_mlops_stacks_tests"])
