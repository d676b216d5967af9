"""Both step launchers on the emulated workspace, in one run: `make benchmark-launcher`.

A call takes 100 ms, a classic cluster 10 s to start, serverless 3 s. What is measured is the host's side and the
protocol: the emulated compute is this machine's own.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import click

from mlops_core.adapters.step_launcher.compute import Compute

CLUSTER = {"spark_version": "18.0.x-scala2.13", "node_type_id": "Standard_D4ds_v5", "num_workers": 1}
CLASSIC = Compute(new_cluster=CLUSTER)
SERVERLESS = Compute(serverless=True)


@click.command(help=__doc__)
@click.option("--fifty/--no-fifty", default=True, help="Also follow fifty steps at once.")
def main(fifty: bool) -> None:
    from benchmarks.step_launcher.measure import measure  # not above: every step's process imports this module again

    wide = Compute(new_cluster=CLUSTER, parallel_steps=50)
    variants = [
        ("databricks_pyspark, classic", "five", CLASSIC, True),
        ("unity_catalog, classic worker", "five", CLASSIC, False),
        ("unity_catalog, serverless worker", "five", SERVERLESS, False),
        ("unity_catalog, fifty steps at once", "fifty", wide, False),
    ]
    rows = [
        "| launcher | wall | cluster starts | Databricks runs | calls | calls a warm step | uploaded | overhead a warm "
        "step | mean delay of an event | longest |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, job, compute, stock in variants if fifty else variants[:-1]:
        # A process each: Dagster keeps the server that forks its step processes, with the environment it began with.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            rows.append(process.submit(measure, job, compute, stock).result().row(name))
    click.echo("\n".join(rows))


if __name__ == "__main__":
    main()
