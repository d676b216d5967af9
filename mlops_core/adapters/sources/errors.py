"""Errors of files that can't be read as events."""


class UnreadableEventsError(ValueError):
    """A file, folder or table that cannot be taken as it stands; the sentence names it, and what to do."""
