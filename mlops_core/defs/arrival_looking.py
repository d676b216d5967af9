"""Whether a look at the sources is due: their versions beside those of the newest looks."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

import dagster as dg

from mlops_core.adapters.sources.errors import SourceNotWatchableError, SourceUnansweredError
from mlops_core.defs.arrival_looks import JOB, Seen, look_request, looks_at
from mlops_core.defs.arrival_requests import outcome_of
from mlops_core.defs.lost_requests import AGAIN
from mlops_core.defs.names import resources_of
from mlops_core.ingestion.arrivals import SourceState
from mlops_core.project import Project


@dataclass(frozen=True)
class Looking:
    """A request for a look, or a sentence of why there is none.

    `problem` is what people should know: empty where all is well, None where this tick can't say.
    """

    said: str
    request: dg.RunRequest | None = None
    problem: str | None = ""


def looking(project: Project, context: dg.SensorEvaluationContext, handled: str) -> Looking:
    """The look that is due when nothing is being built; `handled` is the look that was handled last."""
    try:
        states = {name: each.state() for name, each in resources_of(project, context).watched.items()}
    except SourceNotWatchableError as error:
        return Looking(str(error), problem=str(error))
    except SourceUnansweredError as error:
        return Looking(str(error), problem=None)
    looks = {events.name: next(looks_at(project, context.instance, events), None) for events in project.event_tables}
    newest = {name: seen for name, seen in looks.items() if seen}
    moved = {name: state for name, state in states.items() if not _is_seen(state, newest.get(name))}
    if not moved:
        return Looking(f"Nothing has arrived: {_versions(states)} {'were' if len(states) > 1 else 'was'} looked at")
    return _asked(project, context.instance, moved, newest, handled)


def _asked(
    project: Project,
    instance: dg.DagsterInstance,
    moved: Mapping[str, SourceState],
    newest: Mapping[str, Seen],
    handled: str,
) -> Looking:
    """The request, or what became of it: a look that fails is asked for once more, until the version moves."""
    since = " ".join(newest[name].run_id for name in moved if name in newest) or handled
    at = sha256(_versions(moved).encode()).hexdigest()[:16]
    runs = []
    for key in (f"look {at} after {since}", f"look {at} after {since}{AGAIN}"):
        outcome = outcome_of(instance, project.named(JOB), key)
        if outcome is None:
            return Looking(f"{_versions(moved)} has arrived", look_request(project, instance, moved, newest, key))
        if outcome.status == "under way":
            return Looking(f"Run {outcome.run_id} looks at {_versions(moved)}")
        runs.append(outcome.run_id)
    said = (
        f"{_versions(moved)} can't be looked at, as runs {' and '.join(runs)} show: launch {project.named(JOB)} when "
        "their cause is repaired; another version is looked at by itself"
    )
    return Looking(said, problem=said)


def _is_seen(state: SourceState, seen: Seen | None) -> bool:
    return seen is not None and seen.state is not None and state.is_version_of(seen.state)


def _versions(states: Mapping[str, SourceState]) -> str:
    return ", ".join(f"{name} {state.version}" for name, state in states.items())
