"""`python -m mlops_core.adapters.webserver`, with the options of dagster-webserver.

Where people reach it by another name than this machine's, DAGSTER_WEBSERVER_URL is that address, and
DAGSTER_WEBSERVER_ALLOWED_HOSTS are further names of it, with blanks between them. Where a proxy signs people in,
DAGSTER_SIGN_IN_HEADER and DAGSTER_SIGN_IN_SECRET say how it names them.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from mlops_core.adapters.webserver.guard import WebserverGuard, public_origin
from mlops_core.adapters.webserver.sign_in import SignIn, SignInGuard


def main() -> None:
    try:
        put_guard()
    except (RuntimeError, ValueError) as error:
        sys.exit(f"Dagster's webserver does not start without its guard: {error}")
    from dagster_webserver.cli import main as dagster_webserver

    dagster_webserver()


def put_guard() -> None:
    """Put the guards before everything that a webserver of this process does.

    Raises:
        ValueError: DAGSTER_WEBSERVER_URL is no address, or the sign-in is not complete.
        RuntimeError: this version of Dagster assembles its webserver otherwise.
    """
    public = public_origin(os.environ.get("DAGSTER_WEBSERVER_URL", ""))
    hosts = os.environ.get("DAGSTER_WEBSERVER_ALLOWED_HOSTS", "").split()
    sign_in = SignIn.of(os.environ)
    from dagster_webserver.webserver import DagsterWebserver
    from starlette.middleware import Middleware

    dagsters = getattr(DagsterWebserver, "build_middleware", None)
    if dagsters is None:
        raise RuntimeError(
            "This version of dagster-webserver has no DagsterWebserver.build_middleware, where its guard is put:"
            " install one that setup.cfg allows."
        )
    guards = [Middleware(WebserverGuard, public=public, hosts=hosts), Middleware(SignInGuard, sign_in=sign_in)]

    def build_middleware(webserver: Any) -> list[Middleware]:
        return [*guards, *dagsters(webserver)]

    setattr(DagsterWebserver, dagsters.__name__, build_middleware)


if __name__ == "__main__":
    main()
