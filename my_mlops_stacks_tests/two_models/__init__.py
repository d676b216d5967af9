"""A project of two models over the same trips: what a trip costs, and how long it takes."""
