"""Types of a target's values: each with its format, and the error when it is violated.

All are strict, after the bundle CLI's conversion of scalars.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from mlops_core.config.scalars import as_bool, as_float, as_int, as_text

NO_ADDRESS = "'#%?:@"
"""Characters that Unity Catalog allows in names, and the addresses of models and tables do not."""

CATALOG_NAME = re.compile(rf"[^\s./\x00-\x1f\x7f{NO_ADDRESS}]{{1,255}}")
TABLE_NAME = re.compile(r"[^\s./`\x00-\x1f\x7f][^\s./\x00-\x1f\x7f]*")
METRIC_NAME = re.compile("[A-Za-z0-9_]+")
NAME_OR_NUMBER = r"(\*|\d+|[A-Za-z]{3})"
CRON_FIELD = re.compile(rf"{NAME_OR_NUMBER}([-,/]{NAME_OR_NUMBER})*")
CRON_FIELDS = 5
FEBRUARY, NOT_IN_FEBRUARY = 2, {30, 31}
OWNER = re.compile(r"team:\S+|[\w.+-]+@[\w-]+\.[\w.-]+")
"""Who Dagster takes for an owner: a team, or a person by an email address."""


def fault(key: str, sentence: str) -> PydanticCustomError:
    """An error of a validator; `key` is the model's key that the sentence speaks of, empty for the validated one."""
    return PydanticCustomError("fault", "{sentence}", {"key": key, "sentence": sentence})


def _identifier(name: str) -> str:
    if not CATALOG_NAME.fullmatch(name):
        refused = " ".join(NO_ADDRESS)
        raise fault("", f"it should be a name of Unity Catalog, without a blank, a period, a slash or any of {refused}")
    return name


def _identifier_or_empty(name: str) -> str:
    return name and _identifier(name)


def is_full_name(name: str) -> bool:
    """Whether it has the form of a table's name in Unity Catalog, catalog.schema.table."""
    parts = name.split(".")
    return len(parts) == len(("catalog", "schema", "table")) and all(map(TABLE_NAME.fullmatch, parts))


def _metric(name: str) -> str:
    if not METRIC_NAME.fullmatch(name):
        raise fault("", "it should be letters, digits and underscores, as the names of metrics are")
    return name


def _cron(schedule: str) -> str:
    """Accept one moment of a day that both cronsim and Dagster read; they differ on the extensions (L, #).

    A schedule asks for the day before it, so further ticks of a day would ask for the same run, and start none.
    """
    from cronsim import CronSim, CronSimError  # a cluster loads this module, and has no need of schedules

    fields = schedule.split()
    try:
        if len(fields) != CRON_FIELDS or not all(CRON_FIELD.fullmatch(field) for field in fields):
            raise CronSimError("not five plain fields")
        parsed = CronSim(schedule, datetime(2016, 1, 1))
        if parsed.months == {FEBRUARY} and parsed.days <= NOT_IN_FEBRUARY:  # also beside a weekday: Dagster refuses it
            raise CronSimError("a day that February does not have")
    except CronSimError as error:
        raise fault("", "it should be five cron fields such as '0 7 * * *' (daily at 07:00 UTC)") from error
    if len(parsed.minutes) * len(parsed.hours) > 1:
        raise fault("", "it should have one tick a day such as '0 7 * * *', for a day's run is started once")
    return schedule


def _secret_path(path: str) -> str:
    if not re.fullmatch(r"[\w.@-]+/[\w.@-]+", path):
        raise fault("", "it should be a secret's place, scope/key")
    return path


def _tracking_uri(uri: str) -> str:
    if not re.fullmatch(r"(databricks(://[\w.-]+)?|https://[\w.-]+(:\d+)?(/[\w./-]*)?)?", uri):
        raise fault("", "it should be databricks://<profile>, an https address without credentials, or empty")
    return uri


def _owner(owner: str) -> str:
    if not OWNER.fullmatch(owner):
        raise fault("", "it should be an email address or 'team:' and a team's name")
    return owner


def _day(day: object) -> object:
    if isinstance(day, date):
        return day
    text = as_text(day)
    try:
        if not isinstance(text, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError as error:
        raise fault("", "it should be a day as YYYY-MM-DD") from error


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


AsText, AsInt, AsFloat, AsBool = map(BeforeValidator, (as_text, as_int, as_float, as_bool))
EmptyIsNone = BeforeValidator(_empty_is_none)
Text = Annotated[str, AsText]
Identifier = Annotated[Text, AfterValidator(_identifier)]
Cron = Annotated[Text, AfterValidator(_cron)]
Day = Annotated[date, BeforeValidator(_day)]
Whole = Annotated[int, AsInt]
Count = Annotated[Whole, Field(gt=0)]
CountOrZero = Annotated[Whole, Field(ge=0)]
Number = Annotated[float, AsFloat]
Price = Annotated[Number, Field(ge=0)]
Flag = Annotated[bool, AsBool]
SecretPath = Annotated[Text, AfterValidator(_secret_path)]
MetricName = Annotated[Text, AfterValidator(_metric)]
TrackingUri = Annotated[Text, AfterValidator(_tracking_uri)]
Owner = Annotated[Text, AfterValidator(_owner)]
IdentifierOrEmpty = Annotated[Text, AfterValidator(_identifier_or_empty)]
