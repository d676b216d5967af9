"""The pipelines of one project, from the templates beside this file."""

from __future__ import annotations

import string
from pathlib import Path

FOLDER = Path(".azure/devops-pipelines")
TEMPLATES = Path(__file__).with_name("pipelines")
MACHINERY = "mlops_core"
IMAGE = (
    f"{MACHINERY}/*",
    *("deploy/*", "scripts/*", "Dockerfile", ".dockerignore"),
    *("Makefile", "pyproject.toml", "setup.cfg", "constraints.txt"),
)
"""What the image of the project at the repository's top is made of and by, besides its package."""
WHOLE_REPOSITORY = (
    *(".azure/*", ".ci/*", "benchmarks/*", "cicd/*", "docs/*"),
    *(".gitignore", "LICENSE", "README.md", "dagster.local.yaml", "workspace.yaml"),
)
"""What its tests look at besides: a document that names a command, and the set-up of further projects, too."""


class _Template(string.Template):
    """With @ for $, which pipelines use themselves."""

    delimiter = "@"


def render_pipelines(project: str, folder: str) -> dict[Path, str]:
    """Path in the repository -> text of each pipeline of `project`, whose files are in `folder` ("." for the top)."""
    values = {"project": project, "folder": folder, **_paths(project, folder)}
    return {
        FOLDER / template.name.replace("PROJECT", project): _Template(template.read_text()).substitute(values)
        for template in sorted(TEMPLATES.glob("*.yml"))
    }


def _paths(project: str, folder: str) -> dict[str, str]:
    """What starts each pipeline, as the items of a YAML list: a change of another project must not."""
    top = folder == "."
    base = "" if top else f"{folder}/"
    bundle = (f"{base}{project}/databricks.yml", f"{base}{project}/resources/*", f"{base}scripts/bundle.sh")
    code = (f"{project}/*", *IMAGE)
    tests = (
        (*code, f"{MACHINERY}_tests/*", "databricks_emulator/*", f"{project}_tests/*", *WHOLE_REPOSITORY)
        if top
        else (f"{folder}/*",)
    )
    lists = {"bundle_paths": bundle, "code_paths": code if top else (f"{folder}/*",), "tests_paths": tests}
    return {name: "\n".join(f"      - {path}" for path in paths) for name, paths in lists.items()}
