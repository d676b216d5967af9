"""The features that predictions were made with, by the versions that made them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from mlops_core.adapters.feature_store.served import features_alike, first_line, look_up_again, look_ups, spec_of
from mlops_core.adapters.feature_store.spec import FeatureSpec
from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.defs.annotations import DataFrame
from mlops_core.defs.names import resources_of
from mlops_core.project import Project
from mlops_core.project.feature_lookup import FeatureLookup

if TYPE_CHECKING:
    from mlops_core.monitoring.skew import Skew

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext
Version = tuple[str, int]
"""A model's name, and the number of its version."""
PREDICTED_BEFORE, SKEWED = "predicted_before_share", "other_features_share"
"""Metrics of a training run: see `training_skew`."""
MADE_BY = "concat_ws('/', model_name, model_version)"


@dataclass(frozen=True)
class Alike:
    """Versions that look up the same features in the same way."""

    spec: FeatureSpec
    versions: tuple[Version, ...]

    def of(self, predictions: DataFrame) -> DataFrame:
        """Those that these versions made."""
        from pyspark.sql import functions as F

        return predictions.where(F.expr(MADE_BY).isin(self.names))

    @property
    def names(self) -> list[str]:
        """The versions as values of `MADE_BY`."""
        return [f"{name}/{version}" for name, version in self.versions]

    def __str__(self) -> str:
        return _named(self.versions)


def skew_between(project: Project, context: Context, predictions: DataFrame, first: date, last: date) -> "Skew":
    """The skew of the predictions of these days; versions that look up alike are looked up together."""
    from pyspark.errors import PySparkException
    from pyspark.sql import functions as F

    from mlops_core.monitoring.skew import BATCH, SERVED, Skew, skew_of

    resources = resources_of(project, context)
    rows = predictions.where(F.col("day").between(F.lit(first), F.lit(last)))
    groups, unknown, batches = *look_ups_of(resources.model_registry, versions_of(rows)), []
    for group in groups:
        try:
            found = look_up_again(resources.feature_store, group.spec, group.of(rows), BATCH, SERVED)
            batches += skew_of(found.rows, found.features, project.categorical) if found.rows is not None else []
        except (ValueError, PySparkException) as error:
            unknown.append(f"The features of {group} can't be looked up: {first_line(error)}")
        else:
            unknown += [f"{name} of {group} is not compared: {why}" for name, why in found.gone.items()]
    return Skew(sorted(batches, key=lambda batch: (batch.day, batch.model_name, batch.model_version)), unknown)


def predictions_of(
    project: Project, context: Context, first: date, last: date, lookups: Sequence[FeatureLookup]
) -> DataFrame | None:
    """The first prediction of each event of these days, told apart by identity and the keys of `lookups`.

    None where there is none, nothing is looked up, or the predictions lack what tells one event from another.
    """
    from pyspark.sql import functions as F

    from mlops_core.training.served import event_columns, first_served

    tables, name = resources_of(project, context).tables, project.scoped("predictions")
    if not lookups or not tables.exists(name):
        return None
    rows = tables.read(name).where(F.col("day").between(F.lit(first), F.lit(last)))
    if not {*rows.columns}.issuperset(project.events.identity) or not rows.take(1):
        return None
    return first_served(rows, event_columns(rows, project.events.identity, lookups))


def as_served_to(
    project: Project, context: Context, version: ModelVersion, rows: DataFrame, *, first: date, last: date
) -> DataFrame:
    """Events of these days with the features that `version` looks up: those that served where they were predicted.

    Without a feature specification, `rows` as they are: scoring says what is missing.
    """
    from mlops_core.training.served import WAS_SERVED

    resources = resources_of(project, context)
    spec = spec_of(resources.model_registry, version.version)
    if isinstance(spec, str):
        return rows
    lookups = look_ups(spec, [feature for feature in spec.features if feature.name not in rows.columns])
    if not lookups:
        return rows
    found = resources.feature_store.create_training_set(df=rows, feature_lookups=lookups, label=None).load_df()
    return with_served(project, context, found, first=first, last=last, lookups=lookups).drop(WAS_SERVED)


def with_served(
    project: Project, context: Context, rows: DataFrame, *, first: date, last: date, lookups: Sequence[FeatureLookup]
) -> DataFrame:
    """Rows with what `lookups` put out, with the features that served the events of these days, and `WAS_SERVED`."""
    from pyspark.sql import functions as F

    from mlops_core.training.served import as_served, event_columns

    served = predictions_of(project, context, first, last, lookups)
    if served is None:
        return as_served(rows, rows, (), {})
    groups, unknown = look_ups_of(resources_of(project, context).model_registry, versions_of(served))
    for sentence in unknown:
        context.log.warning(sentence)
    made: dict[str, list[str]] = {}
    for group in groups:
        for name in features_alike(group.spec, lookups) & {*served.columns}:
            made.setdefault(name, []).extend(group.names)
    stored = {name: F.expr(MADE_BY).isin(versions) for name, versions in made.items()}
    return as_served(rows, served, event_columns(served, project.events.identity, lookups), stored)


def training_skew(project: Project, context: Context, past: DataFrame, first: date, start: date) -> dict[str, float]:
    """Of the events to train on the share that was predicted before, and of these the share whose features differ.

    Empty where none was predicted. Of many predictions a sample is compared.
    """
    from mlops_core.training.baselines import COMPARISON_ROWS
    from mlops_core.training.sampling import at_most, rows_by_day

    last = start - timedelta(days=1)
    served = predictions_of(project, context, first, last, project.lookups)
    if served is None:
        return {}
    trained_on = past.select(*project.events.identity).distinct()
    days = rows_by_day(served := served.join(trained_on, list(project.events.identity), "left_semi"))
    if not days:
        return {}
    found = skew_between(project, context, at_most(project.events, served, days, COMPARISON_ROWS), first, last)
    for sentence in found.unknown:
        context.log.warning(sentence)
    compared = {SKEWED: found.share} if found.compared else {}
    return {PREDICTED_BEFORE: sum(days.values()) / past.count()} | compared


def versions_of(predictions: DataFrame) -> dict[Version, int]:
    """The versions that made them -> how many."""
    counts = predictions.groupBy("model_name", "model_version").count().orderBy("model_name", "model_version")
    return {(name, version): count for name, version, count in counts.collect()}


def look_ups_of(registry: ModelRegistry, versions: dict[Version, int]) -> tuple[list[Alike], list[str]]:
    """The versions by what they look up; and of those whose look-ups nobody knows any more, a sentence each."""
    groups: dict[object, Alike] = {}
    unknown = []
    for (name, version), count in versions.items():
        spec = spec_of(registry.of(name), version)
        if isinstance(spec, str):
            unknown.append(f"The {count:,} predictions by {_named([(name, version)])} are not compared: {spec}")
            continue
        key = (spec.features, tuple(sorted(spec.lookback_windows.items())))
        known = groups.setdefault(key, Alike(spec, ()))
        groups[key] = replace(known, versions=(*known.versions, (name, version)))
    return [group for group in groups.values() if group.spec.features], unknown


def _named(versions: Iterable[Version]) -> str:
    return ", ".join(f"version {version} of {name}" for name, version in versions)
