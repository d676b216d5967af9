"""Folders that are no MLOps Stacks project, or half of one: a sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.mlops_stacks import from_mlops_stacks
from mlops_core_tests.cli.new.mlops_stacks.parcels import BUNDLE, MODEL, RECIPE, VALIDATION, write

MODEL_FILE = "resources/model-workflow-resource.yml"


def line_of(text: str, part: str = "") -> int:
    """The number of the line that begins with `part`, else of the one behind the last."""
    lines = text.splitlines()
    return 1 + (lines.index(part) if part else len(lines))


def sentence(folder: Path) -> str:
    with pytest.raises(NewProjectError) as refused:
        from_mlops_stacks(folder)
    said = str(refused.value)
    assert said.endswith(".")
    assert "\n" not in said
    return said.replace(f"{folder}/", "").replace(str(folder), "F")


def test_no_project(tmp_path: Path) -> None:
    name = "name the folder of an MLOps Stacks project"
    assert sentence(tmp_path / "gone").endswith("is no folder: name the one of an MLOps Stacks project.")
    assert sentence(tmp_path) == f"F has no databricks.yml, nor has a folder in it: {name}."
    (tmp_path / "cicd_params.json").write_text("{}")
    assert sentence(tmp_path).endswith(f"{name} (here is only the CI/CD of one).")


def test_several_projects(tmp_path: Path) -> None:
    for name in ("late", "lost"):
        write(tmp_path / name)
    assert sentence(tmp_path) == "F has several projects: name one of late, lost."


@pytest.mark.parametrize("name", ["{{.input_root_dir}}", "template/{{.input_root_dir}}"])
def test_a_template(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir(parents=True)
    assert sentence(tmp_path) == "F is a template that was not rendered: run `databricks bundle init` on it first."


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"databricks.yml": BUNDLE.replace("name: late-parcels\n", "name: {{ .input_project_name }}\n")},
            "databricks.yml, line 3, is of a template that was not rendered (name: {{ .input_project_name }}): run",
        ),
        (
            {MODEL_FILE: MODEL.replace("      schedule:", "      {{ if (eq .input_x `no`) }}\n      schedule:")},
            f"{MODEL_FILE}, line {line_of(MODEL, '      schedule:')}, is of a template that was not rendered",
        ),
        (
            {MODEL_FILE: None},
            "F can't be imported: databricks.yml: include has ./resources/model-workflow-resource.yml, but no",
        ),
        (
            {MODEL_FILE: "resources: {}\n"},
            "databricks.yml is that of no MLOps Stacks project, or of half of one, for none",
        ),
        (
            {MODEL_FILE: "a: [\n"},
            "F can't be imported: resources/model-workflow-resource.yml, line 2, is not valid YAML:",
        ),
        ({"databricks.yml": "- a\n"}, "F can't be imported: databricks.yml is ['a'], but it should be a mapping."),
        ({"databricks.yml": BUNDLE.partition("targets:")[0]}, "databricks.yml names no targets: name the folder of"),
        (
            {"validation/validation.py": VALIDATION + "def :\n"},
            f"validation/validation.py, line {line_of(VALIDATION)}, is not valid Python (invalid syntax): correct",
        ),
        (
            {"training/recipe.yaml": RECIPE + "a: b: c\n"},
            f"training/recipe.yaml, line {line_of(RECIPE)}, is not valid YAML: correct it",
        ),
        ({"training/recipe.yaml": "text\n"}, "training/recipe.yaml is 'text', but it should be a mapping."),
    ],
)
def test_a_project_that_can_not_be_read(tmp_path: Path, changed: Mapping[str, str | None], said: str) -> None:
    assert sentence(write(tmp_path, changed)).startswith(said)


def test_nothing_is_run_and_nothing_written(tmp_path: Path) -> None:
    loud = f"{VALIDATION}\nopen({str(tmp_path / 'run')!r}, 'w')\n"
    before = write(tmp_path / "parcels", {"validation/validation.py": loud})
    files = {file: file.read_bytes() for file in before.rglob("*") if file.is_file()}
    from_mlops_stacks(before)
    assert files == {file: file.read_bytes() for file in before.rglob("*") if file.is_file()}
    assert not (tmp_path / "run").exists()


def test_shapes_that_nobody_expects_are_passed_over(tmp_path: Path) -> None:
    odd = MODEL + "\n    own_job: {tasks: none, schedule: daily, email_notifications: [a]}\n    empty:\n"
    bundle = BUNDLE.replace(
        "variables:\n", "variables:\n  a: {default: '${var.b}${var.b}'}\n  b: {default: '${var.a}'}\n", 1
    )
    bundle = bundle.replace("variables: {catalog_name: sandbox}", "variables: sandbox")
    (tmp_path / "resources" / "folder.yml").mkdir(parents=True)
    found = from_mlops_stacks(write(tmp_path, {MODEL_FILE: odd, "databricks.yml": bundle}))
    assert found.answers["label"] == "hours_late"


def test_validation_may_be_gone(tmp_path: Path) -> None:
    found = from_mlops_stacks(write(tmp_path, {"validation/validation.py": None}))
    assert "thresholds" not in found.answers
    assert any(warning.startswith("validation/validation.py is not there") for warning in found.warnings)
