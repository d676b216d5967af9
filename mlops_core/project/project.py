"""A project: its events, the feature tables made of them, and the models that predict them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from pathlib import Path

from mlops_core.project.checks import (
    check_models,
    check_project,
    check_segments,
    check_tables,
    require_all,
    require_prefix,
)
from mlops_core.project.columns import Column, DeclarationError, choices, require_known
from mlops_core.project.events import DAY, EventTable
from mlops_core.project.expressions import named_columns
from mlops_core.project.feature_lookup import FeatureLookup
from mlops_core.project.feature_tables import FeatureTable
from mlops_core.project.model import Input, Model
from mlops_core.project.names import require_columns
from mlops_core.project.of_a_model import NAMED, SCOPED


@dataclass(frozen=True)
class Project:
    """What only a project can know.

    Args:
        package: The Python package that declares it, beside whose code its databricks.yml and requirements.txt lie.
        events: What is predicted.
        feature_tables: What is looked up for an event.
        models: What predicts. With several, each has its own of what `of_a_model` lists, called by its short name.
        prefix: What its names in Dagster begin with, where another project or a team's own definitions are beside it:
            letters, digits and underscores, a letter first. Tables and models go without it.
        part_of: The project of several models of which this is the project of one; `of` states it, no declaration.

    Raises:
        DeclarationError: No model, nothing to predict, two tables of one name, a look-up in a table that isn't the
            project's or by a column that isn't an input of the table's type, an input that isn't known when an event
            is predicted, or a prefix that Dagster refuses.
        NameRefusedError: Two inputs or features of one name.
    """

    package: str
    _: KW_ONLY
    events: EventTable
    feature_tables: tuple[FeatureTable, ...]
    models: tuple[Model, ...]
    prefix: str = ""
    part_of: Project | None = None

    def __post_init__(self) -> None:
        require_prefix(self.prefix, f"Project '{self.package}', prefix")
        require_all(self.feature_tables, FeatureTable, f"Project '{self.package}', feature_tables")
        require_all(self.models, Model, f"Project '{self.package}', models")
        check_models(self)
        object.__setattr__(self, "events", self._labelled())
        check_tables(self)
        _ = self.events.label_column  # what is predicted has one
        if len(self.models) > 1:
            _ = self.each  # checks the project of each model
            return
        require_columns((*self.input_columns, *self.looked_up, DAY), f"The inputs and look-ups of '{self.model.name}'")
        check_segments(self)
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

    @property
    def model(self) -> Model:
        """The model of a project of one.

        Raises:
            DeclarationError: it has several.
        """
        if len(self.models) > 1:
            raise DeclarationError(f"Project '{self.package}' has several models: {choices(self.short_names)}")
        return self.models[0]

    @property
    def short_names(self) -> tuple[str, ...]:
        """Of its models."""
        return tuple(model.short_name for model in self.models)

    @property
    def scope(self) -> str:
        """The short name of its model where that is one of several, else empty."""
        return self.model.short_name if self.part_of else ""

    @property
    def whose(self) -> str:
        """What a name for people says of the model: its name and a blank where it is one of several, else nothing."""
        return f"{self.model.name} " if self.scope else ""

    @cached_property
    def each(self) -> tuple[Project, ...]:
        """The project of each model: itself, where there is one."""
        if len(self.models) == 1:
            return (self,)
        return tuple(replace(self, models=(model,), part_of=self) for model in self.models)

    def of(self, name: str) -> Project:
        """The project of the model of this name, or short name: events with its label, names with its scope.

        Raises:
            DeclarationError: there is none.
        """
        for project in self.each:
            if name in (project.model.name, project.model.short_name):
                return project
        raise DeclarationError(f"Project '{self.package}' has no model '{name}'; {choices(self.short_names)}")

    def named(self, name: str) -> str:
        """What it calls something in Dagster that others may have too: a job, a sensor, a resource."""
        return "_".join(part for part in (self.prefix, self.scope if name in NAMED else "", name) if part)

    def scoped(self, name: str) -> str:
        """What it calls an asset, a table or an op: with the model's short name what each of several has."""
        return f"{self.scope}_{name}" if self.scope and name in SCOPED else name

    @cached_property
    def event_tables(self) -> tuple[EventTable, ...]:
        """What is predicted, and the other events that labels come from or feature tables are made of; labels first."""
        tables = {each.name: each for each in (*labels_of(self.events), self.events)}
        made_of = [(table.name, events) for table in self.feature_tables for events in table.sources]
        for name, events in made_of:
            tables |= {each.name: each for each in labels_of(events) if each.name not in tables}
            known = tables.setdefault(events.name, events)
            if not known.has_the_rows_of(events) and events != known.as_they_happen:
                raise DeclarationError(
                    f"Feature table '{name}' is made of other events called '{events.name}' than the rest of the "
                    "project: rename them, or declare them once."
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

    def _labelled(self) -> EventTable:
        """The events with the label of the only model, and the outcome of all."""
        events, own = self.events, [model for model in self.models if model.label]
        if not own:
            return events
        outcome = (*events.outcome, *(name for model in own for name in (model.label, model.known_at) if name))
        if len(self.models) > 1:
            return events.labelled(events.label_name, events.known_at, outcome)
        return events.labelled(own[0].label, own[0].known_at or events.known_at, outcome)

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


def labels_of(events: EventTable) -> tuple[EventTable, ...]:
    """The table of their labels, where that is another one."""
    return (events.label_source.table,) if events.label_source else ()


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
