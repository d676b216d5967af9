"""How the times of a source are to be read: a source says it once, and what contradicts it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from mlops_core.project import EventTable

EPOCH = datetime(1970, 1, 1)
WALL_CLOCK, WALL_CLOCK_AS_UTC = "wall_clock", "wall_clock_as_utc"


@dataclass(frozen=True)
class EventTimes:
    """What a source of `events` declares of its times.

    `wall_clock`: they are the wall clock of the events' zone, without a zone. `wall_clock_as_utc`: so they are, though
    they are labelled UTC. The name of a zone, such as UTC or America/New_York: labelled times are moments, the others
    wall clock of that zone, and both become the wall clock of the events.

    Raises:
        ValueError: the declaration is none of these.
    """

    events: EventTable
    declared: str

    def __post_init__(self) -> None:
        if self.zone is None:
            return
        try:
            ZoneInfo(self.zone)
        except (KeyError, ValueError, OSError) as error:  # not found; not a name; the name of a folder of zones
            raise ValueError(self._problem) from error

    @property
    def zone(self) -> str | None:
        """The zone that is declared, if one is."""
        return None if self.declared in (WALL_CLOCK, WALL_CLOCK_AS_UTC) else self.declared

    @property
    def _problem(self) -> str:
        return (
            f"Times of {self.events.nouns} cannot be read as {self.declared!r}: say {WALL_CLOCK}, {WALL_CLOCK_AS_UTC} "
            f"or the name of a zone such as UTC or America/New_York ({self.events.times_variable}; "
            f"{self.events.variable('times')} in databricks.yml)."
        )
