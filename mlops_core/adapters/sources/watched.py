"""Looking at a source: cheaply at its version, and at what its days hold."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from mlops_core.adapters.sources.choice import Source
from mlops_core.adapters.tables import Tables
from mlops_core.ingestion.arrivals import DaySummaries, SourceState, kind_of_summary
from mlops_core.ingestion.changed_days import ChangedDays, changed_days
from mlops_core.project import EventTable

logger = logging.getLogger(__name__)


class Watched(Protocol):
    """A source as the host sees it: no cluster is started to look, and no rows are read.

    The resource `watched` of a target has one for each event table, by its name.
    """

    def state(self) -> SourceState:
        """Its version at this moment.

        Raises:
            SourceNotWatchableError: it is gone, hidden, or has none; waiting does not help.
            SourceUnansweredError: it can't be asked now.
        """


@dataclass(frozen=True)
class Look:
    """What all days of a source held before, None where nothing is known of it, and what they hold at a look."""

    before: DaySummaries | None
    after: DaySummaries

    @property
    def changed(self) -> ChangedDays:
        return changed_days(self.before, self.after)


def look(
    events: EventTable,
    source: Source,
    tables: Tables,
    *,
    state: SourceState | None = None,
    since: SourceState | None = None,
    before: DaySummaries | None = None,
    last_built: date = date.max,
) -> Look:
    """What the days of a source hold; to be called where Spark is.

    Args:
        events: The table that the source is of.
        state: The version of the source, as it was known before this look.
        since: That of the look before. Where both are of one table that keeps a change data feed, only the days that
            the feed names are summarised.
        before: What that look said. Without it, the pipeline's tables of accepted and rejected events are summarised
            too: they are what it took in.
        last_built: The newest day with a partition. Of later days nothing was built yet, whatever was taken in.

    Raises:
        InvalidEventsError, UnreadableEventsError, FileNotFoundError: the source can't be taken as it stands.
    """
    from mlops_core.ingestion.day_summaries import summarised, summarised_again

    declared = events.delivered
    if before and before.of == kind_of_summary(declared) and (days := _days_since(source, state, since)) is not None:
        logger.info("The change data feed of %s names %s days", events.raw_name, len(days))
        return Look(before, before.updated(days, summarised(declared, source.read(), days)) if days else before)
    after = summarised(declared, source.read())
    if before is None and tables.exists(events.name):
        names = (name for name in (events.name, events.rejected_name) if tables.exists(name))
        before = summarised_again(declared, map(tables.read, names), after).until(last_built)
    return Look(before, after)


def _days_since(source: Source, state: SourceState | None, since: SourceState | None) -> frozenset[date] | None:
    is_same_source = state is not None and since is not None and state.identity == since.identity
    return source.days_since(since) if is_same_source and since else None
