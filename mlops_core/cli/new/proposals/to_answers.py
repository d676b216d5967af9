"""The answers of a new project, from what its rows and a person say."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_core.cli.new.answers import Answers, ColumnAnswer, EntityAnswer, InputAnswer, SampleAnswer
from mlops_core.cli.new.ask import Decisions, Proposal
from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.proposals import draws, entities, inputs, limits, segments, value_rules
from mlops_core.cli.new.proposals.declared import declared
from mlops_core.cli.new.proposals.found import Asked, Found
from mlops_core.cli.new.proposals.labels import Label
from mlops_core.config.target_values import OWNER

NOBODY: str = Answers.model_fields["owner"].default


def answers_of(asked: Asked, found: Found, decide: Decisions) -> Answers:
    """The answers, of which `decide` tells what is not told yet.

    Raises:
        NewProjectError: they contradict each other.
    """
    profile, label, times = found.profile, found.label, found.times
    events = f"{found.noun.replace(' ', '_')}s"
    computed = inputs.of_the_time(profile, times.event_time, decide)
    tables = entities.feature_tables(profile, label, found.windows, events, asked.unit)
    ruled = [name for name in found.ruled if profile.distinct[name] > 2]  # noqa: PLR2004, two are no range
    owner = decide.settle(
        "--owner", "Who owns it (team:<name> or an email address)?", asked.owner, Proposal(NOBODY, "nobody is named")
    )
    if not OWNER.fullmatch(owner):
        raise NewProjectError(f"--owner is {owner!r}: name a team, as team:<name>, or a person by an email address.")
    metric, worst = limits.monitored(label.kind, found.measured, decide)
    answers = Answers(
        project=asked.project,
        owner=owner,
        title=asked.title or title_of(label, found.noun),
        kind=label.kind,
        noun=found.noun,
        events=events,
        source=profile.source,
        source_table=profile.source_table,
        times=profile.times,
        time_zone=profile.time_zone,
        event_time=times.event_time,
        known_at=times.known_at,
        label=label.column,
        label_unit=asked.unit,
        classes=label.classes,
        identity=found.identity,
        longest_hours=found.days.longest_hours,
        first_day=str(found.days.first),
        last_day="" if found.days.goes_on else str(found.days.last),
        holdout_days=found.days.holdout,
        columns=tuple(_column(found, name, asked.unit) for name in found.columns),
        rules=value_rules.rules_of(profile, ruled, decide),
        entities=tables,
        inputs=found.inputs.names,
        encoded=tuple(name for name in found.inputs.categorical if name not in found.keys_only),
        keys_only=found.keys_only,
        computed_inputs=computed,
        slices=segments.slices_of(
            profile,
            times.event_time,
            [name for name in found.by_gain if name in found.inputs.categorical],
            found.numbers,
            decide,
        ),
        not_watched=_not_watched(computed, tables),
        thresholds=limits.thresholds_of(label.kind, found.measured, decide),
        metric_to_monitor=metric,
        metric_violation_threshold=worst,
        label_delay_days=found.days.label_delay,
        late_days=found.days.late,
        sample=_sample(found),
        rows_a_day=found.days.rows_a_day,
        model_name=f"{asked.project}_model",
    )
    declared(answers)
    return answers


def _not_watched(computed: Sequence[InputAnswer], tables: Sequence[EntityAnswer]) -> tuple[str, ...]:
    """The weekday, and features of a day and longer: each day has others."""
    weekday = (each.name for each in computed if each.expression.startswith("(dayofweek"))
    features = (feature.name for table in tables for window in table.windows for feature in window.features)
    return (*weekday, *features)


def title_of(label: Label, noun: str) -> str:
    """What is predicted, in a line."""
    if label.positive:
        return f"Probability that {label.source} of {article(noun)} is {label.positive}"
    of = {"binary": "probability of ", "multiclass": "class of ", "regression": ""}[label.kind]
    said = f"{of}{label.column.replace('_', ' ')} of {article(noun)}"
    return said[0].upper() + said[1:]


def article(noun: str) -> str:
    """The noun with its indefinite article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _column(found: Found, name: str, unit: str) -> ColumnAnswer:
    profile, times = found.profile, found.times
    late = name in found.late
    required = (times.event_time, times.known_at, found.label.column, *found.identity)
    return ColumnAnswer(
        name=name,
        type=profile.types[name],
        meaning=_meaning(found, name),
        unit=unit if name == found.label.column else "",
        nullable=name not in required and (late or profile.nulls[name] > 0),
        known_late=late,
        categorical=name in found.inputs.categorical and profile.types[name] not in ("string", "boolean"),
        computed_by=profile.computed.get(name, ""),
        csv_format=profile.readings[name].csv_format if name in profile.readings else "",
    )


def _meaning(found: Found, name: str) -> str:
    words = name.replace("_", " ").strip().capitalize()
    if name == found.times.event_time:
        return f"{words}: when it happens, and is predicted"
    if name == found.times.known_at:
        return f"{words}: when its label is known; null until then"
    if name == found.label.column:
        return f"{words}: what is predicted; null until known"
    return words


def _sample(found: Found) -> SampleAnswer:
    source = [name for name in found.columns if name not in found.profile.computed]
    return draws.sample_of(
        found.profile,
        found.label,
        found.times,
        columns=source,
        identity=found.identity,
        entity=next(iter(found.entities), ""),
    )
