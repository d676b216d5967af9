"""What was imported becomes arguments and answers of a new project, and a list of what is left to do."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from mlops_core.cli.new.answers import Answers
from mlops_core.cli.new.ask import Decisions
from mlops_core.cli.new.mlops_stacks.imported import FILES, Imported
from mlops_core.cli.new.proposals.declared import declared

CHECKLIST = "MOVING.md"
ARGUMENTS = ("kind", "label", "event_time", "owner")
ANSWERS = ("model_name", "source_table", "targets", "crons", "metric_to_monitor", "metric_violation_threshold")
REASON = "as in the project of MLOps Stacks"


def arguments(found: Imported, stated: dict[str, Any]) -> dict[str, Any]:
    """`stated`, and what the old project says where nobody said anything."""
    known = {name: found.answers.get(name) for name in ARGUMENTS}
    known |= {"rows": found.answers.get("source") or found.answers.get("source_table"), "entity": found.entities}
    return stated | {name: value for name, value in known.items() if value and not stated.get(name)}


def taken_over(answers: Answers, found: Imported, decide: Decisions) -> Answers:
    """The answers of the rows, and over them what the old project says; thresholds of both."""
    _leave_other_kinds(answers, found)
    over = {name: found.answers[name] for name in ANSWERS if found.answers.get(name)}
    suggested = {each.metric: each.threshold for each in answers.thresholds}
    if over.get("metric_to_monitor", answers.metric_to_monitor) == answers.metric_to_monitor:
        suggested["metric_violation_threshold"] = answers.metric_violation_threshold
    for name, value in over.items():
        said = ", ".join(value) if isinstance(value, dict) else str(value)
        decide.tell(name.replace("_", " "), said, _reason(name, value, suggested, found))
    stated = {each["metric"]: each for each in found.answers.get("thresholds", ())}
    for metric, each in stated.items():
        bound, value = "at least" if each["greater_is_better"] else "at most", each["threshold"]
        decide.tell(metric, f"{bound} {value:g}", _reason(metric, value, suggested, found))
    measured = [each for each in answers.thresholds if each.metric not in stated]
    return Answers.model_validate(answers.model_dump() | over | {"thresholds": (*stated.values(), *measured)})


def _leave_other_kinds(answers: Answers, found: Imported) -> None:
    """Metrics of another kind of problem than the new one are left to a person."""
    metric, task = found.answers.get("metric_to_monitor"), declared(answers).model.task
    if metric and metric not in [each.name for each in task.judged]:
        found.move(f"the monitored metric {metric}, which is none of {answers.kind}", "monitoring", FILES["monitoring"])
        del found.answers["metric_to_monitor"]
        found.answers.pop("metric_violation_threshold", None)
    if found.answers.get("kind", answers.kind) != answers.kind:
        for each in found.answers.pop("thresholds", ()):
            said = f"the threshold of {each['metric']}, {each['threshold']:g}, of another kind of problem"
            found.move(said, "validation/validation.py", "validation/validation.py: validation_thresholds")


def _reason(name: str, value: Any, suggested: dict[str, float], found: Imported) -> str:
    """That the old project says so, and what the rows suggest where that is another number."""
    if suggested.get(name, value) == value:
        return REASON
    found.warn(f"{name} is {value:g}, {REASON}; the rows suggest {suggested[name]:g}.")
    return f"{REASON}; the rows suggest {suggested[name]:g}"


def checklist(found: Imported, answers: Answers) -> str:
    """What a person moves, by its place, and what to know, as Markdown."""
    moves = sorted(found.moved, key=lambda move: move.here)
    lines = [
        line
        for here, together in groupby(moves, key=lambda move: move.here)
        for line in (f"\n`{here}`\n", *(f"- [ ] {move.what} ({move.there})" for move in together))
    ]
    said = [f"- {warning}" for warning in found.warnings]
    title = "# What is left to move from MLOps Stacks\n"
    return "\n".join([title, *said, *lines, ""]).replace("<events>", answers.events)
