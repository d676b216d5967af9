"""A Databricks workspace on this machine, for tests: see README.md."""

from my_mlops_stacks_tests.databricks_emulator.emulator import Emulator
from my_mlops_stacks_tests.databricks_emulator.faults import Fault
from my_mlops_stacks_tests.databricks_emulator.settings import Settings

__all__ = ["Emulator", "Fault", "Settings"]
