"""Feature tables from their declarations: computed day by day, and again as of a moment to find leaks."""
