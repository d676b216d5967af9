"""A rendered project of Databricks' MLOps Stacks as answers of a new project, and what a person moves by hand.

Its YAML is read as the bundle CLI reads it, its Python is parsed and never imported, and nothing of it is changed.

- `reading`, `bundle`: where the project is, and what its bundle says of each target
- `names`; `schedules`, `quartz`; `parameters`; `jobs`: names, hosts, catalogs; when jobs run, and what they are told
- `rules`, `recipe`; `source_code`, `syntax`: thresholds, and what Python files say literally
- `places`: the place of each file that a person moves
- `taking_over`: what of it becomes arguments, answers, and a list for people
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlops_core.cli.new.mlops_stacks.bundle import StacksBundle
from mlops_core.cli.new.mlops_stacks.imported import Imported, Move, snake
from mlops_core.cli.new.mlops_stacks.jobs import jobs
from mlops_core.cli.new.mlops_stacks.names import names
from mlops_core.cli.new.mlops_stacks.parameters import parameters, parameters_of
from mlops_core.cli.new.mlops_stacks.places import places
from mlops_core.cli.new.mlops_stacks.reading import CICD, read_bundle
from mlops_core.cli.new.mlops_stacks.recipe import recipe
from mlops_core.cli.new.mlops_stacks.rules import thresholds_of_code
from mlops_core.cli.new.mlops_stacks.schedules import schedules
from mlops_core.cli.new.mlops_stacks.taking_over import CHECKLIST, arguments, checklist, taken_over
from mlops_core.outside_json import NotOfThisKindError, of_kind

__all__ = ["CHECKLIST", "Imported", "Move", "arguments", "checklist", "from_mlops_stacks", "taken_over"]

BRANCHES = {"input_default_branch": "main", "input_release_branch": "release"}


def from_mlops_stacks(folder: Path, project: str = "") -> Imported:
    """What the project in `folder`, or in the one folder of it that is a project, says for the new one `project`.

    Without a name the new one is called as the old one, in lower case with underscores.

    Raises:
        NewProjectError: it is no rendered MLOps Stacks project, half of one, or a file of it can't be read.
    """
    bundle = read_bundle(folder)
    found = Imported(project or snake(bundle.name))
    names(bundle, found)
    schedules(bundle, found)
    parameters(bundle, found)
    jobs(bundle, found)
    thresholds_of_code(bundle.folder, parameters_of(bundle, bundle.targets[0], "model"), found)
    recipe(bundle.folder, found)
    places(bundle.folder, found)
    for file in bundle.not_included:
        found.warn(
            f"{file} is not included by databricks.yml there; its values are taken, as all is on from the start."
        )
    _branches(bundle, found)
    return found


def _branches(bundle: StacksBundle, found: Imported) -> None:
    """Branches of other names than those that the pipelines know."""
    file = next((root / CICD for root in (bundle.folder, bundle.folder.parent) if (root / CICD).is_file()), None)
    try:
        stated = of_kind(dict[str, Any], file.read_bytes()) if file else {}
    except NotOfThisKindError:
        found.warn(f"{file} is not valid JSON, so names of branches were not read.")
        return
    for key, ours in BRANCHES.items():
        if (name := stated.get(key) or ours) != ours:
            found.warn(
                f"The branch '{name}' ({key} in {CICD}) is '{ours}' in the pipelines here, .azure/devops-pipelines."
            )
