"""A Databricks workspace on this machine, for tests: see README.md."""

from databricks_emulator.emulator import Emulator
from databricks_emulator.faults import Fault
from databricks_emulator.settings import Settings

__all__ = ["Emulator", "Fault", "Settings"]
