"""Polling."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")

FIRST_WAIT_S, LONGEST_WAIT_S, GROWTH = 0.3, 2.0, 1.5
"""Interval between polls; the first ones are shorter."""


def wait_until(look: Callable[[], Seen], is_reached: Callable[[Seen], bool], within_s: float) -> Seen:
    """Poll `look` until `is_reached` or `within_s` seconds have passed; returns the last result."""
    from tenacity import Retrying, retry_if_result, stop_after_delay, wait_exponential

    looking = Retrying(
        retry=retry_if_result(lambda seen: not is_reached(seen)),
        stop=stop_after_delay(max(within_s, 0.0)),
        wait=wait_exponential(FIRST_WAIT_S, LONGEST_WAIT_S, GROWTH),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else look(),
    )
    seen: Seen = looking(look)
    return seen
