"""The managed identity's token in a file, from a stand-in for the metadata service of an Azure machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest

from mlops_core.adapters.machine_token import renew

IDENTITY = "5f0c0000-0000-0000-0000-000000000000"


class MetadataService(BaseHTTPRequestHandler):
    """Answers as Azure's does: only with its header, only for an identity of the machine."""

    def do_GET(self) -> None:
        asked = parse_qs(urlparse(self.path).query)
        if self.headers["Metadata"] != "true" or asked["client_id"] != [IDENTITY]:
            self.send_error(400)
            return
        body = json.dumps({"access_token": f"e30.{asked['resource'][0]}.signature"}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), MetadataService)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/metadata/identity/oauth2/token"
    server.shutdown()
    server.server_close()


def test_the_token_is_for_another_issuer_and_for_nobody_elses_eyes(url: str, tmp_path: Path) -> None:
    assert renew(tmp_path / "token", IDENTITY, url)
    assert (tmp_path / "token").read_text() == "e30.api://AzureADTokenExchange.signature"
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["token"]


def test_no_proxy_is_asked(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert renew(tmp_path / "token", IDENTITY, url)


def test_a_refusal_leaves_the_last_token(url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "token").write_text("the last one")
    assert not renew(tmp_path / "token", "somebody-else", url)
    assert (tmp_path / "token").read_text() == "the last one"
    assert "The machine's identity gave no token" in caplog.text


def test_a_machine_that_is_none_of_azures_is_survived(tmp_path: Path) -> None:
    assert not renew(tmp_path / "token", IDENTITY, "http://127.0.0.1:9/none")
