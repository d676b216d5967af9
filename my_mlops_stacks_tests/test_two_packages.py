"""The machinery knows no project, and a project is short."""

from __future__ import annotations

import re

from my_mlops_stacks_tests.conftest import ROOT
from my_mlops_stacks_tests.repository import files_under

PROBLEM = re.compile(
    r"(?<![a-z])(trips?|fares?|taxis?|zip codes?|tpep\w*|pick-?ups?|drop-?offs?)(?![a-z])|\bUSD\b", re.I
)
MOST_FILES, MOST_LINES = 25, 1_200
"""Python, without notebooks and the generator of sample trips."""
GENERATOR = ("ingestion/city.py", "ingestion/generator.py", "ingestion/rides.py")


def test_no_word_of_the_example_is_in_the_machinery() -> None:
    said = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in files_under("mlops_core")
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if PROBLEM.search(line)
    ]
    assert said == []


def test_a_project_is_short() -> None:
    files = [file for file in files_under("my_mlops_stacks", ".py") if file.parent.name != "notebooks"]
    files = [file for file in files if not str(file).endswith(GENERATOR)]
    assert len(files) <= MOST_FILES
    assert sum(len(file.read_text().splitlines()) for file in files) <= MOST_LINES
