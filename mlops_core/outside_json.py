"""JSON that others may have written or changed: of the declared types, or refused, however it is nested."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class NotOfThisKindError(ValueError):
    """A text that is no JSON, or JSON of something else; the message says what of it, without the text itself."""


class UnreadableCursorError(ValueError):
    """The cursor of a sensor is none that it wrote."""

    def __init__(self, why: object) -> None:
        super().__init__(
            f"The sensor's cursor can't be read ({why}): reset it on the sensor's page in Dagster; what was told "
            "before may be told again."
        )


def cursor_of_kind(kind: type[T], cursor: str) -> T:
    """As `of_kind`, what a sensor wrote at its last tick.

    Raises:
        UnreadableCursorError: it did not write this.
    """
    try:
        return of_kind(kind, cursor)
    except NotOfThisKindError as error:
        raise UnreadableCursorError(error) from None


def of_kind(kind: type[T], text: str | bytes) -> T:
    """The object of the dataclass or type `kind` that a text describes; fields that it does not know are passed over.

    Raises:
        NotOfThisKindError: it describes none.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_json(text, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise NotOfThisKindError(f"{where}: {first['msg']}" if where else first["msg"]) from None
