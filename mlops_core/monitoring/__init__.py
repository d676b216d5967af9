"""Monitoring of predictions: profiled, compared with the training rows, and judged."""
