"""What people read of a model in MLflow or in the Catalog Explorer: what it predicts, from what, and its verdict."""

from collections.abc import Iterator, Mapping

from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.defs.held_out import version_tag
from mlops_core.deployment.promotion import UNKNOWN
from mlops_core.project import Project
from mlops_core.validation.verdict import AGAINST_TAG, STATUS_TAG


def describe(project: Project, registry: ModelRegistry, version: ModelVersion) -> None:
    """Write it on the model, and on the version what its tags and the run that trained it say at the moment."""
    tags, metrics = registry.get(version.version).tags, registry.run_metrics(version)
    about = purpose(project)
    registry.describe(version, about, "\n\n".join([about, *_history(project, tags, metrics)]))


def purpose(project: Project) -> str:
    events = project.events
    label = events.column(events.label_column).meaning.split(":")[0]
    return f"Predicts `{events.label_column}` from what is known at `{events.event_time}`. {label}."


def _history(project: Project, tags: Mapping[str, str], metrics: Mapping[str, float]) -> Iterator[str]:
    if "copied_from" in tags:
        yield f"Copied from {tags['copied_from']}."
    if "held_out_from" in tags:
        events = project.events.name
        made = (
            f"`{events}` version {tags.get(version_tag(events), UNKNOWN)}, git commit {tags.get('git_commit', UNKNOWN)}"
        )
        since = f"from {tags['trained_from']} on, " if "trained_from" in tags else ""
        yield f"Trained on the days {since}before {tags['held_out_from']} ({made})."
    measured = [f"{name} {value:.4g}" for name, value in project.model.task.headlines(metrics).items()]
    if measured:
        yield f"On the days held out, to {tags.get('held_out_until', 'the last one')}: {', '.join(measured)}."
    status = tags.get(STATUS_TAG, "not judged yet")
    yield f"Validation: {status}" + (f", against champion {tags[AGAINST_TAG]}." if AGAINST_TAG in tags else ".")
