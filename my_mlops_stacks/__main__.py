"""`python -m my_mlops_stacks`: run the whole pipeline once on this machine, and say what came of it."""

from __future__ import annotations

import gc
import sys

SELDOM = (5_000_000, 50, 50)
"""Libraries and events are objects that stay: looking for garbage among them takes a sixth of a run."""


def main() -> int:
    """Set the collector before anything is imported: half of what it would look through are modules."""
    gc.set_threshold(*SELDOM)
    from mlops_core.cli.run import main

    code = main()
    gc.freeze()  # the interpreter would look through all of it once more before it ends
    return code


if __name__ == "__main__":
    sys.exit(main())
