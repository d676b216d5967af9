"""The bundle as a team has it: the shipped files, and one of the team's own beside the workflows."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from mlops_core.config import Target, TargetError, load_target
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.repository import RESOURCE_FILES

Load = Callable[..., Target]
ROOT, TEAM = "databricks.yml", "resources/team.yml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(PROJECT.folder / ROOT, tmp_path)
    (tmp_path / "resources").mkdir()
    for name in RESOURCE_FILES:
        shutil.copy(PROJECT.folder / "resources" / name, tmp_path / "resources")
    return tmp_path


@pytest.fixture
def load(folder: Path) -> Load:
    """The target `dev` of the bundle with `team` as the file resources/team.yml."""

    def loaded(team: str = "", environ: Mapping[str, str] | None = None, name: str = "dev") -> Target:
        (folder / TEAM).write_text(team)
        return load_target(PROJECT, name, environ=environ or {}, folder=folder)

    return loaded


@pytest.fixture
def refusal(load: Load) -> Callable[..., str]:
    """The sentence with which that fails."""

    def refused(team: str = "", environ: Mapping[str, str] | None = None, name: str = "dev") -> str:
        with pytest.raises(TargetError) as error:
            load(team, environ, name)
        assert str(error.value).endswith((".", "?"))
        assert "\n" not in str(error.value)
        return str(error.value)

    return refused
