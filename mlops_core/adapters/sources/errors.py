"""Errors of files that can't be read as events: sentences without the secrets of what a person wrote as the path."""

from __future__ import annotations

from mlops_core.looks_secret import without_secrets


class SourceError(Exception):
    """What is wrong with a source, in a sentence that names it, and what to do."""

    def __init__(self, sentence: str) -> None:
        super().__init__(without_secrets(sentence))


class UnreadableEventsError(SourceError, ValueError):
    """A file, folder or table that cannot be taken as it stands."""


class NoEventsError(SourceError, FileNotFoundError):
    """Nothing is at a path, or no data file."""


class SourceNotWatchableError(SourceError, LookupError):
    """A source whose version can't be seen: it is gone, hidden, or has none."""


class SourceUnansweredError(SourceError, RuntimeError):
    """A source that can't be asked at this moment; a later look may succeed."""
