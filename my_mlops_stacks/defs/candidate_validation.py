"""What happens in a validation, in order: score, measure, judge, report, and only then write the verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from my_mlops_stacks.adapters.evaluation import evaluated, log_report, score_side_by_side
from my_mlops_stacks.adapters.model_registry import ModelVersion
from my_mlops_stacks.defs.metadata import as_data, png
from my_mlops_stacks.training.columns import LABEL, PICKUP
from my_mlops_stacks.validation.verdict import SKIPPED, STATUS_TAG, Verdict, status

if TYPE_CHECKING:
    import pandas as pd

    from my_mlops_stacks.validation.report import Facts

Context = dg.AssetCheckExecutionContext

RUN_TAG, AGAINST_TAG = "validation_run_id", "validated_against"
"""On a version: the MLflow run with its report; the champion's version that it was compared with, none, or nobody."""

PICTURE = "errors_by_segment"

RECORDED = ("trips_version", "held_out_from")
"""What training wrote on a version, without which nobody knows which rows it has not seen."""


class UnknownHoldOutError(LookupError):
    """A version that does not say which rows were held out from it."""


@dataclass(frozen=True)
class Validated:
    """The verdicts, what all of them are about, and the report."""

    verdicts: list[Verdict]
    metadata: Mapping[str, Any]
    report: Mapping[str, dg.MetadataValue] = field(default_factory=dict)


def skip(context: Context, candidate: ModelVersion) -> None:
    """Say on the version, and in the log, that nobody judged it and in which run."""
    reason = f"nobody: run_mode was 'disabled' in the Dagster run {context.run.run_id}"
    context.log.warning(f"Version {candidate.version} may be promoted without any judgement, validated by {reason}")
    context.resources.model_registry.tag(candidate, {AGAINST_TAG: reason, STATUS_TAG: SKIPPED})


def validate(context: Context, candidate: ModelVersion, run_mode: str, compared: bool) -> Validated:
    """Judge `candidate` on the rows that were held out from it, beside the champion when `compared` and there is one.

    The verdict is written on the version last: a version whose validation did not end stays without one.
    """
    registry = context.resources.model_registry
    champion = registry.find_alias("champion") if compared else None
    versions = {"candidate": candidate} | ({"champion": champion} if champion else {})
    rows, features = _scored(context, versions)
    tags = {"dagster_run_id": context.run.run_id, AGAINST_TAG: str(champion.version) if champion else "none"}
    name = f"validation of version {candidate.version}"
    with registry.run(name, tags | _recorded(candidate)) as run:
        measured = _measured(context, rows, candidate, champion)
        verdicts = _verdicts(measured, compared)
        facts = _facts(context, versions, status(verdicts, run_mode), rows, features)
        report = _report(facts, verdicts, rows)
    registry.tag(candidate, {RUN_TAG: run.info.run_id, AGAINST_TAG: tags[AGAINST_TAG], STATUS_TAG: facts.status})
    return Validated(verdicts, _about(facts, registry.run_page(run.info)), report)


def _recorded(version: ModelVersion) -> dict[str, str]:
    missing = [tag for tag in RECORDED if tag not in version.tags]
    if missing:
        raise UnknownHoldOutError(
            f"Version {version.version} of {version.name} lacks the tags {missing}, so nobody knows which trips it has "
            "not seen: materialize 'fare_model', which writes them, rather than registering a model by hand."
        )
    return {tag: version.tags[tag] for tag in RECORDED}


def _scored(context: Context, versions: Mapping[str, ModelVersion]) -> tuple["pd.DataFrame", dict[str, list[str]]]:
    """The rows that the candidate's training held out, as of the Delta version that it recorded, with predictions."""
    from datetime import date

    from my_mlops_stacks.training.model_inputs import model_inputs
    from my_mlops_stacks.training.split import since
    from my_mlops_stacks.validation.comparison import ROW_COLUMNS, check_rows

    recorded = _recorded(versions["candidate"])
    trips = context.resources.tables.read("trips", version=int(recorded["trips_version"]))
    held_out = model_inputs(since(trips, date.fromisoformat(recorded["held_out_from"])), LABEL)
    scored = score_side_by_side(context.resources.feature_store, held_out, versions)
    rows = scored.rows.select(*ROW_COLUMNS, *versions).toPandas()
    check_rows(rows, f"since {recorded['held_out_from']}, version {recorded['trips_version']} of the table trips")
    return rows, scored.features


def _measured(
    context: Context, rows: "pd.DataFrame", candidate: ModelVersion, champion: ModelVersion | None
) -> tuple[dict[str, float], dict[str, float] | None]:
    """Metrics of both, logged to the active run; the champion's to a run below it."""
    from my_mlops_stacks.validation.validation import custom_metrics, evaluator_config

    source = context.resources.tables.full_name("trips"), int(candidate.tags["trips_version"])
    asked: dict[str, Any] = {"metrics": custom_metrics(), "config": evaluator_config()}
    ours = evaluated(rows, LABEL, "candidate", source, **asked)
    if champion is None:
        return ours, None
    with context.resources.model_registry.run(f"champion version {champion.version}", {}, nested=True):
        return ours, evaluated(rows, LABEL, "champion", source, **asked)


def _verdicts(measured: tuple[dict[str, float], dict[str, float] | None], compared: bool) -> list[Verdict]:
    from my_mlops_stacks.validation.rules import judge, judge_against_champion, rules

    return [*judge(rules(), *measured), judge_against_champion(*measured, compared)]


def _facts(
    context: Context,
    versions: Mapping[str, ModelVersion],
    outcome: str,
    rows: "pd.DataFrame",
    features: Mapping[str, list[str]],
) -> "Facts":
    from my_mlops_stacks.defs.tables import TABLES
    from my_mlops_stacks.validation.report import Facts

    candidate, champion = versions["candidate"], versions.get("champion")
    recorded, tables = _recorded(candidate), context.resources.tables
    looked_up = [name for name, spec in TABLES.items() if spec.primary_keys]
    return Facts(
        model=candidate.name,
        candidate=candidate.version,
        champion=champion.version if champion else None,
        status=outcome,
        held_out_from=recorded["held_out_from"],
        trips=len(rows),
        tables={"trips": int(recorded["trips_version"])} | {name: tables.version(name) for name in looked_up},
        features=features,
        remarks=_remarks(candidate, champion, rows),
    )


def _remarks(candidate: ModelVersion, champion: ModelVersion | None, rows: "pd.DataFrame") -> list[str]:
    """What makes the comparison less fair than it looks."""
    until = champion.tags.get("held_out_from", "") if champion else ""
    if until <= candidate.tags["held_out_from"]:
        return []
    seen = int((rows[PICKUP] < until).sum())
    return [f"The champion was trained on days before {until}: it has seen {seen} of these trips and looks too good."]


def _report(facts: "Facts", verdicts: list[Verdict], rows: "pd.DataFrame") -> dict[str, dg.MetadataValue]:
    """Log the report to the active run, and give it as metadata."""
    from my_mlops_stacks.validation.comparison import compare
    from my_mlops_stacks.validation.plots import errors_by_segment
    from my_mlops_stacks.validation.report import report

    comparison = compare(rows)
    picture = png(errors_by_segment(comparison), trimmed=False)
    log_report(report(facts, verdicts, comparison, f"{PICTURE}.png"), {PICTURE: picture}, comparison)
    return {"report": dg.MetadataValue.md(report(facts, verdicts, comparison, as_data(picture)))}


def _about(facts: "Facts", page: str) -> dict[str, Any]:
    """Metadata of every verdict: which versions on which rows."""
    versions = {
        "candidate_version": facts.candidate,
        "champion_version": facts.champion or "none",
        **{f"{table}_delta_version": version for table, version in facts.tables.items()},
    }
    return {name: str(version) for name, version in versions.items()} | {  # as text: a plot of them would say nothing
        "held_out_trips": facts.trips,
        "held_out_from": facts.held_out_from,
        "validation_run": dg.MetadataValue.url(page),
    }
