"""Dagster's own webserver, which no page of another site can use: by itself, and as `dg dev` starts it."""
