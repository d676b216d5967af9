"""How the arrival sensor goes on: from look to delivery, and through the runs of a delivery."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

import dagster as dg

from mlops_core.adapters.registry_errors import registry_answers
from mlops_core.config import Target
from mlops_core.defs.arrival_cursor import Arrivals
from mlops_core.defs.arrival_plan import FEATURES, MONITORING, PREDICTIONS, newest_day, planned, steps_after
from mlops_core.defs.arrival_recovery import LookRun, look_runs, unhandled
from mlops_core.defs.arrival_requests import made_by_others, outcome_of
from mlops_core.defs.lost_requests import made_since
from mlops_core.defs.names import key_of, resources_of
from mlops_core.deployment.unseen import trained_days
from mlops_core.ingestion.day_ranges import DayRange, ranges_of
from mlops_core.ingestion.delivery import Delivery, Outcome, Task
from mlops_core.project import Project


@dataclass(frozen=True)
class Progress:
    """What a tick knows of the world: the instance, and the registries by the resources of `context`."""

    project: Project
    target: Target
    context: dg.SensorEvaluationContext

    @property
    def instance(self) -> dg.DagsterInstance:
        return self.context.instance

    def advanced(self, arrivals: Arrivals) -> Arrivals:
        """As far as nothing has to be asked for or waited for: with the delivery that has, or without any."""
        found: Arrivals | None = arrivals
        while found is not None:
            arrivals = self._moved(found)
            found = None if arrivals.delivery else self._next(arrivals)
        return arrivals

    def outcome(self, delivery: Delivery, task: Task) -> Outcome | None:
        """Of the run that was asked for; of features also of one by somebody else, who took in what the look saw.

        Whoever predicted meanwhile may have done so before the features were built.
        """
        found = outcome_of(self.instance, task.job, task.key)
        if found is None and task.job == self.project.named(FEATURES):
            return made_by_others(self.instance, delivery, task)
        return found

    def _moved(self, arrivals: Arrivals) -> Arrivals:
        if arrivals.delivery is None:
            return arrivals
        delivery, losses = arrivals.delivery.moved(partial(self.outcome, arrivals.delivery), self._possible)
        left = None if delivery.is_over else delivery
        return replace(arrivals, delivery=left, losses=(*arrivals.losses, *losses))

    def _next(self, arrivals: Arrivals) -> Arrivals | None:
        """With what is to be built next, or with a look handled that found nothing; None when there is nothing."""
        for look in unhandled(look_runs(self.project, self.instance, arrivals.handled), arrivals.handled):
            return self._of_look(arrivals, look)
        last = self.target.newest_day
        if arrivals.has_waited(last):
            steps, rest = planned(self.project, self.target, arrivals, {}, last)
            days = ", ".join(str(each) for name in arrivals.waiting for each in _days(arrivals, name, last))
            return rest.begins(Delivery(f"{arrivals.handled} {last}", "", f"days that are over: {days}", steps))
        return next(self._made_up_for(arrivals), None)

    def _of_look(self, arrivals: Arrivals, look: LookRun) -> Arrivals:
        changed = {seen.events: seen.changed for seen in look if seen.changed.days}
        arrivals = replace(arrivals, handled=look[0].run_id)
        if not changed:
            return arrivals
        steps, rest = planned(self.project, self.target, arrivals, changed, newest_day(self.target, look[0].moment))
        versions = ", ".join(f"{seen.events} {seen.state.version}" for seen in look if seen.state)
        said = "; ".join(f"{seen.events}: {seen.reason}" for seen in look if seen.changed.days)
        since = max(seen.moment for seen in look)
        return rest.begins(Delivery(look[0].run_id, versions, said, steps, since))

    def _made_up_for(self, arrivals: Arrivals) -> Iterator[Arrivals]:
        """Without a loss that a later run has made up for, and with what follows it."""
        for loss in arrivals.losses:
            record = self.instance.get_run_record_by_id(loss.run)
            days = (str(loss.days.first), str(loss.days.last))
            made = next(made_since(self.instance, loss.job, days, record.create_timestamp), None) if record else None
            if record is None or made is not None:
                left = replace(arrivals, losses=tuple(each for each in arrivals.losses if each != loss))
                run_id = made.run_id if made else loss.run
                steps = steps_after(self.project, loss.job, loss.days) if made else ()
                why = f"run {run_id} has made up for {loss.days}"
                yield left.begins(Delivery(f"{loss.look} {run_id}", "", why, steps))

    def _possible(self, job: str, days: set[date]) -> set[date]:
        """Of days to predict those that the champion was not trained on; of days to monitor those with predictions."""
        for each in self.project.each:
            if job == each.named(PREDICTIONS):
                return self._unseen(each, days)
            if job == each.named(MONITORING):
                predicted = self.instance.get_materialized_partitions(key_of(each, "predictions"))
                return {day for day in days if str(day) in predicted}
        return days

    def _unseen(self, project: Project, days: set[date]) -> set[date]:
        registry = resources_of(project, self.context).model_registry
        with registry_answers(registry.tracking_uri):
            champion = registry.find_alias("champion")
        if champion is None:
            return set()
        trained = trained_days(champion.record)
        return {day for day in days if trained is None or not trained[0] <= day <= trained[1]}


def _days(arrivals: Arrivals, events: str, last: date) -> tuple[DayRange, ...]:
    return ranges_of(arrivals.waiting[events].until(last).days)
