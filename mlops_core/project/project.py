"""A project: its events, the feature tables made of them, and the model that predicts them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from pathlib import Path

from mlops_core.project.checks import check_project, require_all, require_prefix
from mlops_core.project.columns import Column, DeclarationError, choices, require_known
from mlops_core.project.events import DAY, EventTable
from mlops_core.project.expressions import named_columns
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core.project.feature_tables import FeatureTable
from mlops_core.project.model import Input, Model
from mlops_core.project.names import require_columns


@dataclass(frozen=True)
class Project:
    """What only a project can know.

    Args:
        package: The Python package that declares it, beside whose code its databricks.yml and requirements.txt lie.
        events: What is predicted.
        feature_tables: What is looked up for an event.
        model: What predicts.
        prefix: What its names in Dagster begin with, where another project or a team's own definitions are beside it:
            letters, digits and underscores, a letter first. Tables and models go without it.

    Raises:
        DeclarationError: Events without a label, two tables of one name, a look-up in a table that isn't the
            project's or by a column that isn't an input of the table's type, an input that isn't known when an event
            is predicted, or a prefix that Dagster refuses.
        NameRefusedError: Two inputs or features of one name.
    """

    package: str
    _: KW_ONLY
    events: EventTable
    feature_tables: tuple[FeatureTable, ...]
    model: Model
    prefix: str = ""

    def __post_init__(self) -> None:
        require_prefix(self.prefix, f"Project '{self.package}', prefix")
        require_all(self.feature_tables, FeatureTable, f"Project '{self.package}', feature_tables")
        _ = self.events.label_column  # what is predicted has one
        events = [table.name for table in self.event_tables]
        names = [*events, self.model.name, *(table.name for table in self.feature_tables)]
        for name in names:
            if names.count(name) > 1:
                raise DeclarationError(f"Two tables or models of the project are called '{name}': rename one of them.")
        require_columns((*self.input_columns, *self.looked_up, DAY), f"The inputs and look-ups of '{self.model.name}'")
        for each in self.model.slices:
            known_in_time = [name for name in self.events.types if name not in self.events.known_late]
            require_known([each.column], known_in_time, f"Slice '{each.name}'")
        require_known(self.model.not_watched, self.predicted_columns, f"Model '{self.model.name}', not_watched")
        check_project(self)

    @property
    def folder(self) -> Path:
        """Where its package lies."""
        return folder_of(self.package)

    @property
    def root(self) -> Path:
        """The folder from which its package is imported."""
        return self.folder.parents[self.package.count(".")]

    def named(self, name: str) -> str:
        """What it calls something in Dagster that others may have too: a job, a sensor, a resource."""
        return f"{self.prefix}_{name}" if self.prefix else name

    @cached_property
    def event_tables(self) -> tuple[EventTable, ...]:
        """What is predicted, and the other events that feature tables are made of."""
        tables = {self.events.name: self.events}
        for table in self.feature_tables:
            if tables.setdefault(table.events.name, table.events) != table.events:
                raise DeclarationError(
                    f"Feature table '{table.name}' is made of other events called '{table.events.name}' than the rest "
                    "of the project: rename them, or declare them once."
                )
        return tuple(tables.values())

    @cached_property
    def inputs(self) -> tuple[Column, ...]:
        """What the model sees of an event itself, in the order of the declaration."""
        place = f"Model '{self.model.name}', inputs"
        found = [self._input(each, place) for each in self.model.training.inputs]
        for column in found:
            late = [name for name in self.sources(column) if name in self.events.known_late]
            if late:
                raise DeclarationError(
                    f"{place}: '{late[0]}' is not known yet when a {self.events.noun} is predicted, so '{column.name}' "
                    "would leak the label."
                )
        return tuple(found)

    @cached_property
    def input_columns(self) -> dict[str, tuple[str, str]]:
        """Time of the event and inputs -> type and meaning: what a caller of the model gives."""
        time = self.events.column(self.events.event_time)
        return {column.name: (column.type, column.text) for column in (time, *self.inputs)}

    @cached_property
    def predicted_columns(self) -> dict[str, tuple[str, str]]:
        """What stands beside a prediction -> type and meaning: time, inputs and looked-up features."""
        return self.input_columns | {
            output: self.table(table).feature_columns[feature]
            for output, (table, feature) in self.looked_up_from.items()
        }

    @cached_property
    def categorical(self) -> frozenset[str]:
        """The columns of events, inputs and looked-up features whose values are names."""
        columns = {column.name: column for column in (*self.events.columns, *self.inputs)}
        return frozenset(name for name, column in (columns | self._looked_up).items() if column.is_categorical)

    def sources(self, column: Column) -> tuple[str, ...]:
        """The event columns that an input is made of."""
        if not isinstance(column, Input):
            return (column.name,)
        return named_columns(column.expression, self.events.types)

    @cached_property
    def lookups(self) -> tuple[FeatureLookup, ...]:
        """The look-ups, each with its features by name."""
        stated = self.model.lookups or tuple(table.look_up(self.events) for table in self.feature_tables)
        named, known = tuple(map(self._named, stated)), {name: kind for name, (kind, _) in self.input_columns.items()}
        for lookup in named:
            self._check_keys(lookup, known)
            columns = self.table(lookup.table_name).feature_columns
            known |= {output: columns[name][0] for name, output in self.outputs(lookup).items()}
        return named

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
    def carried(self) -> tuple[str, ...]:
        """What identifies an event, and what slices go by, beyond its inputs: predictions carry it."""
        named = (*self.events.identity, *(each.column for each in self.model.slices))
        return tuple(name for name in dict.fromkeys(named) if name not in self.input_columns)

    @property
    def units(self) -> dict[str, str]:
        """Column of the events, or looked-up feature -> what its numbers are in, where that is declared."""
        declared = {column.name: column for column in (*self.events.columns, *self.inputs)} | self._looked_up
        return {name: column.unit for name, column in declared.items() if column.unit}

    def outputs(self, lookup: FeatureLookup) -> dict[str, str]:
        """Feature that a look-up takes -> the name under which it puts it out."""
        return {name: lookup.output_name(name) for name in lookup.features}

    def table(self, name: str) -> FeatureTable:
        """The feature table of that name."""
        return next(table for table in self.feature_tables if table.name == name)

    @property
    def _looked_up(self) -> dict[str, Column]:
        return {
            output: next(column for column in self.table(table).features if column.name == feature)
            for output, (table, feature) in self.looked_up_from.items()
        }

    def _input(self, stated: str | Input, place: str) -> Column:
        if isinstance(stated, Input):
            return stated
        require_known([stated], self.events.types, place)
        return self.events.column(stated)

    def _named(self, lookup: FeatureLookup) -> FeatureLookup:
        """The look-up with its features by name: "all" would be those of the stored table, of which some may be old."""
        tables = {table.name: table for table in self.feature_tables}
        if lookup.table_name not in tables:
            raise DeclarationError(f"A look-up names no feature table, '{lookup.table_name}'; {choices(tables)}")
        features = tables[lookup.table_name].feature_columns
        require_known(lookup.features, features, f"The look-up in '{lookup.table_name}'")
        return replace(lookup, feature_names=list(lookup.features or features))

    def _check_keys(self, lookup: FeatureLookup, known: Mapping[str, str]) -> None:
        """A look-up goes by what the model sees, or an earlier look-up puts out; `known` has their types."""
        table, place = self.table(lookup.table_name), f"The look-up in '{lookup.table_name}'"
        given, keys = (*lookup.keys, lookup.timestamp_lookup_key or ""), table.primary_keys
        if len(given) != len(keys):
            raise DeclarationError(
                f"{place}: lookup_key names {len(given) - 1} columns, {', '.join(lookup.keys)}, for the table's keys "
                f"{', '.join(table.entity)}."
            )
        for name, key in zip(given, keys, strict=True):
            kind, _ = table.columns[key]
            if name not in known:
                raise DeclarationError(
                    f"{place}: it goes by '{name}', which is no input of '{self.model.name}'; {choices(known)}"
                )
            if known[name] != kind:
                raise DeclarationError(f"{place}: '{name}' is {known[name]}, and the key '{key}' is {kind}.")


def folder_of(package: str) -> Path:
    """Where an import package lies.

    Raises:
        DeclarationError: there is none of this name.
    """
    if not _is_package(package):
        raise DeclarationError(
            f"There is no package '{package}' to import: name the one whose project.py declares the project, and start "
            "Python in the folder that it lies in."
        )
    return Path(str(importlib.import_module(package).__file__)).resolve().parent


def _is_package(name: str) -> bool:
    try:
        found = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # a parent that is none, or no name
        return False
    return found is not None and found.submodule_search_locations is not None
