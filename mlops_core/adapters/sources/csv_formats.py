"""Texts of CSV in a declared format, written as numbers with a decimal point and times of ISO 8601."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_EXPONENT = r"([eE][+-]?\d+)?$"
_NUMBERS = {
    "decimal_comma": (rf"^[+-]?([1-9]\d{{0,2}}([.'\x{{2019}}\pZ]\d{{3}})+|\d+)(,\d*)?{_EXPONENT}", r"[.'\x{2019}\pZ]"),
    "decimal_point": (rf"^[+-]?([1-9]\d{{0,2}}([,'\x{{2019}}\pZ]\d{{3}})+|\d+)(\.\d*)?{_EXPONENT}", r"[,'\x{2019}\pZ]"),
}
"""Format -> what a number looks like, and what stands between its thousands."""
_DAYS = {
    "day_first": r"^(?P<day>\d{1,2})%(?P<month>\d{1,2})%(?P<year>\d{4})",
    "month_first": r"^(?P<month>\d{1,2})%(?P<day>\d{1,2})%(?P<year>\d{4})",
    "year_first": r"^(?P<year>\d{4})%(?P<month>\d{1,2})%(?P<day>\d{1,2})",
}
_BETWEEN = (r"\.", "/", "-")
"""What stands at both places of `%`."""
_CLOCK = (
    r"(?P<clock>(?:(?:T|,? )(?P<hour>\d{1,2})(?P<minutes>:\d\d(?::\d\d(?:\.\d+)?)?)"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?(?: ?(?P<zone>Z|UTC|[+-]\d\d(?::?\d\d)?))?)?)$"
)
_UNREADABLE = "?"
DAY = r"(?:\d{4}[./-]\d\d?[./-]\d\d?|\d\d?[./-]\d\d?[./-]\d{4})"
"""A day in any of the formats, or ISO 8601."""


def normalized(text: pa.Array, csv_format: str) -> pa.Array:
    """The texts as every reader takes them; what has not the format is no number, or stays, as times of ISO 8601 do."""
    import pyarrow.compute as pc

    if csv_format in _NUMBERS:
        pattern, between = _NUMBERS[csv_format]
        point = pc.replace_substring(pc.replace_substring_regex(text, between, ""), ",", ".")
        return pc.if_else(pc.match_substring_regex(text, pattern), point, _UNREADABLE)
    for between in _BETWEEN if csv_format else ():
        text = pc.coalesce(_iso(text, _DAYS[csv_format].replace("%", between) + _CLOCK), text)
    return text


def _iso(text: pa.Array, pattern: str) -> pa.Array:
    """Times of that pattern in ISO 8601, null where a text has it not."""
    import pyarrow.compute as pc

    found = pc.extract_regex(text, pattern)
    year, month, day, clock, hour, minutes, half, zone = (
        pc.struct_field(found, name) for name in ("year", "month", "day", "clock", "hour", "minutes", "half", "zone")
    )
    date = pc.binary_join_element_wise(year, _two_digits(month), _two_digits(day), "-")
    time = pc.binary_join_element_wise(" ", _two_digits(_of_a_day(hour, half)), minutes, zone, "")
    return pc.binary_join_element_wise(date, pc.if_else(pc.equal(clock, ""), "", time), "")


def _of_a_day(hour: pa.Array, half: pa.Array) -> pa.Array:
    """Hours of a day from 0 on, of those in halves that have 12 and 1 to 11; 13 PM stays none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    number = pc.if_else(pc.equal(hour, ""), "0", hour).cast(pa.int32())
    within = pc.if_else(pc.equal(number, 12), 0, number)
    of_halves = pc.if_else(pc.equal(pc.utf8_lower(half), "p"), pc.add(within, 12), within)
    is_half = pc.and_(pc.greater_equal(number, 1), pc.less_equal(number, 12))
    of_halves = pc.if_else(is_half, of_halves, 99)
    return pc.if_else(pc.equal(half, ""), number, of_halves).cast(pa.string())


def _two_digits(text: pa.Array) -> pa.Array:
    import pyarrow.compute as pc

    return pc.utf8_lpad(text, 2, "0")
