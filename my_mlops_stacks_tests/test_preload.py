"""What step processes are forked from: everything that they need is there, and nothing of it elsewhere."""

from __future__ import annotations

import subprocess
import sys

PRELOADED = """
import sys
import my_mlops_stacks.preload
from dagster._core.definitions.reconstruct import ReconstructableRepository
from my_mlops_stacks import definitions
definitions.definitions_of = None  # a second call would fail
location = ReconstructableRepository.for_module("my_mlops_stacks.definitions", "defs")
print(location.get_definition().get_job("feature_engineering_job").name, "databricks.sdk" in sys.modules)
"""
LOADED = """
import sys
import my_mlops_stacks.definitions as definitions
definitions.defs()
print([name for name in sys.modules if name.startswith(("databricks.sdk", "my_mlops_stacks.preload"))])
"""


def printed(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_a_fork_of_it_has_the_definitions_and_the_client() -> None:
    assert printed(PRELOADED) == "feature_engineering_job True"


def test_a_code_location_does_not_load_it() -> None:
    assert printed(LOADED) == "[]"
