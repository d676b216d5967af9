"""(project, target) -> Dagster definitions: the only folder beside `cli` and the step launcher that knows Dagster."""

import gc

gc.freeze()
"""What is imported by now is never garbage: looking through it took a tenth of loading a code location."""
