"""Alerts through a real web server and a real mail server on this machine."""

from __future__ import annotations

import json
import socketserver
from collections.abc import Iterator
from email import message_from_string
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from mlops_core.adapters.alerts import Alert, AlertError, EmailAlerts, NoAlerts, TeamsAlerts

ALERT = Alert("a", "It failed on prod", "The metric is above 5.", {"The run": "https://dagster.example.invalid/runs/1"})


class Webhook(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


class MailServer(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs to deliver a message; it asks for no password."""

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode().strip().upper():
            self.server.commands.append(line)
            if line == "DATA":
                self._say("354 go on")
                lines = iter(lambda: self.rfile.readline().decode(), ".\r\n")
                self.server.messages.append("".join(lines))
            self._say("221 bye" if line == "QUIT" else self.server.refusal if "RCPT" in line else "250 ok")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


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
