"""Dagster's database on a real PostgreSQL: no other server is believed, and Dagster's user owns nothing else."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg2
import pytest
import yaml
from dagster_postgres.utils import pg_url_from_config

from mlops_core.adapters import dagster_database
from my_mlops_stacks_tests.deploy import postgresql
from my_mlops_stacks_tests.deploy.test_instance import ROOT, written

VALUES = ROOT / "deploy" / "kubernetes" / "dagster-values.yaml"
ADMINISTRATOR, ITS_PASSWORD = "dbadmin", "of-the-administrator"


@dataclass
class Server:
    """A server whose owner has made an administrator as Azure does: no superuser, but one for roles and databases."""

    environment: Mapping[str, str]

    def connect(self, user: str, password: str, database: str, **said: str) -> Any:
        there = self.environment
        address = {"host": "postgres", "hostaddr": "127.0.0.1", "port": there["DAGSTER_PG_PORT"], **said}
        return closing(psycopg2.connect(user=user, password=password, dbname=database, **address))

    def as_owner(self, statement: str) -> None:
        there = self.environment
        with self.connect(there["DAGSTER_PG_USERNAME"], there["DAGSTER_PG_PASSWORD"], "postgres") as made:
            made.autocommit = True
            made.cursor().execute(statement)

    def set_up(self, given: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run the module as a pod of the image runs it, with the server's certificate for the authorities'."""
        there = self.environment
        said = {"PGHOST": "postgres", "PGHOSTADDR": "127.0.0.1", "PGPORT": there["DAGSTER_PG_PORT"]}
        said |= {"PGUSER": ADMINISTRATOR, "PGSSLROOTCERT": there["DAGSTER_PG_CERTIFICATE"], **environ}
        command = [sys.executable, "-m", "mlops_core.adapters.dagster_database"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **said}
        return subprocess.run(command, input=given, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with postgresql.running(folder, user="azuresu") as found:
        made = Server(found)
        made.as_owner(f"CREATE ROLE {ADMINISTRATOR} LOGIN CREATEROLE CREATEDB PASSWORD '{ITS_PASSWORD}'")
        made.as_owner(f"CREATE TABLE private AS SELECT 1 AS one; GRANT SELECT ON private TO {ADMINISTRATOR}")
        done = made.set_up(f"{ITS_PASSWORD}\nfirst\n")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        yield made


@pytest.mark.slow
def test_dagster_works_as_a_user_that_has_rights_on_its_database_alone(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"DAGSTER_PG_USERNAME": "dagster", "DAGSTER_PG_PASSWORD": "first", "DAGSTER_PG_DB": "dagster"}
    for name, value in {**server.environment, **own}.items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.from_config(str(written(tmp_path, server.environment))) as instance:
        assert instance.get_runs() == []
    with server.connect("dagster", "first", "dagster") as made, made.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles WHERE rolname = 'dagster'"
        )
        assert cursor.fetchone() == (False, False, False, False)
        cursor.execute(
            "SELECT rolname FROM pg_roles WHERE rolname <> 'dagster' AND pg_has_role('dagster', oid, 'member')"
        )
        assert cursor.fetchall() == []
    refused = pytest.raises(psycopg2.errors.InsufficientPrivilege)
    with server.connect("dagster", "first", "postgres") as made, made.cursor() as cursor, refused:
        cursor.execute("SELECT * FROM private")
    server.as_owner("CREATE ROLE other LOGIN PASSWORD 'of-another'")
    with pytest.raises(psycopg2.OperationalError, match='permission denied for database "dagster"'):
        server.connect("other", "of-another", "dagster")


@pytest.mark.slow
def test_another_run_gives_the_user_another_password_and_keeps_what_is_there(server: Server) -> None:
    with server.connect("dagster", "first", "dagster") as made, made, made.cursor() as cursor:
        cursor.execute("CREATE TABLE kept AS SELECT 1 AS one")
    done = server.set_up(f"{ITS_PASSWORD}\nsecond\n")
    assert done.returncode == 0, done.stderr
    try:
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            server.connect("dagster", "first", "dagster")
        with server.connect("dagster", "second", "dagster") as made, made.cursor() as cursor:
            cursor.execute("SELECT one FROM kept")
            assert cursor.fetchall() == [(1,)]
    finally:
        server.set_up(f"{ITS_PASSWORD}\nfirst\n")


@pytest.mark.slow
def test_what_goes_wrong_is_one_sentence_without_a_password(server: Server, tmp_path: Path) -> None:
    wrong = [
        server.set_up("not-that\nthird\n"),
        server.set_up(f"{ITS_PASSWORD}\nthird\n", PGHOST="elsewhere"),
        server.set_up(f"{ITS_PASSWORD}\nthird\n", PGUSER="dagster"),
        server.set_up(ITS_PASSWORD),
    ]
    said = [done.stderr for done in wrong]
    assert [done.returncode for done in wrong] == [1, 1, 1, 1]
    assert [len(one.splitlines()) for one in said] == [1, 1, 1, 1]
    assert "password authentication failed" in said[0]
    assert 'does not match host name "elsewhere"' in said[1]
    assert "PGUSER is dagster, which is to be no administrator" in said[2]
    assert "has 1 lines" in said[3]
    assert not [one for one in said if "third" in one or ITS_PASSWORD in one]


@pytest.mark.slow
def test_a_backup_of_compose_brings_back_what_was_there_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the options that docs/deployment.md gives to pg_dump and psql; half a backup changes nothing."""
    page = (ROOT / "docs" / "deployment.md").read_text()
    dump, restore = (re.search(rf"exec -T postgres ({name} [^|\n]*)", page) for name in ("pg_dump", "psql"))
    assert dump
    assert restore
    with postgresql.running(tmp_path) as found:
        there = {**found, "DAGSTER_PG_DB": "dagster"}
        with closing(psycopg2.connect(_address(found, "postgres"))) as made:
            made.autocommit = True
            made.cursor().execute("CREATE DATABASE dagster")
        for name, value in there.items():
            monkeypatch.setenv(name, value)

        def ask(command: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
            [program, *options] = shlex.split(command)
            environ = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": there["DAGSTER_PG_PORT"]}
            environ["PGPASSWORD"] = there["DAGSTER_PG_PASSWORD"]
            call = [postgresql.find_binaries() / program, *options]
            return subprocess.run(call, input=given, env=environ, capture_output=True, text=True, check=False)

        with dg.DagsterInstance.from_config(str(written(tmp_path, there))) as instance:
            instance.report_runless_asset_event(dg.AssetMaterialization("champion", description="before"))
            backup = ask(dump[1])
            instance.report_runless_asset_event(dg.AssetMaterialization("champion", description="after"))
            cut = ask(restore[1], backup.stdout[: len(backup.stdout) // 2] + "\nSELECT broken;")
            assert (cut.returncode, _descriptions(instance)) == (3, ["after", "before"])
            whole = ask(restore[1], backup.stdout)
            assert (backup.returncode, whole.returncode) == (0, 0), backup.stderr + whole.stderr
            assert _descriptions(instance) == ["before"]
            instance.report_runless_asset_event(dg.AssetMaterialization("champion", description="later"))
            assert _descriptions(instance) == ["later", "before"]


def _descriptions(instance: dg.DagsterInstance) -> list[str | None]:
    """Of the asset's materializations, the newest first."""
    records = instance.fetch_materializations(dg.AssetKey("champion"), limit=10).records
    return [record.asset_materialization.description for record in records if record.asset_materialization]


def _address(there: Mapping[str, str], database: str) -> str:
    user, password, port = (there[f"DAGSTER_PG_{name}"] for name in ("USERNAME", "PASSWORD", "PORT"))
    return f"postgresql://{user}:{password}@127.0.0.1:{port}/{database}"


@pytest.mark.slow
def test_dagster_believes_no_other_server(server: Server, tmp_path: Path) -> None:
    """deploy/dagster.yaml with another server's certificate, and for a server of another name."""
    there = server.environment
    (tmp_path / "other").mkdir()
    _, other = postgresql.certified(tmp_path / "other")
    assert _refusal(tmp_path, there) == ""
    assert "certificate verify failed" in _refusal(tmp_path, {**there, "DAGSTER_PG_CERTIFICATE": str(other)})
    named = _refusal(tmp_path, {**there, "DAGSTER_PG_HOST": "elsewhere"})
    assert 'certificate for "postgres" does not match host name "elsewhere"' in named


def _refusal(folder: Path, environ: Mapping[str, str]) -> str:
    """What keeps Dagster from the server that the file names, with these variables; empty when nothing does."""
    said = yaml.safe_load((written(folder, environ) / "dagster.yaml").read_text())["storage"]["postgres"]["postgres_db"]
    values = {key: environ[one["env"]] if isinstance(one, dict) and "env" in one else one for key, one in said.items()}
    url = pg_url_from_config({"postgres_db": values}).replace("postgresql+psycopg2:", "postgresql:")
    try:
        psycopg2.connect(url, hostaddr="127.0.0.1").close()
    except psycopg2.OperationalError as error:
        return str(error)
    return ""


def test_kubernetes_believes_the_authorities_that_the_set_up_does() -> None:
    params = yaml.safe_load(VALUES.read_text())["postgresql"]["postgresqlParams"]
    assert params == {"sslmode": "verify-full", "sslrootcert": dagster_database.AUTHORITIES}


def test_compose_gives_dagster_the_certificate_that_its_database_makes() -> None:
    services = yaml.safe_load(postgresql.COMPOSE.read_text())["services"]
    said = yaml.safe_load((ROOT / "deploy" / "dagster.yaml").read_text())["storage"]["postgres"]["postgres_db"][
        "params"
    ]
    assert said["sslmode"] == "verify-full"
    folder = str(Path(said["sslrootcert"]).parent)
    for name in ("code-location", "webserver", "daemon"):
        assert f"database-certificate:{folder}:ro" in services[name]["volumes"]
    assert "database-certificate:/certificate" in services["postgres"]["volumes"]
    assert f"-out /certificate/{Path(said['sslrootcert']).name}" in services["postgres"]["command"][-1]
    assert f"DNS:{services['code-location']['environment']['DAGSTER_PG_HOST']}" in services["postgres"]["command"][-1]


def test_composes_database_starts_with_the_certificate_that_it_made(tmp_path: Path) -> None:
    """With stand-ins for what only its container has, which note how they are called."""
    [*shell, script] = yaml.safe_load(postgresql.COMPOSE.read_text())["services"]["postgres"]["command"]
    for name in ("docker-entrypoint.sh", "chown"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $@"\n')
        (tmp_path / name).chmod(0o755)
    here = script.replace("/tmp/", f"{tmp_path}/").replace("/certificate/", f"{tmp_path}/")
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([*shell, here], env=environ, check=True, capture_output=True, text=True)
    owned, started = done.stdout.splitlines()
    assert owned == f"chown postgres {tmp_path}/server.key"
    assert started.startswith("docker-entrypoint.sh postgres -c max_connections=200 -c ssl=on ")
    assert f"ssl_cert_file={tmp_path}/server.crt -c ssl_key_file={tmp_path}/server.key" in started
    assert (tmp_path / "server.key").stat().st_mode & 0o077 == 0
