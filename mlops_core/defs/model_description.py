"""What people read of a model in MLflow or in the Catalog Explorer: what it predicts, from what, and its verdict."""

from collections.abc import Iterator, Mapping

from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.deployment.promotion import HEADLINE_METRICS, UNKNOWN
from mlops_core.ingestion.columns import TRIP_COLUMNS
from mlops_core.validation.verdict import AGAINST_TAG, STATUS_TAG
from my_mlops_stacks.events import TRIPS


def describe(registry: ModelRegistry, version: ModelVersion) -> None:
    """Write it on the model, and on the version what its tags and the run that trained it say at the moment."""
    tags, metrics = registry.get(version.version).tags, registry.run_metrics(version)
    registry.describe(version, purpose(), "\n\n".join([purpose(), *_history(tags, metrics)]))


def purpose() -> str:
    meaning = TRIP_COLUMNS[TRIPS.label_column][1].split(":")[0]
    return f"Predicts `{TRIPS.label_column}` of a trip from what is known at its `{TRIPS.event_time}`. {meaning}."


def _history(tags: Mapping[str, str], metrics: Mapping[str, float]) -> Iterator[str]:
    if "copied_from" in tags:
        yield f"Copied from {tags['copied_from']}."
    if "held_out_from" in tags:
        made = f"`trips` version {tags.get('trips_version', UNKNOWN)}, git commit {tags.get('git_commit', UNKNOWN)}"
        since = f"from {tags['trained_from']} on, " if "trained_from" in tags else ""
        yield f"Trained on the days {since}before {tags['held_out_from']} ({made})."
    measured = [f"{name} {metrics[name]:.4g}" for name in HEADLINE_METRICS if name in metrics]
    if measured:
        yield f"On the days held out, to {tags.get('held_out_until', 'the last one')}: {', '.join(measured)}."
    status = tags.get(STATUS_TAG, "not judged yet")
    yield f"Validation: {status}" + (f", against champion {tags[AGAINST_TAG]}." if AGAINST_TAG in tags else ".")
