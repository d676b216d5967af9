"""Commit conflicts: which errors indicate one, and how often to retry."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from tenacity import RetryCallState

logger = logging.getLogger(__name__)
T = TypeVar("T")

COMMIT_CONFLICTS = (
    "Failed to commit transaction",  # Sail and deltalake, from two commits of the same version
    "Missing commit file",  # Sail, from reading the log while another writer commits
    "Delta table already exists",  # Sail, from two first commits of one table
    "DELTA_CONCURRENT_",  # Databricks: append, delete, transaction, write
    "DELTA_METADATA_CHANGED",  # Databricks, when the other writer added a column
    "DELTA_PROTOCOL_CHANGED",  # Databricks, from two first commits of one table
    "ConcurrentAppendException",
    "MetadataChangedException",
)
ATTEMPTS, QUIET_ATTEMPTS = 40, 5


def is_commit_conflict(error: BaseException) -> bool:
    """Whether another writer won the race for a Delta version: nothing was written, so the write may be repeated."""
    return any(text in str(error) for text in COMMIT_CONFLICTS)


def committed(write: Callable[[], T]) -> T:
    """The result of `write`, repeated while another writer wins the race for the table's next version.

    `write` is called anew each time: what it reads of the table must be read inside it.
    """
    from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random_exponential

    policy = retry(
        retry=retry_if_exception(is_commit_conflict),
        wait=wait_random_exponential(multiplier=0.05, max=2),
        stop=stop_after_attempt(ATTEMPTS),
        before_sleep=_log,
        reraise=True,
    )
    return policy(write)()


def _log(state: RetryCallState) -> None:
    """A few conflicts are normal with concurrent writers; many deserve a warning."""
    level = logging.INFO if state.attempt_number > QUIET_ATTEMPTS else logging.DEBUG
    error = state.outcome.exception() if state.outcome else None
    logger.log(level, "Another writer committed first, %s times by now: %s", state.attempt_number, error)
