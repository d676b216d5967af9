"""From sampled rows to what a project is made of, decision by decision."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from mlops_core.cli.new.ask import Decisions, Proposal
from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.proposals import days, entities, identity, inputs, labels, leaks, recent, roles, value_rules
from mlops_core.cli.new.proposals.engine import values_of
from mlops_core.cli.new.proposals.labels import Label
from mlops_core.cli.new.proposals.profile import Profile
from mlops_core.cli.new.proposals.quick_model import LEAST, Measured, matrix, measured, target
from mlops_core.cli.new.proposals.roles import Times
from mlops_core.project.expressions import named_columns

_NOUN = re.compile(r"[a-z]+([ _][a-z]+)*")
_TAKEN = ("slices", "classes")
_SHOWN = 5


@dataclass(frozen=True)
class Asked:
    """What a person said; empty where nothing."""

    project: str
    kind: str = ""
    event_time: str = ""
    known_at: str = ""
    known_at_sql: str = ""
    known_after: str = ""
    label: str = ""
    label_sql: str = ""
    positive: str = ""
    identity: tuple[str, ...] = ()
    entities: tuple[str, ...] = ()
    known_late: tuple[str, ...] = ()
    known_in_time: tuple[str, ...] = ()
    noun: str = ""
    owner: str = ""
    unit: str = ""
    title: str = ""


@dataclass(frozen=True)
class Found:
    """What the rows and a person say.

    Args:
        late: Columns that are known only with the label.
        entities: What features are kept of, in `windows`.
        measured: What a quick model reaches, and what it gains of each input.
    """

    noun: str
    profile: Profile
    times: Times
    label: Label
    days: days.Days
    late: tuple[str, ...]
    identity: tuple[str, ...]
    entities: tuple[str, ...]
    windows: tuple[recent.Window, ...]
    inputs: inputs.Inputs
    measured: Measured

    @property
    def by_gain(self) -> list[str]:
        """The inputs, the most useful first."""
        return sorted(self.inputs.names, key=lambda name: -self.measured.gain.get(name, 0))

    @property
    def numbers(self) -> list[str]:
        """Those that are numbers."""
        return [name for name in self.by_gain if name not in self.inputs.categorical]

    @property
    def keys_only(self) -> tuple[str, ...]:
        """The entities that have too many values for a model to learn one by one."""
        return tuple(name for name in self.entities if self.profile.distinct[name] > inputs.MOST_LEVELS)

    @property
    def ruled(self) -> list[str]:
        """The numbers that rules are proposed of."""
        return [*([self.label.column] if self.label.kind == "regression" else []), *self.numbers]

    @property
    def columns(self) -> list[str]:
        """The columns of the events, in the order of the source."""
        roles = (self.times.event_time, self.times.known_at, self.label.source, self.label.column, *self.label.of)
        named = {*roles, *self.identity, *self.late, *self.inputs.names}
        return [name for name in self.profile.types if name in named]


def find(asked: Asked, profile: Profile, decide: Decisions, today: date) -> Found:
    """Decide one after the other, each from what is decided already.

    Raises:
        NewProjectError: the rows make no project, or what was said contradicts them.
    """
    left_out = inputs.without_taken_names(profile)
    profile = replace(
        profile,
        types={name: kind for name, kind in profile.types.items() if name not in left_out},
        unusable={**profile.unusable, **left_out},
    )
    noun = _noun(asked, profile, decide)
    profile, time = roles.event_time(profile, asked.event_time, decide)
    profile, times, timed_by = _times(asked, profile, time, decide)
    profile, label = _label(asked, profile, times, decide)
    found_days = days.days_of(profile, label, times, today, decide)
    late = leaks.late_columns(
        profile, label, times, late=(*asked.known_late, *timed_by), in_time=asked.known_in_time, decide=decide
    )
    unknown = {label.column, label.source, *label.of, times.known_at, *late}
    ids = identity.identity_of(profile, time, unknown, asked.identity, decide)
    possible = [name for name in profile.types if name not in {*unknown, time, *(ids if len(ids) == 1 else ())}]
    kept = entities.entities_of(profile, label, possible, asked.entities, decide)
    seen = inputs.inputs_of(profile, time, unknown, identity=ids, entities=kept)
    if not seen.names:
        reasons = "; ".join(f"'{name}': {why}" for name, why in list(seen.left_out.items())[:_SHOWN])
        raise NewProjectError(
            f"Nothing is left that a model could see of one {noun} ({reasons or 'all others are known late'}): give it "
            "rows with more columns, or vouch for one with --known-in-time."
        )
    windows, quick = _quick(profile, label, times, found_days, seen=seen, entities=kept, decide=decide)
    kept = tuple(name for name in kept if any(name == entity for entity, _ in windows))
    seen = inputs.inputs_of(profile, time, unknown, identity=ids, entities=kept)
    seen = inputs.most_useful(seen, quick.gain, kept)
    _tell_inputs(seen, profile.unusable, decide)
    profile, times = _with_known_at(profile, times, today)
    return Found(noun, profile, times, label, found_days, tuple(late), ids, kept, windows, seen, quick)


def _noun(asked: Asked, profile: Profile, decide: Decisions) -> str:
    place = profile.source_table.rpartition(".")[2] or re.split(r"[/\\]", profile.source.rstrip("/"))[-1]
    words = [
        word if word.endswith("ss") else word.removesuffix("s")
        for word in re.findall(r"[a-z]{4,}", place.partition(".")[0].lower())
    ]
    named = next((word for word in reversed(words) if word != asked.project), "")
    reason = "after the name of the source" if named else "the source's name says no other word than the project's"
    noun = decide.settle("--noun", "What is one row called?", asked.noun, Proposal(named or "event", reason))
    if not _NOUN.fullmatch(noun):
        raise NewProjectError(f"--noun is {noun!r}: use lower-case letters and blanks, such as 'order' or 'bike ride'.")
    if f"{noun}s" in _TAKEN:
        raise NewProjectError(f"--noun is '{noun}', and {noun}s are something else in a project: choose another word.")
    return noun.replace("_", " ")


def _times(asked: Asked, profile: Profile, time: str, decide: Decisions) -> tuple[Profile, Times, tuple[str, ...]]:
    """When labels are known, in a column that is computed where SQL says it, and the columns that it is computed of."""
    if not asked.known_at_sql:
        return profile, roles.known_at(profile, time, asked.known_at, asked.known_after, decide), ()
    import pandas as pd

    name, argument = asked.known_at or labels.free_name("known_at", profile), "--known-at-sql"
    kind, values, sql = values_of(profile, asked.known_at_sql, argument)
    if kind != "timestamp" or name in profile.types:
        what = f"gives a {kind} and no timestamp" if kind != "timestamp" else f"makes '{name}', which is there already"
        raise NewProjectError(f"{argument} {sql!r} {what}: say when the label is known, under another --known-at.")
    made = profile.with_column(name, "timestamp", pd.to_datetime(values).astype("datetime64[us]"), sql)
    times = roles.known_at(made, time, name, "", decide)
    return made, times, tuple(each for each in named_columns(sql, profile.types) if each != time)


def _label(asked: Asked, profile: Profile, times: Times, decide: Decisions) -> tuple[Profile, Label]:
    of: tuple[str, ...] = ()
    if asked.label_sql:
        profile, name, of = labels.computed_label(profile, asked.label_sql, asked.label, times)
        decide.tell("label", name, f"computed by {asked.label_sql}")
        if profile.distinct[name] < 2:  # noqa: PLR2004, something to tell apart
            raise NewProjectError(
                f"--label-sql {asked.label_sql!r} is the same in every row: there is nothing to predict."
            )
    else:
        name = roles.label(profile, times, asked.label, decide)
    kind = labels.kind_of(profile, name, asked.kind, decide)
    return labels.shaped(profile, kind, name, of, positive=asked.positive, decide=decide)


def _quick(
    profile: Profile,
    label: Label,
    times: Times,
    found: days.Days,
    *,
    seen: inputs.Inputs,
    entities: Sequence[str],
    decide: Decisions,
) -> tuple[tuple[recent.Window, ...], Measured]:
    """The windows that help a quick model on the days held out, and what it reaches of the inputs alone."""
    numbers = [name for name in seen.names if name not in seen.categorical]
    ruled = [*([label.column] if label.kind == "regression" else []), *numbers]
    known = labels.has_label(profile, label, times) & ~value_rules.is_broken(profile, ruled)
    is_held_out = days.held_out(profile, times, found)[known]
    values = target(profile, label)[known].astype(float)
    if min(int(is_held_out.sum()), int((~is_held_out).sum())) < LEAST:
        raise NewProjectError(
            f"Only {int(is_held_out.sum())} rows with a label are of the days held out, from {found.held_out_from} on: "
            "too few to measure a model; give it a source with more rows."
        )
    names = list(seen.names)
    table = matrix(profile, names)[known]
    clock = profile.frame[times.event_time][known].dt
    table = table.assign(_hour=clock.hour, _weekday=clock.weekday)
    if len(names) > inputs.MOST_INPUTS:
        gain = measured(table, values, label, is_held_out).gain
        table = table[sorted(gain, key=lambda name: -gain[name])[: inputs.MOST_INPUTS]]
    recents = recent.recents_of(profile, times, target(profile, label), known, entities)
    windows, base, best = recent.windows_of(table, recents, values, label, is_held_out)
    recent.tell(decide, windows, bool(entities), without=base, kind=label, found=best)
    return tuple(recents) if decide.is_a_persons("--entity") else windows, base


def _tell_inputs(seen: inputs.Inputs, unusable: Mapping[str, str], decide: Decisions) -> None:
    decide.tell("inputs", ", ".join(seen.names), "known when the event happens")
    if seen.categorical:
        decide.tell("categories", ", ".join(seen.categorical), "texts, booleans, and numbers that are codes")
    for name, why in (seen.left_out | dict(unusable)).items():
        decide.tell("left out", name, why)


def _with_known_at(profile: Profile, times: Times, today: date) -> tuple[Profile, Times]:
    """The profile with a column that says when the label is known, where that is a fixed time after the event."""
    import pandas as pd

    if times.after is None:
        return profile, times
    name = labels.free_name("known_at", profile)
    hours = times.after // timedelta(hours=1)
    zone = profile.time_zone
    clock = "current_timestamp()" if zone == "UTC" else f"from_utc_timestamp(current_timestamp(), '{zone}')"
    at = f"{times.event_time} + INTERVAL {hours} HOURS"
    values = profile.frame[times.event_time] + times.after
    values = values.mask(values > pd.Timestamp(today) + pd.Timedelta(days=1))
    made = profile.with_column(name, "timestamp", values, f"CASE WHEN {at} <= {clock} THEN {at} END")
    return made, replace(times, known_at=name)
