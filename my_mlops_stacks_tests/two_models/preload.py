"""The server that step processes are forked from imports this, as that of a project by itself does."""

import mlops_core.adapters.step_launcher.preloading  # noqa: F401
from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from my_mlops_stacks_tests.two_models import definitions
from my_mlops_stacks_tests.two_models.project import PROJECT

made = definitions_of(PROJECT, load_target(PROJECT))
made.get_repository_def()
definitions.defs = made  # type: ignore[assignment]
