"""What is imported: answers of a new project, and what is left to a person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlops_core.config.files import ROOT_FILE

FILES = {
    "feature_engineering": "resources/feature-engineering-workflow-resource.yml",
    "model": "resources/model-workflow-resource.yml",
    "batch_inference": "resources/batch-inference-workflow-resource.yml",
    "monitoring": "resources/monitoring-workflow-resource.yml",
}
"""Workflow -> its file in a new project."""


@dataclass(frozen=True)
class Move:
    """What a person moves by hand: from which file of the old project, to which place of the new one."""

    what: str
    there: str
    here: str

    def __str__(self) -> str:
        return f"{self.there}: {self.what} -> {self.here}"


@dataclass
class Imported:
    """What was read of a project.

    Args:
        project: The new project's name, as places begin with it.
        answers: Fields of `Answers`, as plain values; those that the old project does not say are not there.
        entities: Columns of the events by which features are looked up.
        moved: What a person moves by hand.
        warnings: What to know before the new project is deployed, a sentence each.
    """

    project: str
    answers: dict[str, Any] = field(default_factory=dict)
    entities: tuple[str, ...] = ()
    moved: list[Move] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def move(self, what: str, there: str, here: str) -> None:
        """Leave something to a person; `here` is relative to the new project's package, or its end, such as _tests/."""
        move = Move(what, there, f"{self.project}{'' if here.startswith('_') else '/'}{here}")
        if move not in self.moved:
            self.moved.append(move)

    def move_differences(self, stated: Mapping[str, str], chosen: str, name: str, workflow: str, there: str) -> None:
        """Leave to a person what targets say of a workflow otherwise than the one whose value was `chosen`."""
        for target, value in stated.items():
            if value != chosen:
                here = f"{ROOT_FILE}: targets.{target}.variables.{workflow}_workflow"
                self.move(f"{name}: {value}, of the target {target} alone", there, here)

    def warn(self, sentence: str) -> None:
        if sentence not in self.warnings:
            self.warnings.append(sentence)


def snake(name: str) -> str:
    """A name in lower case with underscores, as packages and assets are called."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
