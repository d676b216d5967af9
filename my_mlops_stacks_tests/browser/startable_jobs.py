"""A code location of one job, which a page of another site would like to start."""

import dagster as dg


@dg.op
def costly() -> None: ...


@dg.job
def costly_job() -> None:
    costly()


defs = dg.Definitions(jobs=[costly_job])
