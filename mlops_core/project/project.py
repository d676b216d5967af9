"""A project: its events and the feature tables made of them."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property

from mlops_core.project.columns import DeclarationError, choices, require_known
from mlops_core.project.events import EventTable
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core.project.feature_tables import FeatureTable
from mlops_core.project.names import require_columns
from mlops_core.project.slices import Slice
from mlops_core.tasks import Task


@dataclass(frozen=True)
class Project:
    """What only a project can know.

    Args:
        events: What is predicted.
        feature_tables: What is looked up for an event.
        task: What kind of problem it is.
        slices: By what predictions are looked at besides as a whole.
        lookups: How; by default all features of all tables, at the time of the event.

    Raises:
        DeclarationError: Events without a label, two tables of one name, or a look-up in a table that isn't the
            project's.
        NameRefusedError: Two features of one name.
    """

    _: KW_ONLY
    events: EventTable
    feature_tables: tuple[FeatureTable, ...]
    task: Task
    slices: tuple[Slice, ...] = ()
    lookups: tuple[FeatureLookup, ...] = ()

    def __post_init__(self) -> None:
        _ = self.events.label_column  # what is predicted has one
        names = [self.events.name, *(table.name for table in self.feature_tables)]
        for name in names:
            if names.count(name) > 1:
                raise DeclarationError(f"Two tables of the project are called '{name}': rename one of them.")
        lookups = self.lookups or tuple(table.look_up() for table in self.feature_tables)
        object.__setattr__(self, "lookups", tuple(map(self._named, lookups)))
        require_columns(self.looked_up, "The look-ups of the project")
        for each in self.slices:
            require_known([each.column], self.events.types, f"Slice '{each.name}'")
        require_columns((each.name for each in self.slices), "The slices of the project")

    @cached_property
    def looked_up(self) -> tuple[str, ...]:
        """The features by the names that their look-ups put out."""
        return tuple(name for lookup in self.lookups for name in self.outputs(lookup).values())

    @cached_property
    def looked_up_from(self) -> dict[str, tuple[str, str]]:
        """What a look-up puts out -> (feature table, feature)."""
        return {
            output: (lookup.table_name, name)
            for lookup in self.lookups
            for name, output in self.outputs(lookup).items()
        }

    @property
    def units(self) -> dict[str, str]:
        """Column of the events, or looked-up feature -> what its numbers are in, where that is declared."""
        features = {
            output: next(column for column in self.table(table).features if column.name == feature)
            for output, (table, feature) in self.looked_up_from.items()
        }
        declared = {column.name: column for column in self.events.columns} | features
        return {name: column.unit for name, column in declared.items() if column.unit}

    def outputs(self, lookup: FeatureLookup) -> dict[str, str]:
        """Feature that a look-up takes -> the name under which it puts it out."""
        return {name: lookup.output_name(name) for name in lookup.features}

    def table(self, name: str) -> FeatureTable:
        """The feature table of that name."""
        return next(table for table in self.feature_tables if table.name == name)

    def _named(self, lookup: FeatureLookup) -> FeatureLookup:
        """The look-up with its features by name: "all" would be those of the stored table, of which some may be old."""
        tables = {table.name: table for table in self.feature_tables}
        if lookup.table_name not in tables:
            raise DeclarationError(f"A look-up names no feature table, '{lookup.table_name}'; {choices(tables)}")
        features = tables[lookup.table_name].feature_columns
        require_known(lookup.features, features, f"The look-up in '{lookup.table_name}'")
        return replace(lookup, feature_names=list(lookup.features or features))
