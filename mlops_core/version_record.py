"""What the pipeline writes on a registered version of a model, in its tags: the only place that knows their names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date

TABLE, OUTPUT = "_version", "_in_dagster_run"
"""How the tags end that name the Delta version of a table, and the Dagster run whose asset of an alias a version is."""


@dataclass(frozen=True)
class VersionRecord:
    """A version's provenance, verdict and history; None for what nobody wrote. Each field is the tag of its name.

    Args:
        leak_check: Whether its features were known in time; `unchecked` from its training on.
        dagster_run_id: The Dagster run that trained it.
        git_commit: Of the code that trained it.
        trained_from: First day that it was trained on.
        held_out_from, held_out_until: First and last day that its training held out.
        answered_classes: The class of each number that the model answers, where it predicts one of several.
        validation_run_id: The MLflow run with its report.
        validated_against: The version that it was compared with, or why with none.
        failed_rules: The rules that it failed, each with its value and bound.
        validation_status: The verdict. It is written last: without it the others say nothing.
        dry_run_in_dagster_run: The Dagster run that judged it last in a dry run.
        shadow_status: Whether it predicted what which champion had predicted: one tag, for two could disagree.
        tracked_in_run: Of a copy, the MLflow run here that has what the original's run had.
        copied_by: Who copied it.
        copied_from: The version of another model that it is a copy of.
        tables: Table -> the Delta version that it was trained on.
        outputs: Alias -> the Dagster run whose asset of this alias it is.
    """

    leak_check: str | None = None
    dagster_run_id: str | None = None
    git_commit: str | None = None
    trained_from: date | None = None
    held_out_from: date | None = None
    held_out_until: date | None = None
    answered_classes: tuple[str | int, ...] | None = None
    validation_run_id: str | None = None
    validated_against: str | None = None
    failed_rules: str | None = None
    validation_status: str | None = None
    dry_run_in_dagster_run: str | None = None
    shadow_status: str | None = None
    tracked_in_run: str | None = None
    copied_by: str | None = None
    copied_from: str | None = None
    tables: Mapping[str, int] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> VersionRecord:
        """The record that `tags` hold; tags of other people's are passed over."""
        own = {name: tags[name] for name in NAMES if name in tags}
        days = {name: date.fromisoformat(own[name]) for name in DAYS if name in own}
        others = {name: value for name, value in tags.items() if name not in NAMES}
        tables = {
            name.removesuffix(TABLE): int(value)
            for name, value in others.items()
            if name.endswith(TABLE) and value.isdecimal()
        }
        outputs = {name.removesuffix(OUTPUT): value for name, value in others.items() if name.endswith(OUTPUT)}
        classes = {CLASSES: tuple(json.loads(own[CLASSES]))} if CLASSES in own else {}
        return cls(**{**own, **days, **classes}, tables=tables, outputs=outputs)  # type: ignore[arg-type]

    def to_tags(self) -> dict[str, str]:
        """The tags of what is stated, in the order in which they are to be written."""
        own = {name: _text(value) for name in NAMES if (value := getattr(self, name)) is not None}
        tables = {f"{name}{TABLE}": str(version) for name, version in self.tables.items()}
        return tables | {output_tag(alias): run for alias, run in self.outputs.items()} | own


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, tuple) else str(value)


def output_tag(alias: str) -> str:
    """The tag that names the Dagster run whose asset of this alias a version is."""
    return f"{alias}{OUTPUT}"


def version_tag(table: str) -> str:
    """The tag that names the Delta version of a table."""
    return f"{table}{TABLE}"


NAMES = tuple(each.name for each in fields(VersionRecord) if each.name not in ("tables", "outputs"))
CLASSES = "answered_classes"
DAYS = ("trained_from", "held_out_from", "held_out_until")
