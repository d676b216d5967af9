"""Who has signed in at the proxy before Dagster, handed on to whatever the webserver does for them.

A header that says a name is believed where it comes with the proxy's secret: who reaches the port can write any header.
With a sign-in, what comes without it gets nothing but the answer to a probe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hmac import compare_digest
from urllib.parse import quote

from mlops_core.adapters.webserver.guard import App, Message, Receive, Refusal, Send, refuse

USER_HEADER = "x-dagster-signed-in-user"
"""Within the webserver, the name in percent-encoding; empty where there is no sign-in. Nobody else can write it."""
SECRET_HEADER = "x-sign-in-secret"  # noqa: S105 - the header's name
HEADER, SECRET = "DAGSTER_SIGN_IN_HEADER", "DAGSTER_SIGN_IN_SECRET"
SHORTEST_SECRET, LONGEST_NAME = 32, 200
PROBE = "/server_info"


@dataclass(frozen=True)
class SignIn:
    """The lower-case header in which a proxy names who has signed in, and the secret that it sends with it."""

    header: str
    secret: str = field(repr=False)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> SignIn | None:
        """That of the environment, or None.

        Raises:
            ValueError: half of it is missing, or the secret could be guessed.
        """
        header, secret = environ.get(HEADER, "").strip().lower(), environ.get(SECRET, "").strip()
        if not header and not secret:
            return None
        if not header or len(secret) < SHORTEST_SECRET:
            raise ValueError(
                f"a sign-in takes {HEADER}, the header that names who has signed in, and {SECRET}, of at least "
                f"{SHORTEST_SECRET} characters, which its proxy sends as {SECRET_HEADER}: set both, or neither."
            )
        return cls(header, secret)

    def user(self, headers: Headers) -> str | None:
        """Who has signed in, when the proxy says so; None when something else does."""
        secrets, names = (_values(headers, name) for name in (SECRET_HEADER, self.header))
        if len(secrets) != 1 or len(names) != 1 or not compare_digest(secrets[0], self.secret.encode()):
            return None
        try:
            name = names[0].decode().strip()
        except UnicodeDecodeError:
            return None
        return name if 0 < len(name) <= LONGEST_NAME and name.isprintable() else None


Headers = list[tuple[bytes, bytes]]


class SignInGuard:
    """ASGI middleware that lets in who has signed in, and says who it is in `USER_HEADER`."""

    def __init__(self, app: App, sign_in: SignIn | None = None) -> None:
        self.app, self.sign_in = app, sign_in

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers: Headers = scope["headers"]
        user = self.sign_in.user(headers) if self.sign_in else ""
        if user is None and not _is_probe(scope):
            return await refuse(scope, send, Refusal(401, "This Dagster is reached through its sign-in alone."))
        kept = [(name, value) for name, value in headers if name.decode("latin-1") not in (USER_HEADER, SECRET_HEADER)]
        known = (USER_HEADER.encode(), quote(user or "").encode())
        return await self.app({**scope, "headers": [*kept, known]}, receive, send)


def _values(headers: Headers, wanted: str) -> list[bytes]:
    return [value for name, value in headers if name.decode("latin-1") == wanted]


def _is_probe(scope: Message) -> bool:
    return scope.get("method") == "GET" and str(scope["path"]).endswith(PROBE)
