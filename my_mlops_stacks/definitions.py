"""The code location of the target that MLOPS_TARGET names, `local` by default."""

import dagster as dg

from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from my_mlops_stacks.project import PROJECT


@dg.definitions
def defs() -> dg.Definitions:
    """Loading this touches no network, no Spark and no registry."""
    return definitions_of(PROJECT, load_target(PROJECT))
