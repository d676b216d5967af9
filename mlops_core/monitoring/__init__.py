"""How predictions do once they are made: described, compared with the training rows, and judged."""
