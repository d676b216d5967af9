"""`make rehearse`: run the pipeline of `staging` on an emulated workspace, say what ran where, and judge it."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import click

from my_mlops_stacks_tests.rehearsal import arrival, report
from my_mlops_stacks_tests.rehearsal.rehearsal import opened

NOISY_LOGGERS = ("alembic", "mlflow", "databricks.sdk")


@click.command()
@click.option("--latency", default=0.0, help="Seconds before each API call is answered")
@click.option("--serverless-start", default=0.0, help="Seconds until serverless compute runs")
@click.option("--classic-start", default=0.0, help="Seconds until a job cluster runs")
def main(latency: float, serverless_start: float, classic_start: float) -> None:
    """Run the pipeline of the target staging on an emulated Databricks workspace."""
    started = perf_counter()
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    times = {"latency": latency, "serverless_start": serverless_start, "classic_start": classic_start}
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder, opened(Path(folder), **times) as rehearsal:
        click.echo(f"Workspace {rehearsal.workspace.url}, MLflow {rehearsal.mlflow}: {perf_counter() - started:.1f} s")
        rehearsal.run_pipeline()
        found = report.problems(rehearsal)
        if log := report.failure_log(rehearsal):
            click.echo(f"\nThe log of the failed Databricks run ends with:\n{log}", err=True)
        click.echo("\n" + "\n".join(report.lines(rehearsal)))
        if not found:
            runs = arrival.run(rehearsal)
            click.echo("\n".join(arrival.lines(rehearsal, runs)))
            found = [*arrival.problems(rehearsal, runs)]
    verdict = "failed" if found else "passed"
    click.secho(f"The rehearsal {verdict} in {perf_counter() - started:.1f} s", bold=True)
    for sentence in found:
        click.secho(sentence, fg="red", err=True)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
