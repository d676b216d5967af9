"""What the pipeline writes on a registered version of a model, in its tags: the only place that knows their names."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date

from mlops_core.outside_json import of_kind

TABLE, OUTPUT = "_version", "_in_dagster_run"
"""How the tags end that name the Delta version of a table, and the Dagster run whose asset of an alias a version is."""


LONGEST_SHOWN = 100


class TagError(ValueError):
    """A tag of a version has a value that none of its kind has."""


@dataclass(frozen=True)
class VersionRecord:
    """A version's provenance, verdict and history; None for what nobody wrote. Each field is the tag of its name.

    Args:
        leak_check: Whether its features were known in time; `unchecked` from its training on.
        dagster_run_id: The Dagster run that trained it.
        git_commit: Of the code that trained it.
        trained_from: First day that it was trained on.
        held_out_from, held_out_until: First and last day that its training held out.
        training_share: Of the labelled events before these days, the share that it was trained on; None for all.
        served_share: Of the rows that it was trained on, the share with the features that served; None where all were
            looked up.
        answered_classes: The class of each number that the model answers, where it predicts one of several.
        decision_threshold: The probability from which it predicts 1, where its training chose one.
        search_run_id: The MLflow run of the search that found its hyperparameters, where there was one.
        validation_run_id: The MLflow run with its report.
        validated_against: The version that it was compared with, or why with none.
        failed_rules: The rules that it failed, each with its value and bound.
        validation_status: The verdict. It is written last: without it the others say nothing.
        dry_run_in_dagster_run: The Dagster run that judged it last in a dry run.
        shadow_status: Whether it predicted what which champion had predicted: one tag, for two could disagree.
        endpoint_withdrawn: Why it was taken back from the serving endpoint, which it gets no request of.
        tracked_in_run: Of a copy, the MLflow run here that has what the original's run had.
        copied_by: Who copied it.
        judged_there: Of a copy, the verdict that it had where it comes from, which counts for nothing here.
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
    training_share: float | None = None
    served_share: float | None = None
    answered_classes: tuple[str | int, ...] | None = None
    decision_threshold: float | None = None
    search_run_id: str | None = None
    validation_run_id: str | None = None
    validated_against: str | None = None
    failed_rules: str | None = None
    validation_status: str | None = None
    dry_run_in_dagster_run: str | None = None
    shadow_status: str | None = None
    endpoint_withdrawn: str | None = None
    tracked_in_run: str | None = None
    copied_by: str | None = None
    judged_there: str | None = None
    copied_from: str | None = None
    tables: Mapping[str, int] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> VersionRecord:
        """The record that `tags` hold; tags of other people's are passed over.

        Raises:
            TagError: somebody has changed one to what it can't be.
        """
        own = {name: tags[name] for name in NAMES if name in tags}
        parsed = {name: _parsed(name, own[name]) for name in PARSED if name in own}
        others = {name: value for name, value in tags.items() if name not in NAMES}
        tables = {
            name.removesuffix(TABLE): int(value)
            for name, value in others.items()
            if name.endswith(TABLE) and value.isdecimal()
        }
        outputs = {name.removesuffix(OUTPUT): value for name, value in others.items() if name.endswith(OUTPUT)}
        return cls(**{**own, **parsed}, tables=tables, outputs=outputs)  # type: ignore[arg-type]

    @staticmethod
    def others(tags: Mapping[str, str]) -> dict[str, str]:
        """The tags that no record has: those of other people's."""
        return {name: value for name, value in tags.items() if name not in NAMES and not name.endswith((TABLE, OUTPUT))}

    def to_tags(self) -> dict[str, str]:
        """The tags of what is stated, in the order in which they are to be written."""
        own = {name: _text(value) for name in NAMES if (value := getattr(self, name)) is not None}
        tables = {f"{name}{TABLE}": str(version) for name, version in self.tables.items()}
        return tables | {output_tag(alias): run for alias, run in self.outputs.items()} | own


def _parsed(name: str, value: str) -> object:
    try:
        return PARSED[name](value)
    except ValueError:
        raise TagError(
            f"The tag {name} of a model's version is {value[:LONGEST_SHOWN]!r}, which the pipeline did not write: "
            "correct it in MLflow, or register another version."
        ) from None


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, tuple) else str(value)


def output_tag(alias: str) -> str:
    """The tag that names the Dagster run whose asset of this alias a version is."""
    return f"{alias}{OUTPUT}"


def version_tag(table: str) -> str:
    """The tag that names the Delta version of a table."""
    return f"{table}{TABLE}"


NAMES = tuple(each.name for each in fields(VersionRecord) if each.name not in ("tables", "outputs"))
PARSED: Mapping[str, Callable[[str], object]] = {
    **dict.fromkeys(("trained_from", "held_out_from", "held_out_until"), date.fromisoformat),
    **dict.fromkeys(("training_share", "served_share", "decision_threshold"), float),
    "answered_classes": lambda text: of_kind(tuple[str | int, ...], text),
}
"""Field -> what makes its value of a tag, where that is no text."""
