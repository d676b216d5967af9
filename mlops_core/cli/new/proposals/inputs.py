"""What the model sees of an event itself, and what it does not, with the reason."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mlops_core.cli.new.answers import InputAnswer
from mlops_core.cli.new.ask import Decisions
from mlops_core.cli.new.proposals.identity import is_id
from mlops_core.cli.new.proposals.labels import free_name
from mlops_core.cli.new.proposals.profile import Profile

MOST_LEVELS = 200
MOST_INPUTS = 30
_FEW_LEVELS = 100
_WITH_TIME = 0.98
_RECURS = 5
"""A name that is to be learned stands in so many rows, on average."""
_CODE = re.compile(
    r"(^|_)(id|code|zip|zipcode|postcode|type|region|category|class|cluster|area|store|shop|group|segment)$"
)
_TAKEN = (
    "__index_level_0__",
    "model_name",
    "model_version",
    "prediction_time",
    "prediction",
    "predicted_class",
    "ts",
    "day",
    "reason",
)
_KEYWORDS = ("table", "not", "true", "false", "null")


@dataclass(frozen=True)
class Inputs:
    """Columns that the model sees, those of them whose values are names, and what is left out, with the reason."""

    names: tuple[str, ...]
    categorical: tuple[str, ...]
    left_out: dict[str, str]


def without_taken_names(profile: Profile) -> dict[str, str]:
    """Columns that are called as something else in the pipeline or in SQL."""
    pipeline = "the pipeline has a column of that name: rename it at the source to use it"
    keyword = "SQL takes it for a word of its own: rename it at the source to use it"
    index = {name: "it is the index of a DataFrame" for name in profile.types if name.startswith("__index_level_")}
    return index | {
        name: pipeline if name.lower() in _TAKEN else keyword
        for name in profile.types
        if name.lower() in (*_TAKEN, *_KEYWORDS)
    }


def inputs_of(
    profile: Profile, time: str, unknown: Collection[str], *, identity: Sequence[str], entities: Sequence[str]
) -> Inputs:
    """The columns that a first model sees: none of `unknown`, and the entities in any case."""
    names: list[str] = []
    categorical: list[str] = []
    left_out: dict[str, str] = {}
    for name, kind in profile.types.items():
        if name in unknown or name == time:
            continue
        codes = is_categorical(profile, name)
        why = (
            ""
            if name in entities
            else _why_not(profile, name, kind, codes, identity) or _counts_on(profile, time, name)
        )
        if why:
            left_out[name] = why
            continue
        names.append(name)
        if codes or (name in entities and kind not in ("double", "float")):
            categorical.append(name)
    return Inputs(tuple(names), tuple(categorical), left_out)


def is_categorical(profile: Profile, name: str) -> bool:
    """Whether its values are names: texts, booleans, and codes that are numbers."""
    kind = profile.types[name]
    if kind in ("string", "boolean"):
        return True
    if kind not in ("int", "bigint"):
        return False
    few = profile.distinct[name] <= max(_FEW_LEVELS, len(profile) // 20)
    return few and bool(_CODE.search(name.lower()))


def _why_not(profile: Profile, name: str, kind: str, codes: bool, identity: Sequence[str]) -> str:
    count, held = profile.distinct[name], len(profile) * (1 - profile.nulls[name])
    if kind in ("date", "timestamp"):
        return "it is a time: make a number of it with an Input"
    if count == 1 and profile.nulls[name] == 0:
        return "it is the same in every row"
    if name in identity and (codes or is_id(name)) and count > held / _RECURS:
        return "it tells events apart, and says nothing of the next one"
    if not codes and is_id(name) and kind in ("int", "bigint") and (count > held / 2 or _CODE.search(name.lower())):
        return f"its {count:,} numbers are names, too many for a first model"
    if kind == "string" and (count > MOST_LEVELS or count > held / _RECURS):
        return f"{count:,} different texts are too many for a first model"
    return ""


def _counts_on(profile: Profile, time: str, name: str) -> str:
    """Whether it only goes on with time, as the number of a row does: a model knows no later value."""
    if not profile.is_number(name) or profile.distinct[name] < _FEW_LEVELS:
        return ""
    goes_on = abs(profile.frame[name].corr(profile.frame[time].astype("int64"), method="spearman")) > _WITH_TIME
    return "it goes on with time, and a model knows nothing of later values" if goes_on else ""


def most_useful(inputs: Inputs, gain: dict[str, float], keep: Sequence[str]) -> Inputs:
    """At most `MOST_INPUTS` of them, by what a quick model gained of each; those of `keep` in any case."""
    order = sorted(inputs.names, key=lambda name: (name not in keep, -gain.get(name, 0.0)))
    chosen = set(order[: max(MOST_INPUTS, len(keep))])
    why = f"a quick model gains least of it, and {MOST_INPUTS} inputs are enough to read"
    return Inputs(
        tuple(name for name in inputs.names if name in chosen),
        tuple(name for name in inputs.categorical if name in chosen),
        inputs.left_out | {name: why for name in inputs.names if name not in chosen},
    )


def of_the_time(profile: Profile, time: str, decide: Decisions) -> tuple[InputAnswer, ...]:
    """Hour and weekday of the event, where the rows have more than one of them."""
    times, made = profile.frame[time].dropna(), []
    if times.dt.hour.nunique() > 1:
        name = free_name("hour", profile)
        made.append(
            InputAnswer(name=name, type="int", meaning="Hour of the event, 0 to 23", expression=f"hour({time})")
        )
    if (times.max() - times.min()).days >= 14:  # noqa: PLR2004, two weeks
        made.append(
            InputAnswer(
                name=free_name("weekday", profile),
                type="int",
                meaning="Weekday of the event, 0 (Monday) to 6",
                expression=f"(dayofweek({time}) + 5) % 7",
            )
        )
    if made:
        decide.tell("computed inputs", ", ".join(each.name for each in made), f"of '{time}'")
    return tuple(made)
