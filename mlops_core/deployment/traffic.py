"""Which versions of a model an endpoint serves, and what the endpoint is doing."""

from __future__ import annotations

from dataclasses import dataclass

ALL = 100
"""Percent of the requests."""


@dataclass(frozen=True)
class Traffic:
    """Which versions answer: `challenger_percent` of the requests go to the challenger, all others to the champion."""

    champion: int
    challenger: int | None = None
    challenger_percent: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.challenger_percent <= ALL:
            raise ValueError(f"A challenger can't have {self.challenger_percent} % of the requests.")
        if self.challenger is None and self.challenger_percent:
            raise ValueError("Without a challenger, all requests go to the champion.")
        if self.challenger == self.champion:
            raise ValueError(f"Version {self.champion} can't be champion and challenger of one endpoint.")

    @property
    def versions(self) -> tuple[int, ...]:
        return (self.champion,) if self.challenger is None else (self.champion, self.challenger)

    def leads_to(self, version: int) -> bool:
        """Whether the version serves alone, or is the challenger: of the champion of a canary it is not so."""
        return version == (self.champion if self.challenger is None else self.challenger)

    def __str__(self) -> str:
        if self.challenger is None:
            return f"version {self.champion}"
        share = self.challenger_percent
        return f"version {self.champion} ({ALL - share} %) and version {self.challenger} ({share} %)"


@dataclass(frozen=True)
class EndpointState:
    """What an endpoint is doing.

    `served` is what answers; None when there is no endpoint, when nothing answers yet, or when what answers is not made
    of versions of one model. `pending` is the traffic that it is changing to. `error` says why the last change failed,
    empty when it did not. `models` are the registered models that it serves or is to serve; `tag` is the model for
    which a pipeline made it, None when somebody else did. `since` is when its traffic last changed, in epoch seconds
    (0.0 when unknown), and `changed_by` who changed it.
    """

    exists: bool = False
    served: Traffic | None = None
    is_ready: bool = False
    is_updating: bool = False
    pending: Traffic | None = None
    error: str = ""
    models: tuple[str, ...] = ()
    tag: str | None = None
    since: float = 0.0
    changed_by: str = ""
