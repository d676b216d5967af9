"""What runs on the cluster: a main file that unpacks the code, and the worker that takes steps from the volume.

Needs Dagster, the standard library, and what the project's own definitions import.
"""
