"""What the arrival sensor remembers between two ticks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

from mlops_core.ingestion.changed_days import ChangedDays
from mlops_core.ingestion.day_ranges import Ranges
from mlops_core.ingestion.delivery import Delivery, Loss, days_in

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclass(frozen=True)
class Arrivals:
    """What was handled, and what is on its way.

    Args:
        handled: Run of the newest look whose days are, or were, in a delivery.
        delivery: What is being built; None between two deliveries.
        waiting: Event table -> changed days that have no partition yet.
        reached: Days to build with what arrives next.
        losses: Days that were given up, and that nothing has made up for.
        told: What people were last told of sources that can't be looked at.
    """

    handled: str = ""
    delivery: Delivery | None = None
    waiting: Mapping[str, ChangedDays] = field(default_factory=dict)
    reached: Ranges = ()
    losses: tuple[Loss, ...] = ()
    told: str = ""

    @classmethod
    def read(cls, cursor: str | None) -> Arrivals | None:
        """None before the first tick, after a reset, and where the cursor is not of this release."""
        from pydantic import ValidationError

        try:
            return _adapter().validate_json(cursor) if cursor else None
        except ValidationError:
            return None

    def written(self) -> str:
        return _adapter().dump_json(self).decode()

    def with_waiting(self, changed: Mapping[str, ChangedDays]) -> dict[str, ChangedDays]:
        """What waits, together with what has changed since."""
        names = dict.fromkeys((*self.waiting, *changed))
        nothing = ChangedDays()
        return {name: self.waiting.get(name, nothing).merged(changed.get(name, nothing)) for name in names}

    def has_waited(self, last: date) -> bool:
        """Whether a day that waits has a partition when `last` is the newest."""
        return any(each.until(last).days for each in self.waiting.values())

    def begins(self, delivery: Delivery) -> Arrivals:
        """With a delivery, which makes up for earlier losses of its days itself."""
        builds = {step.job: step.days for step in delivery.steps}
        losses = (each for each in self.losses if not days_in([each.days]) <= builds.get(each.job, set()))
        return replace(self, delivery=delivery, losses=tuple(losses))


@cache
def _adapter() -> TypeAdapter[Arrivals]:
    from pydantic import TypeAdapter

    return TypeAdapter(Arrivals)
