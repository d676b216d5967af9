"""The machinery that projects share: it knows no problem, and imports no project."""

import gc

gc.freeze()
"""What is imported by now is never garbage: looking through it took a quarter of loading a code location."""
