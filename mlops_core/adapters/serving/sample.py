"""A version's recorded sample: made by batch inference, kept beside the version in MLflow."""

from __future__ import annotations

import logging
from base64 import b64encode
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any

from mlops_core.adapters.feature_store.protocol import PREDICTION_COLUMN, FeatureStore
from mlops_core.adapters.feature_store.spec import read_spec
from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.adapters.registry_errors import explained
from mlops_core.deployment.endpoint_sample import Sample
from mlops_core.outside_json import NotOfThisKindError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FILE = "endpoint_sample.json"
NEVER_NULL = ("tinyint", "smallint", "int", "bigint", "boolean", "binary")
"""Types of which MLflow's scoring server takes no null: it refuses it, and of a boolean it makes false."""

logger = logging.getLogger(__name__)


class NoSampleError(RuntimeError):
    """There is no recorded event that can be sent to an endpoint: the sentence says why."""


def made_sample(store: FeatureStore, answer_type: str, version: ModelVersion, rows: DataFrame) -> Sample:
    """What `version` answers in batch inference for `rows`, and the features that it looks up for them.

    Rows with a null that no request can bring are left out. `answer_type` is Spark's name of the answers' type.

    Raises:
        NoSampleError: that leaves none out of some.
        ValueError: the version has no feature specification, or needs what the rows lack.
    """
    scored = store.score_batch(model_uri=version.uri, df=rows, result_type=answer_type)
    spec = read_spec(version.uri)
    asked = dict.fromkeys((*spec.required_columns, *(feature.name for feature in spec.features)))
    kinds = {name: kind for name, kind in scored.dtypes if name in asked}
    found = scored.select(*kinds, PREDICTION_COLUMN).toArrow().to_pylist()
    whole = [name for name, kind in kinds.items() if kind in NEVER_NULL]
    kept = [row for row in found if all(row[name] is not None for name in whole)]
    if found and not kept:
        nulls = [name for name in whole if any(row[name] is None for row in found)]
        raise NoSampleError(
            f"Each of the newest {len(found):,} events has a null in {', '.join(map(repr, nulls))}, which no request "
            "can bring: make doubles of such columns, or give their look-ups default values."
        )
    if len(kept) < len(found):
        logger.info("%d of %d events are left out of the sample for their nulls", len(found) - len(kept), len(found))
    records = [{name: as_json(row[name]) for name in asked if name in row} for row in kept]
    return Sample(records, [as_json(row[PREDICTION_COLUMN]) for row in kept])


def write_sample(registry: ModelRegistry, version: ModelVersion, sample: Sample) -> None:
    """Keep the sample of a version; one that is there is replaced."""
    registry.client.log_text(version.run_id, sample.to_json(), FILE)


def has_sample(registry: ModelRegistry, version: ModelVersion) -> bool:
    return any(found.path == FILE for found in registry.client.list_artifacts(version.run_id))


def read_sample(registry: ModelRegistry, version: ModelVersion, remedy: str) -> Sample:
    """The sample of a version.

    Raises:
        ModelNotFoundError: nobody has recorded one; `remedy` says who does.
        NoSampleError: what is there is none.
    """
    import mlflow

    mlflow.set_tracking_uri(registry.tracking_uri)
    who = f"{registry.model} version {version.version}"
    with explained(f"{who} has no recorded sample, {FILE}: {remedy}."):
        written = mlflow.artifacts.load_text(f"runs:/{version.run_id}/{FILE}")
    try:
        return Sample.from_json(written)
    except NotOfThisKindError as error:
        raise NoSampleError(f"{FILE} of {who} is no recorded sample ({error}): {remedy}.") from None


def as_json(value: Any) -> Any:
    """A value of a row as a request has it; moments are without a zone, in UTC."""
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, Decimal):
        return float(value)
    return None if isinstance(value, float) and not isfinite(value) else value
