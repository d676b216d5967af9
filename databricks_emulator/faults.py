"""Faults that tests inject into the API: each is a rule that says which calls it spoils, how, and how often."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from threading import Lock

from databricks_emulator.api import ApiError, Request, Response

ERROR_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "REQUEST_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


@dataclass
class Fault:
    """Spoils the calls whose method and path match the regular expressions (`search`, so a part is enough).

    One action: `status` answers with that error and does nothing else; `page` answers with that HTML, with `status` or
    200, as a sign-in page or a proxy does; `reset` closes the connection before the call is executed; `lose_reply`
    executes it, then closes the connection. `delay` seconds may come with any, or alone. The rule holds for `times`
    calls (None: no limit) after the first `skip`, and for `seconds` since it was added or, with `since_first_call`,
    since the first of them; with `rate`, only for calls beyond so many a second.
    """

    method: str = ""
    path: str = ""
    status: int | None = None
    page: str = ""
    error_code: str = ""
    message: str = "injected by the emulator"
    retry_after: int | None = None
    reset: bool = False
    lose_reply: bool = False
    delay: float = 0.0
    times: int | None = 1
    skip: int = 0
    seconds: float | None = None
    since_first_call: bool = False
    rate: float | None = None
    began: float = field(default_factory=time.monotonic)
    hits: int = 0
    allowance: float = 0.0  # calls that the rate lets pass; as many as come in a second may be saved
    refilled: float = field(default_factory=time.monotonic)

    def matches(self, request: Request) -> bool:
        has_begun = self.hits > 0 or not self.since_first_call
        if self.seconds is not None and has_begun and time.monotonic() - self.began > self.seconds:
            return False
        return bool(re.search(self.method, request.method) and re.search(self.path, request.path))

    def lets_pass(self) -> bool:
        """Whether the rate allows one more call now, which is counted."""
        if self.rate is None:
            return False
        now = time.monotonic()
        self.allowance = min(self.rate, self.allowance + (now - self.refilled) * self.rate)
        self.refilled = now
        if self.allowance < 1:
            return False
        self.allowance -= 1
        return True

    @property
    def answer(self) -> Response | None:
        """What the call is answered with in place of its own answer, if that is what the rule does."""
        retry = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.page:
            return Response(
                self.status or 200, self.page.encode(), {"Content-Type": "text/html;charset=utf-8", **retry}
            )
        if self.status is None:
            return None
        code = self.error_code or ERROR_CODES.get(self.status, "UNKNOWN")
        return Response.error(ApiError(self.status, code, self.message), retry)


class Faults:
    """The rules in force; the first that matches a call is applied."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._lock = Lock()

    def add(self, fault: Fault) -> Fault:
        """Put a rule in force; its `hits` count the calls that it spoilt."""
        with self._lock:
            self._rules.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def take(self, request: Request) -> Fault | None:
        """The rule to apply to this call, counted as used."""
        with self._lock:
            for fault in [rule for rule in self._rules if rule.matches(request)]:
                if fault.skip > 0:
                    fault.skip -= 1
                elif fault.lets_pass():
                    continue
                elif fault.times is None or fault.hits < fault.times:
                    if fault.since_first_call and not fault.hits:
                        fault.began = time.monotonic()
                    fault.hits += 1
                    return fault
        return None
