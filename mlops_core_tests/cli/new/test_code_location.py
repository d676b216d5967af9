"""A project is added to what people wrote in workspace.yaml, or a sentence says what to write."""

from __future__ import annotations

import pytest
import yaml

from mlops_core.cli.new.code_location import CodeLocationError, with_code_location

OURS = {"python_module": {"module_name": "churn.definitions", "location_name": "churn"}}
FORMS = {
    "absent": "",
    "comment": "# ours\n",
    "empty list": "load_from: []\n",
    "no list": "load_from:\n",
    "indented": "load_from:\n  - python_file: a.py # first\n",
    "not indented": "load_from:\n- python_module: a.definitions\n",
    "no line break": "load_from:\n  - python_file: a.py",
    "more keys": "load_from:\n  - python_file: a.py\n# after\nother: {x: 1}\n",
    "empty before more": "load_from: [] # none\nother: 1\n",
    "several": "x: 1\nload_from:\n    - python_file: a.py\n\n    - grpc_server: {host: h, port: 1}\n    # last\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_it_stands_behind_the_others(text: str) -> None:
    made = with_code_location(text, "churn")
    before = yaml.safe_load(text) or {}
    assert yaml.safe_load(made) == {**before, "load_from": [*(before.get("load_from") or []), OURS]}
    assert all(line in made for line in text.splitlines() if "#" in line and "[]" not in line)
    assert with_code_location(made, "churn") == made


@pytest.mark.parametrize(
    "entry", ["python_module: churn.definitions", "python_module: {module_name: churn.definitions}"]
)
def test_one_that_is_listed_is_not_listed_again(entry: str) -> None:
    text = f"load_from:\n  - {entry}\n"
    assert with_code_location(text, "churn") == text


@pytest.mark.parametrize(
    "text", ["load_from: [{python_file: a.py}]\n", "- python_file: a.py\n", "load_from: x\n", "a: [\n"]
)
def test_other_forms_are_left_to_a_person(text: str) -> None:
    with pytest.raises(CodeLocationError, match=r"workspace\.yaml"):
        with_code_location(text, "churn")
