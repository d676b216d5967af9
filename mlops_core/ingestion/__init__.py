"""From rows as they are delivered to accepted events, and rejected ones with every reason."""
