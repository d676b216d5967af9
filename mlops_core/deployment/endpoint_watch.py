"""Watching an endpoint: what it serves against the champion, and against what a run left it with."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from mlops_core.deployment.canary import Canary, Recorded, ends_at
from mlops_core.deployment.traffic import EndpointState
from mlops_core.outside_json import cursor_of_kind

FINE, CHANGING, FOLLOW, CANARY_TIME, CANARY_OVER, BY_HAND, WITHDRAWN = (
    *("fine", "changing", "follow", "canary", "canary over"),
    *("by hand", "withdrawn"),
)


@dataclass(frozen=True)
class Noticed:
    """What is so with an endpoint, and the sentence that says it."""

    what: str
    sentence: str


def noticed(
    state: EndpointState,
    champion: int,
    canary: Canary,
    recorded: Recorded | None,
    *,
    withdrawn: str | None,
    now: float,
) -> Noticed:
    """What a look at the endpoint finds; arguments as those of `plan`."""
    served = state.served
    if state.is_updating:
        return Noticed(CHANGING, f"It changes to {state.pending or 'something else'}; {served or 'nothing'} serves")
    if withdrawn is not None and (served is None or champion not in served.versions):
        return Noticed(WITHDRAWN, f"Version {champion} was withdrawn: {withdrawn}")
    if withdrawn is not None or recorded is None or not recorded.traffic.leads_to(champion):
        return Noticed(FOLLOW, f"Version {champion} is champion, and {served or 'nothing'} serves")
    if served != recorded.traffic:
        what = f"serves {served}" if served else "serves something else" if state.exists else "was removed"
        return Noticed(BY_HAND, f"It {what}; Dagster had left it with {recorded.traffic}")
    if recorded.traffic.challenger == champion:
        is_over = now >= ends_at(state, canary, recorded)
        return Noticed(CANARY_OVER if is_over else CANARY_TIME, f"A canary{' is over' if is_over else ''}: {served}")
    return Noticed(FINE, f"It serves {served}")


@dataclass(frozen=True)
class EndpointWatch:
    """What the sensor remembers: the run key that it asked for last, the sentence of a move by hand that it doubts (a
    run may just have ended), and the last sentence that it reported."""

    asked: str = ""
    doubted: str = ""
    told: str = ""

    @classmethod
    def read(cls, cursor: str | None) -> EndpointWatch:
        return cursor_of_kind(cls, cursor) if cursor else cls()

    def written(self) -> str:
        return json.dumps(asdict(self))
