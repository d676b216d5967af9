"""The server that step processes are forked from imports this, so that each of them can follow its step at once.

There, and nowhere else, the code location is its definitions already, not the function that makes them.
"""

import mlops_core.adapters.step_launcher.preloading  # noqa: F401
from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from my_mlops_stacks import definitions
from my_mlops_stacks.project import PROJECT

made = definitions_of(PROJECT, load_target(PROJECT))
made.get_repository_def()
definitions.defs = made  # type: ignore[assignment]
