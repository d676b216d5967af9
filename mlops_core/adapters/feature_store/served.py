"""Looking up again what predictions were made with: by each version's own look-ups, in the tables as they are today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_core.adapters.feature_store.defaults import default_value
from mlops_core.adapters.feature_store.point_in_time import column
from mlops_core.adapters.feature_store.protocol import FeatureStore
from mlops_core.adapters.feature_store.spec import MODEL_DATA, SPEC_FILE, FeatureColumn, FeatureSpec
from mlops_core.adapters.model_registry import ModelRegistry
from mlops_core.adapters.registry_errors import is_unavailable, registry_answers
from mlops_core.project.columns import NUMBERS
from mlops_core.project.feature_lookup import FeatureLookup

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SPEC_IN_MODEL = f"data/{MODEL_DATA}/{SPEC_FILE}"


@dataclass(frozen=True)
class LookedUpAgain:
    """Predictions beside what is looked up for them today.

    `features` are those that can be compared, `gone` tells of each other one why not. Without any feature there are no
    `rows`.
    """

    rows: DataFrame | None
    features: tuple[str, ...] = ()
    gone: Mapping[str, str] = field(default_factory=dict)


def spec_of(registry: ModelRegistry, version: int) -> FeatureSpec | str:
    """The look-ups of a version of the registry's model, or why nobody knows them; no other file of it is read."""
    import mlflow
    from mlflow.exceptions import MlflowException

    mlflow.set_tracking_uri(registry.tracking_uri)
    mlflow.set_registry_uri(registry.registry_uri)
    with registry_answers(registry.tracking_uri):
        try:
            return FeatureSpec.from_yaml(mlflow.artifacts.load_text(f"{registry.get(version).uri}/{SPEC_IN_MODEL}"))
        except (LookupError, OSError, MlflowException) as error:
            if is_unavailable(error):
                raise
            return first_line(error)


def look_up_again(
    store: FeatureStore, spec: FeatureSpec, predictions: DataFrame, carried: Sequence[str], served: str
) -> LookedUpAgain:
    """The `carried` columns of predictions, their features as they are looked up today, and as `served` what they were.

    Args:
        spec: that of the versions that predicted.
        served: the name of a column with a stored feature, with braces for the feature's own.
    """
    gone = _gone(store, spec, dict(predictions.dtypes))
    found = [feature for feature in spec.features if feature.name not in gone]
    compared = tuple(feature.name for feature in found if feature.include)
    if not compared:
        return LookedUpAgain(None, (), gone)
    outputs = {feature.name for feature in found}
    times = {feature.timestamp_lookup_key for feature in found if feature.timestamp_lookup_key}
    keys = {key for feature in found for key in feature.lookup_key if key not in outputs} | times
    asked = predictions.dropna(subset=sorted(times)) if times else predictions  # without a time nothing is looked up
    asked = asked.select(
        *map(column, dict.fromkeys((*carried, *sorted(keys)))),
        *(column(name).alias(served.format(name)) for name in compared),
    )
    rows = store.create_training_set(df=asked, feature_lookups=look_ups(spec, found), label=None).load_df()
    return LookedUpAgain(rows, compared, gone)


def look_ups(spec: FeatureSpec, features: Sequence[FeatureColumn]) -> list[FeatureLookup]:
    """The look-ups of some of the features of `spec`."""
    return [_look_up(spec, feature) for feature in features]


def features_alike(spec: FeatureSpec, lookups: Sequence[FeatureLookup]) -> set[str]:
    """What `spec` and `lookups` both put out by the same name, from the same column, in the same way."""
    ours = {name for lookup in lookups for name in _each(lookup)}
    theirs = {feature.name: _each(_look_up(spec, feature)) for feature in spec.features if feature.include}
    return {name for name, stated in theirs.items() if stated <= ours}


def _each(lookup: FeatureLookup) -> set[tuple[object, ...]]:
    table, defaults = lookup.table_name.rpartition(".")[2], lookup.default_values or {}
    by = (table, lookup.keys, lookup.timestamp_lookup_key, lookup.lookback_window)
    outputs = {feature: lookup.output_name(feature) for feature in lookup.features}
    return {(*by, feature, output, defaults.get(output)) for feature, output in outputs.items()}


def _look_up(spec: FeatureSpec, feature: FeatureColumn) -> FeatureLookup:
    stated, renamed = feature.default, feature.name != feature.feature_name
    return FeatureLookup(
        feature.table_name,
        list(feature.lookup_key),
        feature_names=[feature.feature_name],
        rename_outputs={feature.feature_name: feature.name} if renamed else None,
        timestamp_lookup_key=feature.timestamp_lookup_key,
        lookback_window=spec.lookback_windows.get(feature.table_name),
        default_values={feature.name: default_value(stated, feature.data_type)} if stated else None,
    )


def _gone(store: FeatureStore, spec: FeatureSpec, stored: Mapping[str, str]) -> dict[str, str]:
    """Feature -> why it can't be looked up or compared."""
    tables = {name: _types(store, name) for name in {feature.table_name for feature in spec.features}}
    found = ((feature.name, _why(feature, tables[feature.table_name], stored)) for feature in spec.features)
    gone = {name: why for name, why in found if why}
    while keyless := _keyless([feature for feature in spec.features if feature.name not in gone], stored):
        gone |= keyless
    return gone


def _why(feature: FeatureColumn, types: Mapping[str, str] | str, stored: Mapping[str, str]) -> str | None:
    if isinstance(types, str):
        return f"the feature table {feature.table_name} can't be read: {types}"
    today = types.get(feature.feature_name)
    if today is None:
        return f"the feature table {feature.table_name} no longer has {feature.feature_name}"
    if not feature.include:  # a key of other look-ups
        return None
    was = stored.get(feature.name)
    if was is None:
        return "the predictions lack it"
    if was != today and not {was, today}.issubset(NUMBERS):
        return f"it is {today} in {feature.table_name}, and was served as {was}"
    return None


def _keyless(features: Sequence[FeatureColumn], stored: Mapping[str, str]) -> dict[str, str]:
    known = {*stored, *(feature.name for feature in features)}
    asked = {feature.name: (*feature.lookup_key, feature.timestamp_lookup_key) for feature in features}
    lacking = {name: next((key for key in keys if key and key not in known), None) for name, keys in asked.items()}
    return {name: f"the predictions lack {key}, by which it is looked up" for name, key in lacking.items() if key}


def _types(store: FeatureStore, table: str) -> Mapping[str, str] | str:
    """Column -> type, or why the table can't be read."""
    from pyspark.errors import PySparkException

    try:
        return dict(store.read_table(name=table).dtypes)
    except (ValueError, LookupError, PySparkException) as error:
        return first_line(error)


def first_line(error: BaseException) -> str:
    """What an error says, without what engines add below it."""
    return next(iter(str(error).splitlines()), type(error).__name__)
