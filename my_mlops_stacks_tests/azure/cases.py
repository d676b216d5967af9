"""Every pipeline with every combination of its parameters and of the choices in templates/variables.yml."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from my_mlops_stacks_tests.azure.rendering import choices, render

FLOWS = ("release-branch", "trunk")


@dataclass(frozen=True)
class Case:
    """One way to start a pipeline."""

    file: Path
    parameters: dict[str, Any]
    flow: str

    def __str__(self) -> str:
        said = [self.file.stem, self.flow, *(str(value) for value in self.parameters.values())]
        return "-".join(said).replace(" ", "_")

    def rendered(self) -> dict[str, Any]:
        if includes_variables(self.file):
            return render(self.file, self.parameters, {"flow": self.flow})
        chosen = yaml.safe_load((self.file.parent / "templates" / "variables.yml").read_text())["variables"]
        rendered = render(self.file, self.parameters)
        return {**rendered, "variables": {**chosen, **rendered["variables"]}}


def includes_variables(file: Path) -> bool:
    return "templates/variables.yml" in file.read_text()


def cases(folder: Path) -> Iterator[Case]:
    """The cases of every pipeline in `folder`."""
    for file in sorted(folder.glob("*.yml")):
        allowed = {name: values or ["second_project"] for name, values in choices(file).items()}
        flows = FLOWS if includes_variables(file) else FLOWS[:1]
        for flow, *values in itertools.product(flows, *allowed.values()):
            yield Case(file, dict(zip(allowed, values, strict=True)), flow)
