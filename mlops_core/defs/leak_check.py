"""The leak check: recomputes features with the project's own code, from the events known at a moment."""

from collections.abc import Mapping, Sequence

import dagster as dg

from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.adapters.registry_errors import registry_answers
from mlops_core.defs.held_out import unseen_by
from mlops_core.defs.names import key_of, needed, resources_of
from mlops_core.defs.training_rows import feature_versions, training_set
from mlops_core.project import Project
from mlops_core.validation.verdict import FAILED, LEAK_CHECK, PASSED
from mlops_core.version_record import VersionRecord

SAMPLED = 100
"""Number of training rows whose features are recomputed."""


def training_checks(project: Project) -> list[dg.AssetChecksDefinition]:
    events = project.events

    @dg.asset_check(
        asset=key_of(project, project.model.name),
        name=LEAK_CHECK,
        blocking=True,
        required_resource_keys=needed(project, "step_launcher", "tables", "feature_store", "model_registry"),
        description=f"{SAMPLED} sampled training rows have the features that the project's own code makes of the "
        f"{' and '.join(each.nouns for each in project.event_tables)} that were known at their time, and no input is "
        "null just where the label is.",
    )
    def features_are_known_in_time(context: dg.AssetCheckExecutionContext, model: ModelVersion) -> dg.AssetCheckResult:
        from mlops_core.features.late_inputs import late_inputs
        from mlops_core.features.leakage import leakage_violations
        from mlops_core.training.split import known_before, sampled, since

        unseen = unseen_by(project, context, model)
        trained_on = {**model.record.tables, events.name: unseen.table_version}
        read = resources_of(project, context).tables.read
        tables = {each.name: read(each.name, version=trained_on.get(each.name)) for each in project.event_tables}
        rows = tables[events.name]
        past = known_before(events, rows, unseen.first_day)
        if model.record.trained_from:
            past = since(past, model.record.trained_from)
        found = leakage_violations(
            project, tables, training_set(project, context, sampled(events, past, SAMPLED)).load_df()
        )
        late, moved = late_inputs(project, rows), _moved(model.record.tables, feature_versions(project, context))
        faults = [*late.values(), *([_why(project, found, moved)] if found else [])]
        if late or not found or not moved:  # rows that differ for tables that moved prove nothing about the version
            _write(project, context, model, passed=not faults)
        return dg.AssetCheckResult(
            passed=not faults,
            description="; ".join(faults) or None,
            metadata={
                "late_inputs": ", ".join(late) or "none",
                "differing_rows": len(found),
                "examples": dg.MetadataValue.text(str(found[:3])),
            },
        )

    return [features_are_known_in_time]


def _write(project: Project, context: dg.AssetCheckExecutionContext, version: ModelVersion, passed: bool) -> None:
    """A check blocks in its own run only, so its outcome is also written on the version."""
    registry = resources_of(project, context).model_registry
    with registry_answers(registry.tracking_uri):
        registry.write(version, VersionRecord(leak_check=PASSED if passed else FAILED))


def _moved(trained_on: Mapping[str, int], newest: Mapping[str, int]) -> list[str]:
    """The feature tables that are no longer those of the training, with both versions."""
    return [
        f"{name} from version {trained_on[name]} to {version}"
        for name, version in newest.items()
        if trained_on.get(name, version) != version
    ]


def _why(project: Project, found: list[dict[str, object]], moved: Sequence[str]) -> str:
    """Explanation of differing rows: a leak, unless the feature tables have changed since the training."""
    differ = f"{len(found)} of {SAMPLED} rows differ: "
    if not moved:
        return differ + "features know the future, or their tables are stale"
    return differ + (
        f"{' and '.join(moved)} moved since the training, so they may be made of other {project.events.nouns} than "
        f"the model: run {project.named('model_training_job')} again. If it fails again, features know the future"
    )
