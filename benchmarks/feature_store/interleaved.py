"""Contenders that take turns, so that a machine whose speed changes treats them alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from time import perf_counter

Contender = Callable[[], object]


@dataclass(frozen=True)
class Times:
    """Seconds of each round of one contender."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.seconds)

    def __str__(self) -> str:
        return f"{self.median:.2f} s ({min(self.seconds):.2f} to {max(self.seconds):.2f})"


def take_turns(contenders: Mapping[str, Contender], rounds: int) -> dict[str, Times]:
    """Times of `rounds` rounds, after one that warms up and is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            started = perf_counter()
            own = run()  # a contender in a process of its own says how long it took there
            took = own if isinstance(own, float) else perf_counter() - started
            if number:
                seconds[name].append(took)
    return {name: Times(tuple(values)) for name, values in seconds.items()}


def table(what: str, times: Mapping[str, Times], goals: Mapping[str, str]) -> list[str]:
    """Rows of a Markdown table; the first contender is ours, and its ratio to each other one is told."""
    ours, *others = times
    rows = [f"| {what} | **{ours}** | {times[ours]} | | |"]
    for name in others:
        ratio = times[ours].median / times[name].median
        rows.append(f"| | {name} | {times[name]} | {ratio:.2f} | {goals.get(name, '')} |")
    return rows
