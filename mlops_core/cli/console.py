"""The console of a run in a person's terminal: its progress, and of failures that are sentences no stack traces."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster._utils.error import SerializableErrorInfo

BLOCKED = "DagsterAssetCheckFailedError"
"""A blocking check that failed: what it said is in its evaluation."""

SENTENCE = re.compile(r"(mlops_core|dagster)\.[\w.]+: ")
"""The name of a class, before the message of an error that the machinery made, or of a `dagster.Failure`."""

QUIET = {"loggers": {"console": {"config": {"log_level": "INFO"}}}}


def sentence_of(error: SerializableErrorInfo) -> str | None:
    """What a failed step says to people: None of a check that said it already."""
    said = (error.cause or error).message.strip()
    return None if error.cls_name == BLOCKED else SENTENCE.sub("", said, count=1)


@dg.logger(
    config_schema={"log_level": dg.Field(str, default_value="INFO"), "name": dg.Field(str, default_value="dagster")}
)
def console(context: dg.InitLoggerContext) -> logging.Logger:
    """Dagster's own, but for failures that are sentences: whoever runs the jobs says them once, at the end."""
    found = dg.colored_console_logger.logger_fn(context)
    found.addFilter(_without_calls)
    return found


def _without_calls(record: logging.LogRecord) -> bool:
    told: Mapping[str, Any] = getattr(record, "dagster_meta", {})
    event = told.get("dagster_event")
    error = getattr(event.event_specific_data, "error", None) if event else None
    if event and error and event.is_failure and (not event.is_step_failure or _is_sentence(error)):
        record.msg = str(record.msg).partition("\n\n")[0]
    return True


def _is_sentence(error: SerializableErrorInfo) -> bool:
    return error.cls_name == BLOCKED or SENTENCE.match((error.cause or error).message) is not None
