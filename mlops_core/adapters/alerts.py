"""Alert channels: Microsoft Teams, email, or none. Their settings come from the environment.

An alert has a key; senders keep the key of the last one, so that no alert is sent twice.
"""

from __future__ import annotations

import smtplib
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Protocol

SMTP_OVER_TLS = 465
TIMEOUT = 30
LOOPBACK = ("127.0.0.1", "localhost", "::1")

RUN_FAILURE, VIOLATION, FAILING_TICK, MISSING_RUN = KINDS = ("run_failure", "violation", "failing_tick", "missing_run")
"""Kinds: a run failed, predictions violate their threshold, a schedule or sensor fails, a run is missing."""


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

    webhook: str

    def send(self, alert: Alert) -> None:
        from dagster_msteams.adaptive_card import AdaptiveCard
        from dagster_msteams.card import Card
        from dagster_msteams.client import TeamsClient
        from requests import RequestException

        client = TeamsClient(self.webhook, timeout=TIMEOUT)
        card = Card() if client.is_legacy_webhook() else AdaptiveCard()
        links = [f"[{name}]({address})" for name, address in alert.links.items()]
        title = alert.title if alert.is_urgent else f"Notice: {alert.title}"
        card.add_attachment("\n\n".join([f"**{title}**", alert.text, *links]))
        try:
            client.post_message(card.payload)
        except RequestException as error:
            raise AlertError(f"Teams did not accept the alert '{alert.title}': see ALERT_TEAMS_WEBHOOK_URL.") from error


@dataclass(frozen=True)
class EmailAlerts:
    """A message through an SMTP server: on port 465 over TLS, on others with STARTTLS.

    A password is never sent in the clear, unless the server is on this machine.
    """

    sender: str
    password: str
    recipients: tuple[str, ...]
    host: str
    port: int = SMTP_OVER_TLS

    def send(self, alert: Alert) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self.sender, ", ".join(self.recipients), alert.title
        message["Importance"] = "high" if alert.is_urgent else "low"
        links = [f"{name}: {address}" for name, address in alert.links.items()]
        message.set_content("\n\n".join([alert.text, *links]))
        try:
            with self._connected() as server:
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as error:
            raise AlertError(
                f"{self.host}:{self.port} did not accept the alert '{alert.title}' ({error}): see ALERT_SMTP_HOST and "
                "ALERT_EMAIL_PASSWORD."
            ) from error

    def _connected(self) -> smtplib.SMTP:
        if self.port == SMTP_OVER_TLS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT)
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls()
                server.ehlo()
            elif self.host not in LOOPBACK:
                raise smtplib.SMTPException("it offers no STARTTLS")
        server.ehlo_or_helo_if_needed()
        if server.has_extn("auth"):
            server.login(self.sender, self.password)
        return server
