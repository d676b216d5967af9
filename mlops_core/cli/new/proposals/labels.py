"""What kind of problem a label makes, and the label as that kind's models learn it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_core.cli.new.answers import Kind
from mlops_core.cli.new.ask import Decisions, Proposal
from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.proposals.engine import values_of
from mlops_core.cli.new.proposals.profile import Profile
from mlops_core.cli.new.proposals.roles import Times
from mlops_core.project.expressions import named_columns

if TYPE_CHECKING:
    import pandas as pd

KINDS: tuple[Kind, ...] = ("regression", "binary", "multiclass")
MOST_CLASSES = 50
FEW_CLASSES = 12
LEAST_OF_A_CLASS = 10
_POSITIVE = ("yes", "y", "true", "t", "bad", "late", "fraud", "churned", "positive", "default", "failed")
_NEGATIVE = ("no", "n", "false", "f", "0", "-1", "good", "ok", "on time", "negative", "passed")


@dataclass(frozen=True)
class Label:
    """The label.

    Args:
        column: What the model learns; of a binary problem 0 or 1.
        source: The column of the source that it is, or is computed of.
        of: All the columns that it is computed of.
        classes: Of a multiclass problem, as text.
        positive: Of a binary label that is computed, the value of `source` that is 1.
    """

    kind: Kind
    column: str
    source: str
    of: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    positive: str = ""


def computed_label(profile: Profile, sql: str, name: str, times: Times) -> tuple[Profile, str, tuple[str, ...]]:
    """The profile with the label that SQL makes, its name, and the columns that it is computed of.

    Raises:
        NewProjectError: the SQL is none, or the name is another column's.
    """
    name = name or "label"
    if name in profile.types:
        raise NewProjectError(
            f"--label is '{name}', a column that is there already, and --label-sql makes a new one: "
            "choose another name."
        )
    kind, values, sql = values_of(profile, sql, "--label-sql")
    roles = (times.event_time, times.known_at)
    of = tuple(each for each in named_columns(sql, profile.types) if each not in roles)
    return profile.with_column(name, kind, values, sql), name, of


def kind_of(profile: Profile, label: str, given: str, decide: Decisions) -> Kind:
    """The kind of problem.

    Raises:
        NewProjectError: the label is none of that kind.
    """
    count, values = profile.distinct[label], f"'{label}' has {profile.distinct[label]:,} values"
    if given and given not in KINDS:
        raise NewProjectError(f"--kind is '{given}': choose from {', '.join(KINDS)}.")
    if count == 2:  # noqa: PLR2004, two classes
        proposal = Proposal("binary", f"'{label}' has two values")
    elif profile.is_number(label) and not (profile.is_whole(label) and count <= FEW_CLASSES):
        proposal = Proposal("regression", f"{values}, which are numbers")
    else:
        few = count <= MOST_CLASSES
        proposal = Proposal("multiclass" if few else "", f"{values}{'' if few else ', too many for classes'}")
    kind = decide.settle("--kind", "What kind of problem is it?", given, proposal, KINDS)
    _require(profile, label, kind)
    return kind  # type: ignore[return-value]


def _require(profile: Profile, label: str, kind: str) -> None:
    count = profile.distinct[label]
    if kind == "binary" and count != 2:  # noqa: PLR2004, two classes
        raise NewProjectError(
            f"The label '{label}' has {count:,} values and a binary label has two: choose another --label or --kind, "
            f'or say when it is 1 with --label-sql, such as "{label} {_condition(profile, label)}".'
        )
    if kind == "multiclass" and count > MOST_CLASSES:
        raise NewProjectError(
            f"The label '{label}' has {count:,} values, and more than {MOST_CLASSES} classes are not told apart: "
            "choose another --label or --kind, or group them with --label-sql."
        )
    if kind == "multiclass" and count == 2:  # noqa: PLR2004, two classes
        raise NewProjectError(f"The label '{label}' has two values, which --kind binary is for.")
    if kind == "regression" and not profile.is_number(label):
        raise NewProjectError(
            f"The label '{label}' is a {profile.types[label]}, and a regression predicts a number: choose another "
            "--label or --kind, or make it one with --label-sql."
        )


def _condition(profile: Profile, label: str) -> str:
    if not profile.is_number(label):
        return f"= '{profile.frame[label].mode()[0]}'"
    return f"> {profile.frame[label].median():g}"


def shaped(
    profile: Profile, kind: Kind, label: str, of: tuple[str, ...], *, positive: str, decide: Decisions
) -> tuple[Profile, Label]:
    """The label as models of that kind learn it, and the profile that has it.

    Raises:
        NewProjectError: a class is next to empty, or `positive` is none of the values.
    """
    source = next((name for name in of if profile.is_number(name)), of[0]) if of else label
    if kind == "binary":
        return _binary(profile, label, source, of, positive=positive, decide=decide)
    if positive:
        raise NewProjectError(f"--positive is the value that is 1 in a binary problem, and this is a {kind}.")
    if kind == "regression":
        return profile, Label(kind, label, source, of)
    classes = _classes(profile, label)
    if profile.types[label] in ("string", "int", "bigint"):
        return profile, Label(kind, label, source, of, classes)
    if of:
        raise NewProjectError("--label-sql gives numbers with a fraction, which are no classes: CAST them AS INT.")
    whole = profile.is_whole(label)
    name, sql = free_name(f"{label}_class", profile), f"CAST({label} AS {'INT' if whole else 'STRING'})"
    if not whole:
        classes = tuple(
            repr(float(value)) for value in sorted(profile.frame[label].dropna().unique())
        )  # as Spark casts
    values = profile.frame[label] if whole else profile.frame[label].map(lambda value: repr(float(value)), "ignore")
    made = profile.with_column(name, "int" if whole else "string", values, sql)
    return made, Label(kind, name, source, (label,), classes)


def _classes(profile: Profile, label: str) -> tuple[str, ...]:
    """The classes in their order."""
    values = profile.frame[label].dropna()
    _require_each(label, values.value_counts().to_dict(), len(values))
    return tuple(written(value) for value in sorted(values.unique()))


def _require_each(label: str, counts: dict[Any, int], rows: int) -> None:
    rare = [value for value, count in counts.items() if count < LEAST_OF_A_CLASS]
    if rare:
        raise NewProjectError(
            f"Of {rows:,} rows that have the label '{label}' only {counts[rare[0]]} are {written(rare[0])!r}, and a "
            f"model learns nothing of fewer than {LEAST_OF_A_CLASS}: join it with another with --label-sql, give it "
            "more rows, or choose another --label."
        )


def _binary(
    profile: Profile, label: str, source: str, of: tuple[str, ...], *, positive: str, decide: Decisions
) -> tuple[Profile, Label]:
    counts = profile.frame[label].value_counts().to_dict()
    _require_each(label, counts, sum(counts.values()))
    if profile.is_number(label) and set(counts) == {0, 1} and positive in ("", "1"):
        return profile, Label("binary", label, source, of)
    if of:
        raise NewProjectError(
            f"--label-sql gives {' and '.join(map(written, counts))}, not 0 and 1: write a condition."
        )
    texts = {written(value): value for value in counts}
    if positive and positive not in texts:
        raise NewProjectError(f"--positive is {positive!r}, and '{label}' is {' or '.join(map(repr, texts))}.")
    value = decide.settle(
        "--positive", f"Which value of '{label}' is predicted (is 1)?", positive, _positive(texts, counts), list(texts)
    )
    name = free_name(f"{label}_is_{re.sub(r'[^a-z0-9]+', '_', value.lower()).strip('_') or 'positive'}", profile)
    is_it = (profile.frame[label] == texts[value]).astype("float").mask(profile.frame[label].isna())
    made = profile.with_column(name, "int", is_it, f"CAST({label} = {literal(profile, label, value)} AS INT)")
    return made, Label("binary", name, label, (label,), positive=value)


def _positive(texts: dict[str, Any], counts: dict[Any, int]) -> Proposal:
    for text in texts:
        if text.lower() in _POSITIVE or any(other.lower() in _NEGATIVE for other in texts if other != text):
            return Proposal(text, "it says that something is so")
    rarer = min(texts, key=lambda text: counts[texts[text]])
    return Proposal(rarer, f"it is the rarer value, {counts[texts[rarer]] / sum(counts.values()):.0%} of the rows")


def literal(profile: Profile, column: str, value: str) -> str:
    """A value of a column in SQL."""
    if profile.is_text(column):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return value


def written(value: Any) -> str:
    """A value as a person writes it: whole numbers without a point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower() if isinstance(value, bool) or type(value).__name__ == "bool" else str(value)


def _cast(number: float) -> str:
    """A number with a fraction as Spark casts it to a text."""
    return repr(float(number))


def free_name(name: str, profile: Profile) -> str:
    """The name, or one that no column has."""
    known = {each.lower() for each in profile.types}
    return next(each for each in (name, *(f"{name}_{n}" for n in range(2, 99))) if each.lower() not in known)


def has_label(profile: Profile, label: Label, times: Times) -> pd.Series:
    """Which rows have their label."""
    known = profile.frame[label.column].notna()
    return known & profile.frame[times.known_at].notna() if times.known_at else known
