"""The pipelines of a project, rendered from the template of projects."""

from __future__ import annotations

from configparser import RawConfigParser
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

SOURCE = Path(__file__).resolve().parents[1]
"""The repository, or what cicd.tar.gz holds of it."""
FOLDER = Path(".azure/devops-pipelines")
MARKERS: dict[str, Any] = {
    **{"variable_start_string": "[[", "variable_end_string": "]]"},
    **{"block_start_string": "[%", "block_end_string": "%]"},
    **{"comment_start_string": "[#", "comment_end_string": "#]"},
    **{"trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True},
}
"""Those of copier.yml, which renders a whole project."""


def pipelines_of(project: str, root: Path) -> dict[Path, str]:
    """Path in the repository at `root` -> text of each pipeline of `project`."""
    environment = Environment(undefined=StrictUndefined, autoescape=False, **MARKERS)  # noqa: S701 - YAML
    values = {"project": project, "whole_repository": _tests_everything(project, root)}
    return {
        FOLDER / file.name.removesuffix(".jinja").replace("[[ project ]]", project): environment.from_string(
            file.read_text()
        ).render(values)
        for file in sorted((SOURCE / "template" / FOLDER).glob("*.jinja"))
    }


def shared_files() -> dict[Path, str]:
    """What the pipelines of all projects share: templates that they include, and the pipeline that sets them up."""
    files = sorted(path for path in (SOURCE / FOLDER).rglob("*") if path.parent.name == "templates")
    named = [SOURCE / FOLDER / name for name in ("README.md", "deploy-cicd.yml")]
    return {path.relative_to(SOURCE): path.read_text() for path in (*named, *files)}


def _tests_everything(project: str, root: Path) -> bool:
    """Whether `project` is the example, beside which the machinery and its tests lie."""
    setup = RawConfigParser()
    setup.read(root / "setup.cfg")
    return setup.get("metadata", "name", fallback="") == project and (root / "mlops_core_tests").is_dir()
