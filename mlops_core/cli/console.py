"""Console output of a run: its progress, without stack traces for failures that explain themselves."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._utils.error import SerializableErrorInfo

from mlops_core.shown_text import printable

BLOCKED = "DagsterAssetCheckFailedError"
"""A blocking check failed; the message is in its evaluation."""

SENTENCE = re.compile(r"(mlops_core|dagster)\.[\w.]+: ")
"""The name of a class, before the message of an error that the machinery made, or of a `dagster.Failure`."""

QUIET = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}


def sentence_of(error: SerializableErrorInfo) -> str | None:
    """The message of a failed step; None for a check, which has reported it already."""
    said = (error.cause or error).message.strip()
    return None if error.cls_name == BLOCKED else SENTENCE.sub("", said, count=1)


@dg.logger(
    config_schema={"log_level": dg.Field(str, default_value="INFO"), "name": dg.Field(str, default_value="dagster")}
)
def console(context: dg.InitLoggerContext) -> logging.Logger:
    """Dagster's console logger without stack traces of self-explanatory failures: the caller prints these last.

    What data and errors say is shown as characters alone.
    """
    found = dg.colored_console_logger.logger_fn(context)
    found.addFilter(_without_calls)
    return found


def _without_calls(record: logging.LogRecord) -> bool:
    told: Mapping[str, Any] = getattr(record, "dagster_meta", {})
    event = told.get("dagster_event")
    error = getattr(event.event_specific_data, "error", None) if event else None
    if event and error and event.is_failure and (not event.is_step_failure or _is_sentence(error)):
        record.msg = str(record.msg).partition("\n\n")[0]
    record.msg = printable(str(record.msg))
    return True


def _is_sentence(error: SerializableErrorInfo) -> bool:
    return error.cls_name == BLOCKED or SENTENCE.match((error.cause or error).message) is not None
