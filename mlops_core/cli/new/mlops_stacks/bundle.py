"""What the bundle of an MLOps Stacks project says of each target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlops_core.config.files import BundleFiles
from mlops_core.config.references import REFERENCE

Content = Mapping[str, Any]

PREFERRED = ("prod", "staging", "test", "dev")
"""The target whose value a new project gets where targets differ is the first of these that there is."""
STAGES = {"training": "model", "feature_engineering": "feature_engineering", "batch_inference": "batch_inference"}
STAGES["monitoring"] = "monitoring"
"""Folder of a job's notebooks -> workflow; a job with notebooks of several is that of the first."""
LISTED_BY = ("task_key", "job_cluster_key", "name")


@dataclass(frozen=True)
class StacksBundle:
    """`folder` is the one of databricks.yml; `not_included` are files of resources that it does not name."""

    folder: Path
    files: BundleFiles
    not_included: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return str(self.files.mapping("bundle").get("name") or self.folder.name)

    @property
    def targets(self) -> list[str]:
        """The preferred one first."""
        stated = list(self.files.mapping("targets"))
        return [*(name for name in PREFERRED if name in stated), *(name for name in stated if name not in PREFERRED)]

    def section(self, target: str, *path: str) -> Content:
        """The mapping at a path for a target, references replaced where no workspace is needed; else an empty one."""
        value: Any = self._resolved(target)
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value if isinstance(value, Mapping) else {}

    def variable(self, target: str, name: str) -> str:
        """The value of a variable; empty where it has none, or only a workspace knows it."""
        value = _default(self.section(target, "variables").get(name))
        return "" if value is None or "${" in str(value) else str(value)

    def jobs(self, target: str, workflow: str) -> Iterator[tuple[str, Content]]:
        """Key and content of each job whose notebooks are those of the workflow's stage."""
        for key, job in self.section(target, "resources", "jobs").items():
            folders = {part for task in items(job, "tasks") for part in Path(_notebook(task)).parts}
            if next((STAGES[stage] for stage in STAGES if stage in folders), None) == workflow:
                yield str(key), job

    def place_of_job(self, key: str) -> str:
        """`resources/model-workflow-resource.yml, model_training_job`."""
        return f"{self.files.file_of('resources', 'jobs', key)}, {key}"

    def place(self, workflow: str) -> str:
        """That of the workflow's job, or of its jobs."""
        keys = {key: None for target in self.targets for key, _ in self.jobs(target, workflow)}
        return " and ".join(map(self.place_of_job, keys))

    def _resolved(self, target: str) -> Content:
        shared = {key: value for key, value in self.files.content.items() if key != "targets"}
        content = _merged(shared, self.files.mapping("targets", target))
        values = {f"var.{name}": _default(value) for name, value in section(content, "variables").items()}
        values |= {"bundle.target": target, "bundle.name": self.name}
        resolved: Content = _replaced(content, values, frozenset())
        return resolved


def items(content: Any, key: str) -> list[Content]:
    """The mappings in the list at a key; none where there is no such list."""
    listed = content.get(key) if isinstance(content, Mapping) else None
    return [item for item in listed if isinstance(item, Mapping)] if isinstance(listed, list) else []


def section(content: Any, key: str) -> Content:
    """The mapping at a key; an empty one where there is none."""
    value = content.get(key) if isinstance(content, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _notebook(task: Content) -> str:
    """The notebook or file that a task runs; empty for another kind of task."""
    notebook, script = section(task, "notebook_task"), section(task, "spark_python_task")
    return str(notebook.get("notebook_path") or script.get("python_file") or "")


def _default(variable: Any) -> Any:
    return variable.get("default") if isinstance(variable, Mapping) else variable


def _merged(root: Any, own: Any) -> Any:
    """As the bundle CLI merges a target: mappings by key, tasks by their key, other lists joined."""
    if isinstance(root, Mapping) and isinstance(own, Mapping):
        return {key: _merged(root.get(key), own[key]) if key in own else root[key] for key in {**root, **own}}
    if isinstance(root, list) and isinstance(own, list):
        held = {_key(item, index): item for index, item in enumerate(root)}
        for index, item in enumerate(own, len(root)):
            held[_key(item, index)] = _merged(held.get(_key(item, index)), item)
        return list(held.values())
    return root if own is None else own


def _key(item: Any, index: int) -> object:
    return next((str(item[key]) for key in LISTED_BY if isinstance(item, Mapping) and item.get(key)), index)


def _replaced(value: Any, values: Content, within: frozenset[str]) -> Any:
    """References that are known replaced; the others, and those that refer to themselves, stay as they are written."""
    if isinstance(value, Mapping):
        return {key: _replaced(item, values, within) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, values, within) for item in value]
    if not isinstance(value, str):
        return value

    def referred(name: str) -> Any:
        known = None if name in within else values.get(name)
        return None if known is None else _replaced(known, values, within | {name})

    if whole := REFERENCE.fullmatch(value):
        return value if (new := referred(whole[1])) is None else new
    return REFERENCE.sub(lambda match: _within_text(referred(match[1]), match[0]), value)


def _within_text(value: Any, otherwise: str) -> str:
    return otherwise if value is None or isinstance(value, Mapping | list) else str(value)
