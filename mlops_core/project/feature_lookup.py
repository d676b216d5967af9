"""What a stage asks of the feature store: a look-up in the words of `databricks.feature_engineering.FeatureLookup`.

Stage code states its look-ups with this class and stays free of any client; the feature store adapters translate it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import timedelta

from mlops_core.project.names import require_columns, require_table


@dataclass(frozen=True)
class FeatureLookup:
    """Columns of one feature table, looked up for each row of a DataFrame.

    Args:
        table_name: The feature table: a plain name, `schema.name` or `catalog.schema.name`.
        lookup_key: Columns of the DataFrame that hold the table's primary keys without its time-series column, in
            the table's order and of the same types; another look-up may have put them out. A null key finds nothing.
        feature_names: One column of the table or several; None means all that are no keys, in alphabetical order.
        rename_outputs: Feature name -> name in the output.
        timestamp_lookup_key: The DataFrame's column of the moment for which features are wanted. A time-series table
            needs it, other tables refuse it. The newest row with `feature time <= this moment` is taken, as a whole.
        lookback_window: The oldest age of a row that may be taken, inclusive; zero means the same moment exactly,
            None any age. All look-ups in one table must state the same.
        default_values: Output name (after renaming) -> value that replaces nulls, also those of a row that matched; of
            the feature's own kind, so an integer such as 0 for an integer feature.

    Raises:
        ValueError: A look-back window without a timestamp key or below zero, a default value for a name that the
            look-up does not put out, a name that LightGBM, Delta or Unity Catalog would refuse or change.
    """

    table_name: str
    lookup_key: str | Sequence[str]
    _: KW_ONLY
    feature_names: str | Sequence[str] | None = None
    rename_outputs: Mapping[str, str] | None = None
    timestamp_lookup_key: str | None = None
    lookback_window: timedelta | None = None
    default_values: Mapping[str, bool | int | float | str] | None = None

    def __post_init__(self) -> None:
        self._check_names()
        self._check_lookback()
        self._check_defaults()

    @property
    def keys(self) -> tuple[str, ...]:
        """`lookup_key` as a tuple."""
        return as_tuple(self.lookup_key)

    @property
    def features(self) -> tuple[str, ...]:
        """`feature_names` as a tuple; empty means all of the table."""
        return as_tuple(self.feature_names)

    def output_name(self, feature_name: str) -> str:
        """The feature's name in the output."""
        return (self.rename_outputs or {}).get(feature_name, feature_name)

    def _check_names(self) -> None:
        place = f"FeatureLookup in '{self.table_name}'"
        require_table(self.table_name.rpartition(".")[2], place)
        require_columns(dict.fromkeys((*self.features, *(self.rename_outputs or {}))), place)
        require_columns((self.output_name(name) for name in self.features), place)
        require_columns((self.rename_outputs or {}).values(), place)

    def _check_lookback(self) -> None:
        if self.lookback_window is None:
            return
        if not self.timestamp_lookup_key:
            raise ValueError(
                f"FeatureLookup in '{self.table_name}': lookback_window needs timestamp_lookup_key, because only "
                "time-series tables are looked up by time."
            )
        if not isinstance(self.lookback_window, timedelta) or self.lookback_window < timedelta(0):
            raise ValueError(
                f"FeatureLookup in '{self.table_name}': lookback_window must be a timedelta of zero or more, "
                f"not {self.lookback_window!r}."
            )

    def _check_defaults(self) -> None:
        outputs = {self.output_name(name) for name in self.features}
        for name in self.default_values or {}:
            if name in (self.rename_outputs or {}):
                raise ValueError(
                    f"FeatureLookup in '{self.table_name}': '{name}' is renamed to '{self.output_name(name)}'; "
                    "default_values takes the new name."
                )
            if outputs and name not in outputs:
                raise ValueError(
                    f"FeatureLookup in '{self.table_name}': default_values has '{name}', which is none of the "
                    f"outputs {sorted(outputs)}."
                )


def check_lookups(lookups: Sequence[FeatureLookup]) -> None:
    """Refuse what is no look-up.

    Raises:
        TypeError: says what it is.
    """
    for lookup in lookups:
        if not isinstance(lookup, FeatureLookup):
            raise TypeError(f"feature_lookups takes FeatureLookup objects, not {lookup!r}.")


def as_tuple(names: str | Sequence[str] | None) -> tuple[str, ...]:
    """One name, several or none, as a tuple."""
    if names is None:
        return ()
    return (names,) if isinstance(names, str) else tuple(names)
