"""The server that step processes are forked from imports this, so that each of them can follow its step at once.

There, and nowhere else, the code location is its definitions already, not the function that makes them.
"""

import mlops_core.adapters.step_launcher.preloading  # noqa: F401
from my_mlops_stacks import definitions
from my_mlops_stacks.target import load_target

made = definitions.build_definitions(load_target())
made.get_repository_def()
definitions.defs = made  # type: ignore[assignment]
