"""Why no project can be made."""


class NewProjectError(ValueError):
    """One sentence with what is wrong, where, and the fix; nothing was written."""
