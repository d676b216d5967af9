"""The job that the benchmark runs, as a package that the cluster gets."""
