"""Alert channels: Microsoft Teams, email, or none. Their settings come from the environment.

An alert has a key; senders keep the key of the last one, so that no alert is sent twice.
"""

from __future__ import annotations

import logging
import re
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import urlsplit

SMTP_OVER_TLS = 465
TIMEOUT = 30
LONGEST_ANSWER = 200
LOOPBACK = ("127.0.0.1", "localhost", "::1")

RUN_FAILURE, VIOLATION, FAILING_TICK, MISSING_RUN, LATE_SOURCE = KINDS = (
    "run_failure",
    "violation",
    "failing_tick",
    "missing_run",
    "late_source",
)
"""Kinds: a run failed, predictions violate their threshold, a schedule or sensor fails, a run is missing, a source has
no new rows."""


class AlertError(RuntimeError):
    """The channel did not accept the alert; it may be sent again later."""


@dataclass(frozen=True)
class Alert:
    """What happened, in a title and a few sentences; `links` maps a name to an address.

    A mute matches alerts by `kind`, one of `KINDS`, and by a name that they are `about`. An alert that is not urgent,
    such as a refusal, is an email of low importance, or a card that begins with "Notice".
    """

    key: str
    title: str
    text: str
    links: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""
    about: tuple[str, ...] = ()
    is_urgent: bool = True


class Alerts(Protocol):
    """A channel."""

    def send(self, alert: Alert) -> None:
        """Send it.

        Raises:
            AlertError: the channel did not accept it.
        """


@dataclass(frozen=True)
class NoAlerts:
    """Nobody is told."""

    def send(self, alert: Alert) -> None: ...


@dataclass(frozen=True)
class TeamsAlerts:
    """A card in the channel of a webhook; the webhook is a secret, since anyone who has it can post."""

    webhook: str = field(repr=False)

    def send(self, alert: Alert) -> None:
        from dagster_msteams.adaptive_card import AdaptiveCard
        from dagster_msteams.card import Card
        from dagster_msteams.client import TeamsClient
        from requests import RequestException

        if not urlsplit(self.webhook).hostname:
            raise AlertError("ALERT_TEAMS_WEBHOOK_URL is no address: write it as https://name/path.")
        client = TeamsClient(self.webhook, timeout=TIMEOUT)
        card = Card() if client.is_legacy_webhook() else AdaptiveCard()
        links = [f"[{name}]({address})" for name, address in alert.links.items()]
        title = alert.title if alert.is_urgent else f"Notice: {alert.title}"
        card.add_attachment("\n\n".join([f"**{_as_text(_line(title))}**", _as_text(alert.text), *links]))
        try:
            with _unlogged_requests():
                client.post_message(card.payload)
        except RequestException as error:  # the text of one that has a request, and of its cause, has the webhook
            said = type(error).__name__ if error.request else _line(str(error))[:LONGEST_ANSWER]
            raise AlertError(
                f"Teams did not accept the alert '{alert.title}' ({said}): see ALERT_TEAMS_WEBHOOK_URL."
            ) from None


def _as_text(text: str) -> str:
    """A text of which Markdown makes no link, picture or element: it may come from data, or from who named a run."""
    return re.sub(r"<(?=[A-Za-z/!?])", "\u2039", text.replace("](", "] ("))


def _line(text: str) -> str:
    return " ".join(text.split())


@contextmanager
def _unlogged_requests() -> Iterator[None]:
    """Within, urllib3 does not log the addresses of its requests, one of which is a secret."""
    logger = logging.getLogger("urllib3")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


@dataclass(frozen=True)
class EmailAlerts:
    """A message through an SMTP server: on port 465 over TLS, on others with STARTTLS.

    The server's certificate is verified, by the authorities of this machine or those of SSL_CERT_FILE. A password is
    never sent in the clear, unless the server is on this machine and offers no TLS.
    """

    sender: str
    password: str = field(repr=False)
    recipients: tuple[str, ...]
    host: str
    port: int = SMTP_OVER_TLS

    def send(self, alert: Alert) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, ", ".join(self.recipients), _line(alert.title)
        message["Importance"] = "high" if alert.is_urgent else "low"
        links = [f"{name}: {address}" for name, address in alert.links.items()]
        message.set_content("\n\n".join([alert.text, *links]))
        try:
            with self._connected() as server:
                server.send_message(message)
        except ssl.SSLCertVerificationError as error:
            raise AlertError(
                f"{self.host}:{self.port} has a certificate that was not accepted ({error.verify_message}), so neither "
                f"the password nor the alert '{alert.title}' was sent: see ALERT_SMTP_HOST; SSL_CERT_FILE names the "
                "certificates of an authority of your own."
            ) from error
        except (OSError, smtplib.SMTPException) as error:
            raise AlertError(
                f"{self.host}:{self.port} did not accept the alert '{alert.title}' ({error}): see ALERT_SMTP_HOST and "
                "ALERT_EMAIL_PASSWORD."
            ) from error

    def _connected(self) -> smtplib.SMTP:
        verified = ssl.create_default_context()
        if self.port == SMTP_OVER_TLS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT, context=verified)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT)
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=verified)
                server.ehlo()
            elif self.host not in LOOPBACK:
                raise smtplib.SMTPException("it offers no STARTTLS")
        server.ehlo_or_helo_if_needed()
        if server.has_extn("auth"):
            server.login(self.sender, self.password)
        return server
