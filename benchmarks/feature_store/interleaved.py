"""Contenders that take turns, so that a machine whose speed changes treats them alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter, process_time, sleep

Contender = Callable[[], object]
SETTLING = 1.0
"""Seconds between two contenders: a JVM goes on compiling and collecting garbage after its turn."""


@dataclass(frozen=True)
class Times:
    """Seconds of each round of one contender, and how long it kept this process's cores busy; None for another's."""

    seconds: tuple[float, ...]
    busy: tuple[float, ...] | None = None

    @property
    def median(self) -> float:
        return median(self.seconds)

    def __str__(self) -> str:
        return f"{self.median:.2f} s ({min(self.seconds):.2f} to {max(self.seconds):.2f})"


def take_turns(contenders: Mapping[str, Contender], rounds: int) -> dict[str, Times]:
    """Times of `rounds` rounds, after one that warms up and is not counted.

    A contender that runs in a process of its own answers with the seconds that it took there.
    """
    taken: dict[str, list[tuple[float, float | None]]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, run in contenders.items():
            sleep(SETTLING)
            started, started_busy = perf_counter(), process_time()
            elsewhere = run()
            here = perf_counter() - started, process_time() - started_busy
            if number:
                taken[name].append((elsewhere, None) if isinstance(elsewhere, float) else here)
    return {name: _times(rounds_of) for name, rounds_of in taken.items()}


def _times(taken: Sequence[tuple[float, float | None]]) -> Times:
    busy = tuple(busy for _, busy in taken if busy is not None)
    return Times(tuple(seconds for seconds, _ in taken), busy or None)


HEADER = "| what | contender | median (min to max) | cores' time | ours / its | goal |\n|---|---|---|---|---|---|"


def table(what: str, times: Mapping[str, Times], goals: Mapping[str, str]) -> list[str]:
    """Rows of a Markdown table; the first contender is ours, and its ratio to each other one is told."""
    ours, *others = times
    rows = [f"| {what} | **{ours}** | {times[ours]} | {_busy(times[ours])} | | |"]
    for name in others:
        ratio = times[ours].median / times[name].median
        rows.append(f"| | {name} | {times[name]} | {_busy(times[name])} | {ratio:.2f} | {goals.get(name, '')} |")
    return rows


def _busy(times: Times) -> str:
    return f"{median(times.busy):.2f} s" if times.busy else ""
