"""Names are refused before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.names import check_name


@pytest.mark.parametrize("name", ["churn", "late_flights", "c2", "a" * 30])
def test_a_plain_name_is_taken(name: str, tmp_path: Path) -> None:
    check_name(name, tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "is empty"),
        ("c", "2 to 30"),
        ("a" * 31, "2 to 30"),
        ("Churn", "lower-case"),
        ("2churn", "a letter first"),
        ("churn-model", "lower-case"),
        ("churn_", "no underscore last"),
        ("late__flights", "single underscores"),
        ("../churn", "lower-case"),
        ("chürn", "lower-case"),
        ("churn\n", "lower-case"),
        ("class", "keyword"),
        ("match", "keyword"),
        ("json", "standard library"),
        ("pandas", "which Python imports from"),
        ("mlops_core", "which Python imports from"),
        ("tests", "what tests"),
        ("churn_tests", "what tests"),
        ("default", "schemas"),
        ("docs", "'docs' in"),
        ("there", "'there_tests' in"),
        ("upper", "'upper' in"),
    ],
)
def test_a_name_that_something_has_or_cannot_be_is_refused_in_one_sentence(
    name: str, said: str, tmp_path: Path
) -> None:
    for folder in ("docs", "there_tests", "Upper"):
        (tmp_path / folder).mkdir()
    with pytest.raises(NewProjectError, match=said) as refused:
        check_name(name, tmp_path)
    assert str(refused.value).endswith(".")
