"""What the server that step processes are forked from has loaded; the cluster imports none of it."""

from five_steps.definitions import defs

import mlops_core.adapters.step_launcher.preloading  # noqa: F401

defs.get_repository_def()
