"""Which column is which: when an event happens, when its label is known, what is predicted."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta

from mlops_core.cli.new.ask import Decisions, Proposal
from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.proposals.profile import WHISKER, Profile
from mlops_core.project.columns import DATE_FORMATS, NUMBERS, ColumnType
from mlops_core.project.events import DAY

_LABELS = re.compile(
    r"^(label|target|y|class|outcome|response)$|churn|default|fraud|late$|is_|_amount$|price|sales|cnt$|count$"
    r"|converted|cancel|returned|_delay$|survived|revenue|demand|status|rating|score"
)
_BEGINS = re.compile(r"start|begin|creat|open|pick|order|sched|post|event|signup|request|time|date|snapshot")
_KNOWN = re.compile(r"end|clos|deliver|drop|resolv|complet|known|finish|label|arriv|land|paid|return|updat|settl")
_DURATION = re.compile(r"(\d+)\s*(h|d|w)")
_HOURS = {"h": 1, "d": 24, "w": 168}


@dataclass(frozen=True)
class Times:
    """The time of the events, and the column that says when their label is known, or how long after it is."""

    event_time: str
    known_at: str
    after: timedelta | None = None


def event_time(profile: Profile, given: str, decide: Decisions) -> tuple[Profile, str]:
    """The timestamp at which events happen, and the profile in which it is one.

    Raises:
        NewProjectError: there is none.
    """
    profile = _with_dates_as_times(profile, given)
    times = profile.of_type("timestamp")
    if given:
        profile.known([given], "--event-time")
        _require_timestamp(profile, given, "--event-time")
    if not times:
        raise NewProjectError(
            f"{profile.source or profile.source_table} has no column with a time{_as_numbers(profile)}: events are "
            "ordered, held out and looked up by the time at which they happen; add it as a timestamp (in CSV as "
            "2024-12-31 23:59) at the source or in a view."
        )
    complete = [name for name in times if profile.nulls[name] <= WHISKER]
    best = min(complete, key=lambda name: _lateness(profile, name, complete)) if complete else ""
    reason = "it is in every row" if len(complete) == 1 else "it is in every row, and before the other times"
    name = decide.settle(
        "--event-time",
        "When does an event happen (and is predicted)?",
        given,
        Proposal(best, reason if best else "No time is in every row"),
        times,
    )
    if profile.nulls[name] > WHISKER:
        raise NewProjectError(
            f"The event time '{name}' is null in {profile.nulls[name]:.1%} of the rows, which would all be rejected: "
            "choose a time that every event has with --event-time."
        )
    return profile, name


def known_at(profile: Profile, time: str, given: str, after: str, decide: Decisions) -> Times:
    """When a label is known: a column, or a fixed time after the event.

    Raises:
        NewProjectError: nothing says when, or it is before the event in most rows.
    """
    if after:
        hours = _hours(after)
        decide.tell("known after", after, "given")
        return Times(time, "", timedelta(hours=hours))
    others = [name for name in profile.of_type("timestamp") if name != time]
    if given:
        profile.known([given], "--known-at")
        _require_timestamp(profile, given, "--known-at")
        if given == time:
            raise NewProjectError(
                f"--known-at is the event time '{time}', and nobody predicts what is known when it happens: name the "
                "time at which the label is known, or say how long after it is with --known-after, such as 30d."
            )
        _require_after(profile, time, given)
    later = [name for name in others if _share_after(profile, time, name) >= 1 - 2 * WHISKER]
    best = max(later, key=lambda name: (bool(_KNOWN.search(name)), _mean_hours(profile, time, name)), default="")
    reason = f"it is after '{time}'" if best else "No column says when the label is known"
    name = (
        decide.settle(
            "--known-at",
            "When is the label known?",
            given,
            Proposal(best, reason),
            [*others, "so long after the event"],
        )
        if best or given or others
        else ""
    )
    if name in profile.types:
        if not given:
            _require_after(profile, time, name)
        return Times(time, name)
    hours = _hours(
        decide.settle(
            "--known-after",
            "How long after the event is the label known (such as 30d or 12h)?",
            "",
            Proposal(
                "",
                "No column says when the label is known (--known-at), so a fixed time after the event, as 30d, has to",
            ),
        )
    )
    return Times(time, "", timedelta(hours=hours))


def label(profile: Profile, times: Times, given: str, decide: Decisions) -> str:
    """The column that is predicted.

    Raises:
        NewProjectError: it is not in the rows, or always the same.
    """
    roles = (times.event_time, times.known_at)
    possible = [name for name, kind in profile.types.items() if name not in roles and kind not in ("timestamp", "date")]
    if given:
        profile.known([given], "--label")
    named = [name for name in possible if _LABELS.search(name.lower()) and profile.distinct[name] > 1]
    best = max(named, key=lambda name: _label_likeness(profile, name), default="")
    reason = "it is called and looks like one" if best else "Nothing tells which column is to be predicted"
    name = decide.settle("--label", "What is to be predicted?", given, Proposal(best, reason), possible)
    if name in roles or name not in possible:
        raise NewProjectError(f"The label can't be '{name}', a time: name what is to be predicted with --label.")
    if profile.distinct[name] == 1:
        value = profile.frame[name].dropna().unique().tolist()[0]
        raise NewProjectError(
            f"The label '{name}' is {value!r} in every row that has one, so there is nothing to predict: "
            "choose another --label, or a source with other outcomes too."
        )
    return name


def _with_dates_as_times(profile: Profile, given: str) -> Profile:
    """CSV's dates are read as timestamps where the rows have no other time."""
    import pandas as pd

    dates = [given] if given and profile.types.get(given) == "date" else []
    if not dates and not profile.of_type("timestamp"):
        dates = profile.of_type("date")
    if not dates or not profile.source.lower().endswith((".csv", ".csv.gz")):
        return profile
    made = {name: pd.to_datetime(profile.frame[name]).astype("datetime64[us]") for name in dates}
    types: dict[str, ColumnType] = {**profile.types, **dict.fromkeys(dates, "timestamp")}
    return replace(profile, frame=profile.frame.assign(**made), types=types)


def _require_timestamp(profile: Profile, name: str, argument: str) -> None:
    kind = profile.types[name]
    if kind != "timestamp":
        hint = {
            "string": _why_text(profile, name) if profile.is_text(name) else "",
            "date": "it is a date: make it a timestamp in a view (midnight)",
        }.get(kind, "seconds since 1970 become one in a view, as timestamp_seconds(...)")
        raise NewProjectError(f"{argument} is '{name}', a {kind} and no timestamp: {hint}.")


def _as_numbers(profile: Profile) -> str:
    """What to say where a time is there, as no timestamp."""
    for name, why in profile.unusable.items():
        if _BEGINS.search(name.lower()) or name.lower() == DAY:
            return f", but '{name}' can't be used: {why}"
    epoch = [
        name
        for name in profile.of_type("bigint", "int", "double")
        if profile.frame[name].median() > 1e9 - 1 and profile.distinct[name] > 1 and _BEGINS.search(name.lower())
    ]
    if epoch:
        return f", but '{epoch[0]}' may be one as a number (timestamp_seconds or timestamp_millis makes it one)"
    dates = profile.of_type("date")
    if dates:
        return f", but the date '{dates[0]}' (CAST({dates[0]} AS TIMESTAMP) makes it one)"
    undecided = [name for name in profile.of_type("string") if _may_be_time(profile, name)]
    text = undecided or [name for name in profile.of_type("string") if _BEGINS.search(name.lower())]
    return f", but the text '{text[0]}' may be one: {_why_text(profile, text[0])}" if text else ""


def _may_be_time(profile: Profile, name: str) -> bool:
    return name in profile.readings and not {*DATE_FORMATS}.isdisjoint(profile.readings[name].possible)


def _why_text(profile: Profile, name: str) -> str:
    if _may_be_time(profile, name):
        return f"{profile.readings[name].reason}, so say which with --csv-format {name}=..."
    return f"{profile.frame[name].dropna().iloc[0]!r} is in no format that is read"


def _lateness(profile: Profile, name: str, times: list[str]) -> tuple[float, bool]:
    """How often another time is before it, and whether it is called as none that begins."""
    frame = profile.frame
    before = [float((frame[other] < frame[name]).mean()) for other in times if other != name]
    return (round(sum(before), 1), not _BEGINS.search(name.lower()))


def _share_after(profile: Profile, time: str, name: str) -> float:
    both = profile.frame[[time, name]].dropna()
    return float((both[name] > both[time]).mean()) if len(both) else 0.0


def _mean_hours(profile: Profile, time: str, name: str) -> float:
    return float((profile.frame[name] - profile.frame[time]).dt.total_seconds().median())


def _require_after(profile: Profile, time: str, name: str) -> None:
    share = _share_after(profile, time, name)
    if share < 0.5:  # noqa: PLR2004, most of the rows
        raise NewProjectError(
            f"'{name}' is not after the event time '{time}' in {1 - share:.0%} of the rows, which would be rejected: "
            "exchange --event-time and --known-at, or name the time at which the label is known."
        )


def _hours(after: str) -> int:
    found = _DURATION.fullmatch(after.strip())
    if not found or not int(found[1]):
        raise NewProjectError(f"--known-after is {after!r}: write a number with h, d or w, such as 12h, 30d or 2w.")
    return int(found[1]) * _HOURS[found[2]]


def _label_likeness(profile: Profile, name: str) -> tuple[int, bool]:
    """How much a column is like a label; the last of equals is taken, as tables end with theirs."""
    match = re.fullmatch(
        r"label|target|y|outcome|response|churn(ed)?|.*_late|is_late|late|fraud|is_fraud", name.lower()
    )
    good = profile.types[name] in (*NUMBERS, "boolean") or profile.distinct[name] <= 20  # noqa: PLR2004, few classes
    return (2 * bool(match) + good, profile.nulls[name] > 0)
