"""What the jobs tell of the problem: the label, the rows; and whom they tell of failures, on what they run."""

from __future__ import annotations

import re

from mlops_core.cli.new.mlops_stacks.bundle import Content, StacksBundle, items, section
from mlops_core.cli.new.mlops_stacks.imported import FILES, Imported
from mlops_core.cli.new.mlops_stacks.parameters import TABLES, by_task, parameters_of
from mlops_core.config import is_full_name
from mlops_core.config.files import ROOT_FILE
from mlops_core.tasks import Regression

KINDS = {"regressor": "regression", "regression": "regression"}
"""Classes do not tell whether they are two or more: the rows do."""
SELECTS_ALL = re.compile(r"select\s+\*\s+from\s+([^\s;]+)\s*;?\s*", re.IGNORECASE)
SOURCE = f"{ROOT_FILE}: <events>_table"


def kind_of(model_type: str) -> str | None:
    """The kind of problem, where the type of a model tells it."""
    return KINDS.get(model_type.lower())


def jobs(bundle: StacksBundle, found: Imported) -> None:
    target = bundle.targets[0]
    _predicted(bundle, target, found)
    _rows(bundle, target, found)
    _scored(bundle, target, found)
    content = [job for workflow in FILES for _, job in bundle.jobs(target, workflow)]
    _notifications(content, found)
    for cluster in dict.fromkeys(_cluster(each) for job in content for each in _with_cluster(job)):
        found.move(f"the cluster ({cluster}), unless serverless compute serves", "the jobs", f"{ROOT_FILE}: compute")


def _predicted(bundle: StacksBundle, target: str, found: Imported) -> None:
    parameters = parameters_of(bundle, target, "model")
    if (label := parameters.get("targets")) and label not in [each.name for each in Regression().monitored]:
        found.answers["label"] = label
    if kind := kind_of(parameters.get("model_type", "")):
        found.answers["kind"] = kind
    stated = [each.get("timestamp_column") for _, each in by_task(bundle, target, "feature_engineering")]
    times = list(dict.fromkeys(filter(None, stated)))
    if len(times) == 1:
        found.answers["event_time"] = times[0]
    elif times:
        found.warn(f"The feature tables are by {' and '.join(times)}: say which of them is the time of an event.")


def _rows(bundle: StacksBundle, target: str, found: Imported) -> None:
    """The rows of the training, else those of the feature tables, else those of the validation."""
    trained, there = parameters_of(bundle, target, "model"), bundle.place("model")
    read = trained | parameters_of(bundle, target, "feature_engineering")
    validated = trained.get("validation_input", "").strip()
    selected = SELECTS_ALL.fullmatch(validated)
    tables = [*(read[name] for name in TABLES if read.get(name)), *([selected[1]] if selected else [])]
    plain = [table.replace("`", "") for table in tables]
    full = next((table for table in plain if is_full_name(table) and "${" not in table), None)
    if full:
        found.answers["source_table"] = full
    elif tables:
        found.move(f"the rows at {tables[0]}, as a table catalog.schema.table", there, SOURCE)
    if validated and not selected:
        found.move(f"what of the rows is validated: {validated}", there, "ingestion/<events>.py: rules")


def _scored(bundle: StacksBundle, target: str, found: Imported) -> None:
    parameters, there = parameters_of(bundle, target, "batch_inference"), bundle.place("batch_inference")
    if table := parameters.get("input_table_name"):
        found.move(f"the rows of {table}, as events whose label is null", there, SOURCE)
    if output := parameters.get("output_table_name"):
        found.move(f"who reads {output}: the table predictions of the target's schema", there, f"{ROOT_FILE}: schema")


def _notifications(content: list[Content], found: Imported) -> None:
    lists = [each for job in content for each in section(job, "email_notifications").values()]
    people = list(dict.fromkeys(str(address) for each in lists if isinstance(each, list) for address in each))
    if len(people) == 1:
        found.answers["owner"] = people[0]
    if people:
        here = f"{ROOT_FILE}: alert_channel, which is email with ALERT_EMAIL_TO"
        found.move(f"who is told of failures: {', '.join(people)}", "email_notifications of the jobs", here)
    if any(job.get("webhook_notifications") for job in content):
        found.move("webhook_notifications of the jobs", "the jobs", f"{ROOT_FILE}: alert_channel")


def _with_cluster(job: Content) -> list[Content]:
    stated = (*items(job, "job_clusters"), *items(job, "tasks"))
    return [cluster for each in stated if (cluster := section(each, "new_cluster"))]


def _cluster(stated: Content) -> str:
    said = [str(stated[key]) for key in ("spark_version", "node_type_id", "policy_id") if stated.get(key)]
    return ", ".join([*said, f"{stated.get('num_workers', 0)} workers"])
