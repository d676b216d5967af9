"""What makes a plain Python process look like one on a Databricks cluster.

This package is copied beside the emulated workspace's files and imported there by the tasks' processes. It imports
nothing of the project, and at start nothing but the standard library.
"""
