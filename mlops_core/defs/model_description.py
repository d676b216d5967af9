"""The model's description in MLflow and the Catalog Explorer: what it predicts, from what, and its verdict."""

from collections.abc import Iterator, Mapping

from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.deployment.promotion import UNKNOWN
from mlops_core.project import Project
from mlops_core.version_record import VersionRecord


def describe(project: Project, registry: ModelRegistry, version: ModelVersion) -> None:
    """Write it on the model, and on the version what its tags and the run that trained it say at the moment."""
    record, metrics = registry.get(version.version).record, registry.run_metrics(version)
    about = purpose(project)
    registry.describe(version, about, "\n\n".join([about, *_history(project, record, metrics)]))


def purpose(project: Project) -> str:
    events = project.events
    known = f"Predicts `{events.label_column}` of a {events.noun} from what is known at its `{events.event_time}`"
    return f"{known}. {project.model.meaning}"


def _history(project: Project, record: VersionRecord, metrics: Mapping[str, float]) -> Iterator[str]:
    events = project.events.name
    if record.copied_from:
        yield f"Copied from {record.copied_from}."
    if record.held_out_from:
        made = f"`{events}` version {record.tables.get(events, UNKNOWN)}, git commit {record.git_commit or UNKNOWN}"
        since = f"from {record.trained_from} on, " if record.trained_from else ""
        yield f"Trained on the days {since}before {record.held_out_from} ({made})."
    if record.answered_classes:
        classes = ", ".join(map(str, record.answered_classes))
        yield f"Answers the probability of each of these classes, in this order: {classes}."
    if record.decision_threshold is not None:
        yield f"Predicts 1 from a probability of {record.decision_threshold:g} on, as its training chose by the cost."
    measured = [f"{name} {value:.4g}" for name, value in project.model.task.headlines(metrics).items()]
    if measured:
        yield f"On the days held out, to {record.held_out_until or 'the last one'}: {', '.join(measured)}."
    beside = f", against champion {record.validated_against}" if record.validated_against else ""
    yield f"Validation: {record.validation_status or 'not judged yet'}{beside}."
