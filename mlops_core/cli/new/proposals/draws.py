"""The shape of the rows, from which rows are generated where there are none: no row of the source is in it.

Of numbers it holds eleven rounded quantiles between the first and the last hundredth, of names the shares of those that
stand in ten rows at least, of keys only how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence

from mlops_core.cli.new.answers import DrawAnswer, SampleAnswer
from mlops_core.cli.new.proposals.identity import is_id
from mlops_core.cli.new.proposals.labels import Label, written
from mlops_core.cli.new.proposals.profile import Profile
from mlops_core.cli.new.proposals.roles import Times

STEPS = 10
_ENDS = 0.01
MOST_VALUES, MOST_KEYS = 12, 60
LEAST_ROWS_OF_A_VALUE = 10


def sample_of(
    profile: Profile, label: Label, times: Times, *, columns: Sequence[str], identity: Sequence[str], entity: str
) -> SampleAnswer:
    """How rows with these columns of the source are drawn."""
    drawn = [name for name in columns if name not in (times.event_time, times.known_at, label.source)]
    source, is_number = profile.frame[label.source].dropna(), profile.is_number(label.source)
    by_value = label.kind != "regression" and not (label.of and is_number)
    counts = source.map(written).value_counts(normalize=True)
    order = [*(name for name in counts.index if name != label.positive), *([label.positive] if label.positive else [])]
    order = sorted(order) if not label.positive else order
    hours = (
        (profile.frame[times.known_at] - profile.frame[times.event_time]).dt.total_seconds() / 3600
        if (times.known_at and times.known_at not in profile.computed)
        else None
    )
    return SampleAnswer(
        label=label.source,
        draws=tuple(_draw(profile, name, name in identity, name == entity) for name in drawn),
        entity=entity,
        label_quantiles=() if by_value else quantiles(source),
        label_shares={name: _short(float(counts[name])) for name in order} if by_value else {},
        hours_to_label=quantiles(hours[hours > 0]) if hours is not None else (),
    )


def _draw(profile: Profile, name: str, identifies: bool, is_entity: bool) -> DrawAnswer:
    values, count = profile.frame[name].dropna(), profile.distinct[name]
    nulls = _short(profile.nulls[name])
    kind = profile.types[name]
    if kind in ("date", "timestamp"):
        return DrawAnswer(name=name, kind="date", nulls=nulls)
    if (
        not is_entity
        and kind in ("int", "bigint", "string")
        and count > len(values) / 2
        and (identifies or is_id(name))
    ):
        return DrawAnswer(name=name, kind="id", nulls=nulls)
    if kind in ("string", "boolean") or (count <= MOST_VALUES and kind in ("int", "bigint")):
        counts = values.map(written).value_counts()
        frequent = counts[counts >= LEAST_ROWS_OF_A_VALUE]
        if len(frequent) and count <= MOST_VALUES:
            shares = {str(value): _short(float(share)) for value, share in (frequent / frequent.sum()).items()}
            return DrawAnswer(name=name, kind="value", shares=shares, nulls=nulls)
        return DrawAnswer(name=name, kind="key", count=min(count, MOST_KEYS), nulls=nulls)
    from mlops_core.cli.new.proposals.inputs import is_categorical

    if is_entity or is_categorical(profile, name):
        return DrawAnswer(name=name, kind="key", count=min(count, MOST_KEYS), nulls=nulls)
    return DrawAnswer(name=name, kind="number", quantiles=quantiles(values), nulls=nulls)


def quantiles(values: object) -> tuple[float, ...]:
    """Values at equal steps, rounded to three digits, without the ends that are single rows."""
    steps = [_ENDS + (1 - 2 * _ENDS) * step / STEPS for step in range(STEPS + 1)]
    return tuple(_short(float(value)) for value in values.quantile(steps))  # type: ignore[attr-defined]


def _short(value: float) -> float:
    return float(f"{value:.3g}")
