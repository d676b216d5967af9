"""What is raised for files that cannot be taken for events."""


class UnreadableEventsError(ValueError):
    """A file, folder or table that cannot be taken as it stands; the sentence names it, and what to do."""
