"""What a command says on the console."""

from __future__ import annotations

from typing import Any

import click

from mlops_core.looks_secret import without_secrets
from mlops_core.shown_text import printable


def say(text: str, *, err: bool = False, **style: Any) -> None:
    """Print a text, which may quote data, settings and answers: without their secrets, and as characters alone."""
    click.secho(printable(without_secrets(text)), err=err, **style)
