"""Alerts through a real web server and a real mail server on this machine."""

from __future__ import annotations

import base64
import json
import re
import socketserver
import ssl
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_string
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from markdown_it import MarkdownIt

from mlops_core.adapters import alerts
from mlops_core.adapters.alerts import Alert, AlertError, EmailAlerts, NoAlerts, TeamsAlerts

DAY = timedelta(days=1)
ALERT = Alert("a", "It failed on prod", "The metric is above 5.", {"The run": "https://dagster.example.invalid/runs/1"})


class Webhook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b"no such card")

    def log_message(self, *_: object) -> None: ...


class MailServer(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs to deliver a message; it asks for no password."""

    offers = "250 ok"

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode().strip().upper():
            self.server.commands.append(line)
            if line.startswith("EHLO"):
                self._say(self.offers)
                continue
            if line == "DATA":
                self._say("354 go on")
                lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                self.server.messages.append("".join(lines))
            self._say("221 bye" if line == "QUIT" else self.server.refusal if "RCPT" in line else "250 ok")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class SecureMailServer(MailServer):
    """One that has a certificate, offers STARTTLS or speaks TLS from the start, and then asks for a password."""

    timeout = 10

    def handle(self) -> None:
        try:
            if self.server.over_tls:
                self._secure()
            super().handle()
        except (ssl.SSLError, ConnectionError):
            self.server.commands.append("(hung up)")

    @property
    def offers(self) -> str:
        extension = "AUTH PLAIN" if isinstance(self.connection, ssl.SSLSocket) else "STARTTLS"
        return f"250-here\r\n250 {extension}"

    def _say(self, line: str) -> None:
        last = (self.server.commands or [""])[-1]
        secured = isinstance(self.connection, ssl.SSLSocket)
        super()._say("220 go on" if last == "STARTTLS" else "235 welcome" if last.startswith("AUTH") else line)
        if last == "STARTTLS" and not secured:
            self._secure()

    def _secure(self) -> None:
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.setup_files()

    def setup_files(self) -> None:
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)


def certificate(folder: Path, *addresses: str) -> Path:
    """A self-signed certificate of these IP addresses, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    start = datetime.now(UTC) - DAY
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address)) for address in addresses])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), start, start + 2 * DAY)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = folder / f"{'_'.join(addresses)}.pem"
    file.write_bytes(form + made.public_bytes(Encoding.PEM))
    return file


def served(server: socketserver.TCPServer) -> Iterator[socketserver.TCPServer]:
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def webhook() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    server.bodies, server.status = [], 202
    yield from served(server)


@pytest.fixture
def mail() -> Iterator[socketserver.TCPServer]:
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailServer)
    server.commands, server.messages, server.refusal = [], [], "250 ok"
    yield from served(server)


@pytest.fixture(params=["STARTTLS", "TLS"])
def secure_mail(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[socketserver.TCPServer]:
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), SecureMailServer)
    server.commands, server.messages, server.refusal = [], [], "250 ok"
    server.over_tls = request.param == "TLS"
    if server.over_tls:
        monkeypatch.setattr(alerts, "SMTP_OVER_TLS", server.server_address[1])
    server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.tls.load_cert_chain(certificate(tmp_path, "127.0.0.1"))
    yield from served(server)


def email(port: int) -> EmailAlerts:
    return EmailAlerts(
        "pipeline@example.invalid", "secret", ("a@example.invalid", "b@example.invalid"), "127.0.0.1", port
    )


def test_teams_gets_a_card_with_title_text_and_links(webhook):
    TeamsAlerts(f"http://127.0.0.1:{webhook.server_port}/hook").send(ALERT)
    (body,) = webhook.bodies
    (block,) = body["attachments"][0]["content"]["body"]
    assert "**It failed on prod**" in block["text"]
    assert "The metric is above 5." in block["text"]
    assert "[The run](https://dagster.example.invalid/runs/1)" in block["text"]


def test_a_webhook_that_refuses_is_an_alert_error_without_the_secret(webhook):
    webhook.status = 403
    with pytest.raises(AlertError, match="see ALERT_TEAMS_WEBHOOK_URL") as error:
        TeamsAlerts(f"http://127.0.0.1:{webhook.server_port}/hook").send(ALERT)
    assert "/hook" not in str(error.value)


def test_a_webhook_is_in_no_log_no_cause_and_no_text_of_the_channel(webhook, caplog):
    caplog.set_level("DEBUG")
    webhook.status = 403
    path = "/hook?sig=swordfish"
    teams = TeamsAlerts(f"http://127.0.0.1:{webhook.server_port}{path}")
    with pytest.raises(AlertError, match="no such card") as refused:
        teams.send(ALERT)
    webhook.shutdown()
    webhook.server_close()
    with pytest.raises(AlertError, match=r"\(ConnectionError\)") as away:
        teams.send(ALERT)
    with pytest.raises(AlertError, match="is no address") as misspelt:
        TeamsAlerts(path).send(ALERT)
    errors = "".join(line for error in (refused, away, misspelt) for line in traceback.format_exception(error.value))
    shown = errors + caplog.text + repr(teams) + repr(email(25))
    assert "swordfish" not in shown
    assert "'secret'" not in shown


@pytest.mark.parametrize("commonmark", ["commonmark", "js-default"])
def test_what_data_says_is_no_link_and_no_element_of_a_card(webhook, commonmark):
    text = "the class [pay](https://evil.invalid) ![x](https://evil.invalid/x.png) <img src=x onerror=alert(1)>"
    TeamsAlerts(f"http://127.0.0.1:{webhook.server_port}/hook").send(replace(ALERT, title=f"a\n# {text}", text=text))
    (body,) = webhook.bodies
    html = MarkdownIt(commonmark, {"html": True}).render(body["attachments"][0]["content"]["body"][0]["text"])
    assert re.findall(r"<(?:a|img)\b[^>]*>", html) == ['<a href="https://dagster.example.invalid/runs/1">']
    assert "<h1>" not in html


def test_a_title_of_several_lines_is_one_subject(mail):
    email(mail.server_address[1]).send(replace(ALERT, title="It failed\r\nBcc: everybody@example.invalid"))
    message = message_from_string(mail.messages[0])
    assert message["Subject"] == "It failed Bcc: everybody@example.invalid"
    assert message["Bcc"] is None


def test_email_reaches_every_recipient(mail):
    email(mail.server_address[1]).send(ALERT)
    (text,) = mail.messages
    message = message_from_string(text)
    assert message["Subject"] == "It failed on prod"
    assert message["To"] == "a@example.invalid, b@example.invalid"
    assert "The metric is above 5." in message.get_payload()
    assert "The run: https://dagster.example.invalid/runs/1" in message.get_payload()
    assert sum("RCPT TO" in command for command in mail.commands) == 2


def test_a_mail_server_that_refuses_is_an_alert_error(mail):
    mail.refusal = "550 who is that"
    with pytest.raises(AlertError, match="did not accept the alert 'It failed on prod'"):
        email(mail.server_address[1]).send(ALERT)


def test_a_password_reaches_no_server_that_nobody_vouches_for(secure_mail):
    with pytest.raises(AlertError, match="self-signed certificate.*SSL_CERT_FILE"):
        email(secure_mail.server_address[1]).send(ALERT)
    assert not any("AUTH" in command or "MAIL" in command for command in secure_mail.commands)


def test_a_password_reaches_no_server_of_another_name(secure_mail, tmp_path, monkeypatch):
    other = certificate(tmp_path, "127.0.0.2")
    secure_mail.tls.load_cert_chain(other)
    monkeypatch.setenv("SSL_CERT_FILE", str(other))
    with pytest.raises(AlertError, match="IP address mismatch"):
        email(secure_mail.server_address[1]).send(ALERT)
    assert not any("AUTH" in command for command in secure_mail.commands)


def test_a_server_of_an_own_authority_gets_password_and_message(secure_mail, tmp_path, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "127.0.0.1.pem"))
    email(secure_mail.server_address[1]).send(ALERT)
    assert len(secure_mail.messages) == 1
    password = base64.b64encode(b"\0pipeline@example.invalid\0secret").decode().upper()
    assert f"AUTH PLAIN {password}" in secure_mail.commands


def test_a_channel_that_is_not_there_is_an_alert_error(mail):
    port = mail.server_address[1]
    mail.shutdown()
    mail.server_close()
    with pytest.raises(AlertError, match="see ALERT_SMTP_HOST"):
        email(port).send(ALERT)
    with pytest.raises(AlertError):
        TeamsAlerts(f"http://127.0.0.1:{port}/hook").send(ALERT)


def test_nobody_is_told_where_no_channel_is(webhook):
    NoAlerts().send(ALERT)
    assert webhook.bodies == []
