"""Toy problems, one of each kind, for who has no rows yet: parcels, whose route tells how late they are of late.

Rows are drawn from a shape, and everything else is proposed from them as from anybody's own.
"""

from __future__ import annotations

from datetime import date, timedelta

from mlops_core.cli.new.answers import Answers, DrawAnswer, SampleAnswer
from mlops_core.cli.new.ask import Decisions, accept
from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.proposals.found import Asked, find
from mlops_core.cli.new.proposals.profile import Profile
from mlops_core.cli.new.proposals.to_answers import answers_of
from mlops_core.ingestion.sample_rows import Draw, SampleRows
from mlops_core.project.columns import ColumnType

FIRST_DAY, DAYS, ROWS_A_DAY = date(2025, 1, 1), 60, 200
_SEED = 0

LABELS: dict[str, Draw] = {
    "regression": Draw("transit_hours", "double", "number", quantiles=(6.0, 14.0, 20.0, 26.0, 34.0, 60.0)),
    "binary": Draw("late", "int", "value", shares={"0": 0.75, "1": 0.25}),
    "multiclass": Draw("arrival", "string", "value", shares={"early": 0.3, "on time": 0.5, "late": 0.2}),
}
DRAWS = (
    Draw("parcel_id", "bigint", "id"),
    Draw("distance", "double", "number", quantiles=(5.0, 60.0, 120.0, 240.0, 900.0)),
    Draw("weight", "double", "number", quantiles=(0.1, 0.8, 2.0, 5.0, 30.0)),
    Draw("service", "string", "value", shares={"express": 0.3, "standard": 0.6, "economy": 0.1}),
    Draw("route", "string", "key", count=20),
)
HOURS_TO_LABEL = (4.0, 12.0, 20.0, 30.0, 60.0)
TITLES = {
    "regression": "How long a parcel is on its way",
    "binary": "Which parcels arrive late",
    "multiclass": "Whether a parcel arrives early, on time or late",
}
MEANINGS = {
    "parcel_id": "Number of the parcel",
    "posted_at": "When it is posted, and predicted",
    "delivered_at": "When it is delivered, and its label known; null until then",
    "distance": "Distance to the recipient",
    "weight": "Weight",
    "service": "Service that was paid for",
    "route": "Route that it travels",
    "transit_hours": "How long it was on its way; null until it is delivered",
    "late": "1 when it arrived after the promised day, else 0; null until it is delivered",
    "arrival": "How it arrived: early, on time or late; null until then",
}
UNITS = {"distance": "km", "weight": "kg", "transit_hours": "h"}


def toy(project: str, kind: str, told: Decisions, owner: str = "") -> Answers:
    """The answers of a project that draws its rows; `told` gets what is decided."""
    if kind not in LABELS:
        raise NewProjectError(f"--kind is '{kind}': choose from {', '.join(LABELS)}.")
    decide = Decisions(accept, told.lines)
    asked = Asked(
        project=project,
        kind=kind,
        event_time="posted_at",
        known_at="delivered_at",
        label=LABELS[kind].name,
        entities=("route",),
        identity=("parcel_id",),
        noun="parcel",
        owner=owner,
        title=TITLES[kind],
        unit=UNITS.get(LABELS[kind].name, ""),
    )
    answers = answers_of(asked, find(asked, _profile(kind), decide, date.today()), decide)
    columns = tuple(
        each.model_copy(update={"meaning": MEANINGS[each.name], "unit": UNITS.get(each.name, "")})
        for each in answers.columns
    )
    return answers.model_copy(update={"columns": columns, "sample": _shape(kind)})


def rows_of(kind: str) -> SampleRows:
    """The shape of the rows."""
    return SampleRows(
        event_time="posted_at",
        known_at="delivered_at",
        hours_to_label=HOURS_TO_LABEL,
        label=LABELS[kind],
        draws=DRAWS,
        entity="route",
    )


def _profile(kind: str) -> Profile:
    import pandas as pd

    days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS)]
    tables = [rows_of(kind).of_day(day, ROWS_A_DAY, _SEED).to_pandas() for day in days]
    types: dict[str, ColumnType] = {draw.name: draw.type for draw in (*DRAWS, LABELS[kind])}
    types |= {"posted_at": "timestamp", "delivered_at": "timestamp"}
    order = [name for name in MEANINGS if name in types]
    frame = pd.concat(tables, ignore_index=True)[order]
    return Profile(frame, {name: types[name] for name in order}, len(frame), True, {}, "UTC", "UTC")


def _shape(kind: str) -> SampleAnswer:
    label = LABELS[kind]
    drawn = ("name", "kind", "quantiles", "count", "nulls")
    return SampleAnswer(
        label=label.name,
        draws=tuple(
            DrawAnswer(**{field: getattr(draw, field) for field in drawn}, shares=dict(draw.shares)) for draw in DRAWS
        ),
        entity="route",
        label_quantiles=label.quantiles,
        label_shares=dict(label.shares),
        hours_to_label=HOURS_TO_LABEL,
    )
