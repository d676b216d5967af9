"""Looks in the order in which they are handled, and where to go on when the sensor's cursor was lost."""

from collections.abc import Iterable, Iterator, Sequence

import dagster as dg

from mlops_core.config import Target
from mlops_core.defs.arrival_cursor import Arrivals
from mlops_core.defs.arrival_looks import Seen, looks_at
from mlops_core.defs.arrival_plan import newest_day, planned
from mlops_core.defs.arrival_requests import LOOK
from mlops_core.project import Project

READ = 100
"""How many of the sensor's newest runs are searched for one that a look has asked for."""

LookRun = tuple[Seen, ...]
"""What one run has seen, of each source at most once."""


def look_runs(project: Project, instance: dg.DagsterInstance, since: str = "") -> list[LookRun]:
    """The oldest first, by what each saw last; of each source back to the run `since`, if that has looked at it."""
    found: dict[str, dict[str, Seen]] = {}
    seen = (each for events in project.event_tables for each in _since(since, looks_at(project, instance, events)))
    for each in sorted(seen, key=lambda look: look.moment):
        found[each.run_id] = found.pop(each.run_id, {}) | {each.events: each}
    return [tuple(each.values()) for each in found.values()]


def _since(run_id: str, looks: Iterable[Seen]) -> Iterator[Seen]:
    for each in looks:
        yield each
        if each.run_id == run_id:
            return


def unhandled(looks: Sequence[LookRun], handled: str) -> Sequence[LookRun]:
    """Those after the one that was handled last; all, where that is not known."""
    place = next((at for at, (first, *_) in enumerate(looks, start=1) if first.run_id == handled), 0)
    return looks[place:]


def recovered(project: Project, target: Target, instance: dg.DagsterInstance, sensor: str) -> Arrivals:
    """What a sensor without a cursor goes on from: its newest delivery is replayed, and later days wait.

    The delivery has the same days and run keys again, so that none of its runs that succeeded is asked for once more.
    """
    looks = look_runs(project, instance)
    records = instance.get_run_records(dg.RunsFilter(tags={"dagster/sensor_name": sensor}), limit=READ)
    asked = next((record for record in records if LOOK in record.dagster_run.tags), None)
    if asked is None:
        return Arrivals()
    replayed = asked.dagster_run.tags[LOOK].split()[0]
    before = looks[: len(looks) - len(unhandled(looks, replayed))]
    arrivals = Arrivals()
    for look in before[:-1]:
        changed = {seen.events: seen.changed for seen in look}
        _, arrivals = planned(project, target, arrivals, changed, newest_day(target, look[0].moment))
    handled = before[-2][0].run_id if len(before) > 1 else ""
    return Arrivals(handled=handled, waiting=arrivals.waiting, reached=arrivals.reached)
