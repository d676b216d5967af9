"""Serve the champion on this machine, by MLflow's scoring server and with its features looked up, until Ctrl-C."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import click

from mlops_core.adapters.local_servers import LOOPBACK, Ports
from mlops_core.adapters.serving.later_endpoints import LaterEndpoints
from mlops_core.adapters.serving.local import LocalEndpoint, announced
from mlops_core.adapters.serving.newest_rows import FeatureTableCache
from mlops_core.adapters.serving.protocol import Traffic
from mlops_core.adapters.serving.served_endpoint import ServedEndpoint
from mlops_core.adapters.serving.server import following, listening, scoring_server
from mlops_core.config import Target, TargetError, load_target
from mlops_core.defs.resources import adapters
from mlops_core.deployment.promotion import CHAMPION
from mlops_core.project import Project


class NothingToServeError(RuntimeError):
    """There is no champion that can be served, or no port for it: the sentence says what to do."""


@click.command(help=__doc__, short_help="Serve the champion, request by request")
@click.pass_obj
def main(project: Project) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        target = load_target(project)
        with _bound(target) as bound, _endpoints(project, target) as endpoints:
            page, served = (
                f"http://{LOOPBACK}:{bound.getsockname()[1]}",
                {each.name: each for _, each in endpoints},
            )
            _require_one(served)
            _tell(page, endpoints)
            models = [each for each, _ in endpoints]
            later = LaterEndpoints(models, endpoints[0][1].tables, served)
            with announced(models[0].folder, page, os.getpid()), following(served, later.look):
                scoring_server(served).run([bound])
    except (TargetError, NothingToServeError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        sys.exit(0)


@contextmanager
def _bound(target: Target) -> Iterator[socket.socket]:
    """The socket on which the server listens.

    Raises:
        NothingToServeError: the target is not this machine's, or its port is taken.
    """
    if target.platform != "local":
        raise NothingToServeError(
            f"The models of {target.name} are served on Databricks: set MLOPS_TARGET=local for those of this machine."
        )
    port = Ports.beginning_at(target.ui_port).serving
    try:
        made = listening(port)
    except OSError as error:
        raise NothingToServeError(
            f"Port {port} is taken: end what answers at http://{LOOPBACK}:{port}, or set BUNDLE_VAR_ui_port to three "
            "less than a free one."
        ) from error
    with made:
        yield made


@contextmanager
def _endpoints(project: Project, target: Target) -> Iterator[list[tuple[LocalEndpoint, ServedEndpoint]]]:
    """The endpoint of each model, and how this process serves it."""
    with ExitStack() as stack:
        found: list[LocalEndpoint] = [
            stack.enter_context(adapters(each, target.of(each), "model_registry", "serving_endpoint")).serving_endpoint
            for each in project.each
        ]
        tables = FeatureTableCache(found[0].schema_folder)
        opted_in = [target.of(each).endpoint is not None for each in project.each]
        yield [(each, each.served(_wanted(each, opted), tables)) for each, opted in zip(found, opted_in, strict=True)]


def _wanted(endpoint: LocalEndpoint, opted_in: bool) -> Callable[[], Traffic | None]:
    """What is served: what the asset `endpoint` says where there is one, else the champion."""

    def champion() -> Traffic | None:
        found = endpoint.registry.find_alias(CHAMPION)
        return Traffic(found.version) if found else None

    return (lambda: endpoint.stored_traffic() or champion()) if opted_in else champion


def _require_one(served: Mapping[str, ServedEndpoint]) -> None:
    """Load what is served.

    Raises:
        NothingToServeError: it is nothing.
    """
    for each in served.values():
        each.follow()
    if not any(each.loaded for each in served.values()):
        why = [each.error for each in served.values() if each.error]
        raise NothingToServeError(why[0] if why else "There is no champion to serve: make run first, which makes one.")


def _tell(page: str, endpoints: Sequence[tuple[LocalEndpoint, ServedEndpoint]]) -> None:
    click.echo(f"What a request has is said at {page}, Ctrl-C ends.")
    for endpoint, served in endpoints:
        url = f"{page}/invocations" if len(endpoints) == 1 else endpoint.url
        click.echo(
            f"{url} serves {served.loaded.traffic if served.loaded else 'nothing yet'} of {endpoint.registry.model}"
        )
