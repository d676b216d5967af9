"""`MLOPS_TARGET=test python -m my_mlops_stacks_tests.integration`, after `scripts/bundle.sh deploy test`."""

from __future__ import annotations

import sys
import tempfile

import click
import dagster as dg

from mlops_core.config import TargetError, load_target
from my_mlops_stacks.project import PROJECT
from my_mlops_stacks_tests.integration.materialize import IntegrationError, materialize


@click.command(help=__doc__)
def main() -> None:
    try:
        target = load_target(PROJECT)
        if target.name not in ("dev", "test"):
            raise IntegrationError(f"MLOPS_TARGET is {target.name}: set it to test, whose tables may be replaced.")
        with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.local_temp(folder) as instance:
            for sentence in materialize(target, instance):
                click.echo(sentence)
    except (TargetError, IntegrationError) as error:
        click.secho(str(error), fg="red", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
