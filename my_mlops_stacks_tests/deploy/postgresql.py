"""A PostgreSQL server of this machine's own binaries, in an empty folder, on a free port of loopback.

It has the certificate of deploy/compose.yaml, so it is called postgres there and here.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from mlops_core_tests.ports import free_port

COMPOSE = Path(__file__).resolve().parents[2] / "deploy" / "compose.yaml"
DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
UNPRIVILEGED = ("postgres", "nobody")


def find_binaries() -> Path:
    """The folder of initdb and postgres; skips the test where there is none."""
    found = shutil.which("initdb")
    folders = [*([Path(found).resolve().parent] if found else []), *DEBIAN]
    for folder in folders:
        if (folder / "postgres").exists():
            return folder
    pytest.skip("PostgreSQL is not installed here: apt-get install postgresql")


@contextmanager
def running(folder: Path, user: str = "dagster") -> Iterator[dict[str, str]]:
    """The variables by which deploy/dagster.yaml finds the server and `user`, who owns it.

    But for its port, DAGSTER_PG_PORT, and its certificate, DAGSTER_PG_CERTIFICATE.
    """
    binaries, password = find_binaries(), secrets.token_hex(8)
    key, certificate = certified(folder)
    data, password_file = folder / "data", folder / "password"
    port = free_port()
    data.mkdir()
    password_file.write_text(password)
    _give_away(folder, data, password_file, key)
    options = ["--auth=scram-sha-256", f"--username={user}", f"--pwfile={password_file}", "--no-sync"]
    _run([binaries / "initdb", "-D", data, *options])
    settings = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "unix_socket_directories="]
    settings += ["-c", "ssl=on", "-c", f"ssl_cert_file={certificate}", "-c", f"ssl_key_file={key}"]
    server = _popen([binaries / "postgres", "-D", data, "-p", str(port), *settings])
    try:
        _wait(binaries, port, server)
        yield {
            "DAGSTER_PG_HOST": "postgres",
            "PGHOSTADDR": "127.0.0.1",  # where libpq goes for it
            "DAGSTER_PG_PORT": str(port),
            "DAGSTER_PG_CERTIFICATE": str(certificate),
            "DAGSTER_PG_USERNAME": user,
            "DAGSTER_PG_PASSWORD": password,
            "DAGSTER_PG_DB": "postgres",
        }
    finally:
        server.send_signal(signal.SIGINT)  # SIGTERM would wait until every client has gone
        server.wait(timeout=20)


def certified(folder: Path) -> tuple[Path, Path]:
    """Key and certificate, made by the command of compose."""
    key, certificate = folder / "server.key", folder / "server.crt"
    script = yaml.safe_load(COMPOSE.read_text())["services"]["postgres"]["command"][-1]
    command = script.partition(" && ")[0].replace("/tmp/server.key", shlex.quote(str(key)))
    command = command.replace("/certificate/server.crt", shlex.quote(str(certificate)))
    subprocess.run(["bash", "-ec", command], check=True)
    return key, certificate


def _unprivileged() -> list[str]:
    """What to put before a command: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={_user()}", "--clear-groups"]


def _user() -> str:
    known = {line.split(":")[0] for line in Path("/etc/passwd").read_text().splitlines()}
    return next(name for name in UNPRIVILEGED if name in known)


def _give_away(folder: Path, *paths: Path) -> None:
    if os.geteuid() != 0:
        return
    for path in paths:
        shutil.chown(path, _user())
    for parent in (folder, *folder.parents):  # pytest's folders are closed to others
        if parent.stat().st_uid == 0 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)


def _run(command: list[object]) -> None:
    done = subprocess.run([*_unprivileged(), *map(str, command)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _popen(command: list[object]) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.Popen([*_unprivileged(), *map(str, command)], stdout=quiet, stderr=quiet)


def _wait(binaries: Path, port: int, server: subprocess.Popen[bytes], seconds: float = 30.0) -> None:
    deadline, ask = time.monotonic() + seconds, [binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
    while subprocess.run(ask, check=False).returncode:
        assert server.poll() is None, "the server ended"
        assert time.monotonic() < deadline, "the server does not listen"
        time.sleep(0.05)
