"""`python -m mlops_core.adapters.dagster_database`: Dagster's database, and a user that has rights on it alone.

PGHOST and PGUSER name the server and its administrator. Standard input has two lines, as others can read arguments:
the administrator's password, and that of Dagster's user. Run again, it gives the user another password, and no more.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection

log = logging.getLogger(__name__)
NAME = "dagster"
"""Of the database, and of the user."""
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
"""Of the image; PGSSLROOTCERT names others."""


def set_up(administrator: str, password: str) -> None:
    """Make user and database where they are missing, and set the user's password.

    Raises:
        psycopg2.Error: the server can't be reached, is not the one of its name, or refuses.
        ValueError: PGUSER is Dagster's user, whose password would be another one afterwards.
    """
    if os.environ.get("PGUSER") == NAME:
        raise ValueError(f"PGUSER is {NAME}, which is to be no administrator: name the server's own one.")
    with closing(_connect(administrator, "postgres")) as server:
        _ensure_user(server, password)
        if not _found(server, "SELECT 1 FROM pg_database WHERE datname = %s"):
            _run(server, f"CREATE DATABASE {NAME}")
        _run(server, f"REVOKE ALL ON DATABASE {NAME} FROM PUBLIC")
        _run(server, f"GRANT CONNECT, TEMPORARY ON DATABASE {NAME} TO {NAME}")
    with closing(_connect(administrator, NAME)) as database:
        _run(database, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        _run(database, f"GRANT USAGE, CREATE ON SCHEMA public TO {NAME}")


def _ensure_user(server: connection, password: str) -> None:
    """The server gets the password's hash: what it logs is no secret."""
    from psycopg2.extensions import encrypt_password

    exists = _found(server, "SELECT 1 FROM pg_roles WHERE rolname = %s")
    verb = "ALTER" if exists else "CREATE"
    _run(server, f"{verb} ROLE {NAME} LOGIN PASSWORD %s", encrypt_password(password, NAME, server))


def _connect(password: str, database: str) -> connection:
    import psycopg2

    authorities = os.environ.get("PGSSLROOTCERT", AUTHORITIES)
    made = psycopg2.connect(dbname=database, password=password, sslmode="verify-full", sslrootcert=authorities)
    made.autocommit = True  # no database is made within a transaction
    return made


def _run(server: connection, statement: str, *values: str) -> None:
    with server.cursor() as cursor:
        cursor.execute(statement, values or None)


def _found(server: connection, query: str) -> bool:
    with server.cursor() as cursor:
        cursor.execute(query, (NAME,))
        return cursor.fetchone() is not None


def main() -> int:
    """Returns the exit code of the process."""
    import psycopg2

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    passwords = sys.stdin.read().split()
    if len(passwords) != 2:  # noqa: PLR2004
        log.error("Standard input has %d lines, not the administrator's password and that of Dagster.", len(passwords))
        return 1
    try:
        set_up(*passwords)
    except (psycopg2.Error, ValueError) as error:
        log.error("Dagster's database could not be set up: %s", " ".join(str(error).split()))
        return 1
    log.info("The database %s is there, and the user %s has rights on it alone", NAME, NAME)
    return 0


if __name__ == "__main__":
    sys.exit(main())
