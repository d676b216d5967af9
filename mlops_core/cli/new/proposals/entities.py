"""What features are kept of, and the first feature tables: how it went there in the last day and the last week."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_core.cli.new.answers import EntityAnswer, FeatureAnswer, WindowAnswer
from mlops_core.cli.new.ask import Decisions, Proposal
from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.proposals.labels import Label, literal
from mlops_core.cli.new.proposals.profile import Profile
from mlops_core.cli.new.proposals.quick_model import target
from mlops_core.cli.new.proposals.recent import DAY, Window, slide_hours

FEWEST, SHARE_OF_ROWS = 5, 20
MOST = 2
NONE = "-"
"""Said for no entity."""
_MOST_CLASSES = 3
_ALMOST_ALL = 0.9


def entities_of(
    profile: Profile, label: Label, possible: Sequence[str], given: Sequence[str], decide: Decisions
) -> tuple[str, ...]:
    """The columns that features are kept of; empty for none.

    Args:
        possible: Columns that are known in time.

    Raises:
        NewProjectError: one of `given` is none of them, or a number with a fraction.
    """
    named = [name for name in given if name not in ("", NONE)]
    profile.known(named, "--entity")
    for name in named:
        if name not in possible:
            raise NewProjectError(
                f"--entity is '{name}', which is not known of every event when it happens: choose from "
                f"{', '.join(possible)}."
            )
        if profile.types[name] not in ("int", "bigint", "string"):
            raise NewProjectError(f"--entity is '{name}', a {profile.types[name]}, and features are kept of names.")
    likely = [name for name in possible if _recurs(profile, name)]
    best = sorted(likely, key=lambda name: -_explained(profile, name, label))[:MOST]
    reason = (
        "they recur, and the label differs between them"
        if best
        else "no column has 5 values that each recur in many rows"
    )
    value = decide.settle(
        "--entity",
        "Of which columns are features kept (separated by commas, - for none)?",
        ",".join(given),
        Proposal(",".join(best) or NONE, reason),
    )
    chosen = tuple(name.strip() for name in value.split(",") if name.strip() not in ("", NONE))
    if set(chosen) - set(given) - set(best):
        return entities_of(profile, label, possible, chosen, decide)
    return chosen


def _recurs(profile: Profile, name: str) -> bool:
    """Whether it has a few values, each of several events, none of nearly all."""
    if profile.types[name] not in ("int", "bigint", "string"):
        return False
    if not FEWEST <= profile.distinct[name] <= len(profile) / SHARE_OF_ROWS:
        return False
    from mlops_core.cli.new.proposals.inputs import is_categorical

    named = profile.is_text(name) or is_categorical(profile, name)
    return named and float(profile.frame[name].value_counts(normalize=True).iloc[0]) < _ALMOST_ALL


def _explained(profile: Profile, name: str, label: Label) -> float:
    """The share of the label's variance that lies between the values, less what chance gives."""
    values = target(profile, label)
    groups = values.groupby(profile.frame[name])
    count, total = int(values.notna().sum()), float(values.var())
    if not total or count <= profile.distinct[name]:
        return 0.0
    between = float(((groups.mean() - values.mean()) ** 2 * groups.count()).sum()) / count / total
    return between - profile.distinct[name] / count


def feature_tables(
    profile: Profile, label: Label, windows: Sequence[Window], nouns: str, unit: str
) -> tuple[EntityAnswer, ...]:
    """For each entity its windows, of the last day or the last week."""
    used = {name.lower() for name in profile.types}
    return tuple(
        EntityAnswer(
            column=name,
            windows=tuple(
                _window(profile, label, name, hours, nouns=nouns, unit=unit, used=used)
                for entity, hours in windows
                if entity == name
            ),
        )
        for name in dict.fromkeys(entity for entity, _ in windows)
    )


def _window(
    profile: Profile, label: Label, entity: str, hours: int, *, nouns: str, unit: str, used: set[str]
) -> WindowAnswer:
    span, short = ("day", "1d") if hours == DAY else ("week", "7d")
    features = [
        FeatureAnswer(
            kind="Count",
            name=_new(f"{entity}_{nouns}_{short}", used),
            meaning=f"{nouns.capitalize()} of the {entity} in the {span} before",
        ),
        *_of_label(profile, label, entity, (span, short), nouns=nouns, unit=unit, used=used),
    ]
    return WindowAnswer(
        name=f"{entity.lower()}_{span}_features",
        meaning=f"How the {nouns} of a {entity} went in the last {span}.",
        length_hours=hours,
        slide_hours=slide_hours(profile, entity, hours),
        features=tuple(features),
    )


def _of_label(
    profile: Profile, label: Label, entity: str, window: tuple[str, str], *, nouns: str, unit: str, used: set[str]
) -> list[FeatureAnswer]:
    span, short = window
    if label.kind == "regression":
        name = _new(f"{entity}_mean_{label.column}_{short}", used)
        meaning = f"Mean {label.column} of its {nouns} in the {span} before"
        return [FeatureAnswer(kind="Mean", name=name, meaning=meaning, of=label.column, unit=unit)]
    if label.kind == "binary":
        name = _new(f"{entity}_share_{label.column}_{short}", used)
        meaning = f"Share of its {nouns} in the {span} before with {label.column} = 1"
        return [FeatureAnswer(kind="Share", name=name, meaning=meaning, where=f"{label.column} = 1")]
    return [
        FeatureAnswer(
            kind="Share",
            name=_new(f"{entity}_share_{label.column}_{place}_{short}", used),
            meaning=f"Share of its {nouns} in the {span} before with {label.column} {value}",
            where=f"{label.column} = {literal(profile, label.column, value)}",
        )
        for place, value in enumerate(label.classes[:_MOST_CLASSES])
    ]


def _new(name: str, used: set[str]) -> str:
    """The name, or one that nothing has yet."""
    found = next(each for each in (name, *(f"{name}_{n}" for n in range(2, 99))) if each.lower() not in used)
    used.add(found.lower())
    return found
