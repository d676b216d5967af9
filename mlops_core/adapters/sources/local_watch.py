"""A source of this machine as a sensor sees it: that of a run without config of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlops_core.adapters.sources.choice import LocalSources
from mlops_core.adapters.sources.errors import SourceNotWatchableError, UnreadableEventsError
from mlops_core.adapters.sources.generated_source import NoSampleError
from mlops_core.ingestion.arrivals import SourceState


@dataclass(frozen=True)
class WatchedHere:
    """Files, a Delta table, or a sample.

    Args:
        asked: The arguments of `LocalSources.choose` of such a run.
    """

    sources: LocalSources
    asked: Mapping[str, Any]

    def state(self) -> SourceState:
        """The version of what a run would read.

        Raises:
            SourceNotWatchableError: nothing is there, or nothing that could be read.
            SourceUnansweredError: a file is being replaced.
        """
        try:
            return self.sources.choose(**self.asked).state()
        except (FileNotFoundError, NoSampleError, UnreadableEventsError) as error:
            raise SourceNotWatchableError(str(error)) from error
        except OSError as error:
            raise SourceNotWatchableError(
                f"{error.filename} can't be read ({error.strerror}): let the user that runs this read it."
            ) from error
