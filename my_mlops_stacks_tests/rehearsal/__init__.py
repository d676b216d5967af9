"""The production path on this machine: the pipeline of `staging` on an emulated workspace and a real MLflow server."""
