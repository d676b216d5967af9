"""What `make dev` opens: Dagster's UI, the monitoring's pages and MLflow, of one state folder, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from mlops_core.adapters.local_servers import LOOPBACK, Ports, PortTakenError, pages_served
from mlops_core.adapters.mlflow_database import database_uri, make_database
from mlops_core.adapters.plain_paths import plain_path
from mlops_core.adapters.webserver import dg
from mlops_core.cli.demo_world import UI_PORTS, demo_environment
from mlops_core.config import Target, TargetError, load_target
from mlops_core.project import Project

GRACE_S = 10
"""How long servers have to shut down by themselves."""
LOOK_S = 0.5
WHAT = {"dagster": "Dagster", "pages": "Monitoring", "mlflow": "MLflow"}


@click.command(help=__doc__, short_help="Open Dagster, the pages of the monitoring, and MLflow")
@click.option(
    "--demo", type=click.Choice([*UI_PORTS]), help="Of what `make demo-drift` or `make demo-arrival` has left."
)
@click.pass_obj
def main(project: Project, demo: str | None) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if demo:
        os.environ |= demo_environment(project, demo)
    try:
        target = load_target(project)
        ports = Ports.beginning_at(target.ui_port)
        ports.require_free()
        with opened(target, ports) as servers:
            for name, address in ports.addresses.items():
                click.echo(f"{WHAT[name]:11} {address}")
            sys.exit(_first_ended(servers))
    except (TargetError, PortTakenError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        sys.exit(0)


@contextmanager
def opened(target: Target, ports: Ports) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """All three servers, which end with this context; the processes of two: field of `ports` -> process."""
    state = target.state_path
    home = Path(os.environ.get("DAGSTER_HOME", state / "dagster"))
    home.mkdir(parents=True, exist_ok=True)
    database = state / "mlflow" / "mlflow.db"
    make_database(database)
    # Dagster reads its settings through a pattern, and SQLite ends a file's name at a question mark.
    environ = os.environ | {"DAGSTER_HOME": str(plain_path(home)), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    # MLflow's default takes names like 10.example for addresses of a private network.
    hosts = ("--allowed-hosts", f"localhost:*,{LOOPBACK}:*")
    shown = ("--backend-store-uri", database_uri(database), "--workers", "1", *hosts)
    calls = {
        "dagster": ("-m", dg.__name__, "dev", "--workspace", str(target.root / "workspace.yaml"), *_at(ports.dagster)),
        "mlflow": ("-m", "mlflow", "ui", *_at(ports.mlflow), *shown),
    }
    processes = {name: _started(call, environ) for name, call in calls.items()}
    try:
        with pages_served(state / "monitoring", ports.pages):
            yield processes
    finally:
        for process in processes.values():
            _signalled(process, signal.SIGTERM)
        for process in processes.values():
            _ended(process)


def _first_ended(servers: Mapping[str, subprocess.Popen[bytes]]) -> int:
    """Wait until a server ends, which leaves the others of little use; its exit code."""
    while True:
        for name, process in servers.items():
            if (code := process.poll()) is not None:
                click.echo(f"{WHAT[name]} has ended (exit code {code}), and the other servers with it.", err=True)
                return code or 1
        time.sleep(LOOK_S)


def _started(call: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A process in a group of its own: the servers that it starts end with it, and Ctrl-C is left to this process."""
    return subprocess.Popen([sys.executable, *call], env=environ, start_new_session=True)  # noqa: S603


def _signalled(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _ended(process: subprocess.Popen[bytes]) -> None:
    """Wait for it, then kill what is left of its group: Dagster's servers do not always shut down."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    _signalled(process, signal.SIGKILL)
    process.wait()


def _at(port: int) -> tuple[str, ...]:
    return ("--host", LOOPBACK, "--port", str(port))
