"""The steps of a validation: score, measure, judge, report, and only then write the verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg

from mlops_core.adapters.evaluation import evaluated, log_report
from mlops_core.adapters.model_registry import ModelVersion
from mlops_core.defs.held_out import HeldOut, score_held_out, unseen_by
from mlops_core.defs.metadata import as_data, png
from mlops_core.defs.model_description import describe
from mlops_core.defs.names import resources_of
from mlops_core.defs.promotion_history import last_champion
from mlops_core.deployment.promotion import Holder
from mlops_core.project import Project
from mlops_core.tasks.metric import SumMetric
from mlops_core.validation.verdict import JUDGING, SKIPPED, VERDICTS, Verdict, against, failed_rules, status
from mlops_core.version_record import VersionRecord

if TYPE_CHECKING:
    from mlops_core.validation.baseline_rules import Baselines
    from mlops_core.validation.report import Facts

Context = dg.AssetCheckExecutionContext

AS_SERVED = "The {} that were predicted are scored with the features that served them (features_as_served)."
PICTURE = "errors_by_segment"


@dataclass(frozen=True)
class Measured:
    """Metrics of both versions on the same rows, and the baselines from the candidate's training."""

    candidate: Mapping[str, float]
    champion: Mapping[str, float] | None
    baselines: "Baselines"
    beside_baselines: float
    """The compared metric of the candidate on the rows that its training measured them on."""


@dataclass(frozen=True)
class Validated:
    """The verdicts, their common metadata, and the report."""

    verdicts: list[Verdict]
    metadata: Mapping[str, Any]
    report: Mapping[str, dg.MetadataValue] = field(default_factory=dict)


def skip(project: Project, context: Context, candidate: ModelVersion) -> None:
    """Record on the version, and in the log, that it was not judged, and in which run."""
    reason = f"nobody: run_mode was 'disabled' in the Dagster run {context.run.run_id}"
    context.log.warning(f"Version {candidate.version} may be promoted without any judgement, validated by {reason}")
    registry = resources_of(project, context).model_registry
    registry.write(candidate, VersionRecord(validated_against=reason, validation_status=SKIPPED))
    describe(project, registry, candidate)


def validate(
    project: Project,
    context: Context,
    candidate: ModelVersion,
    run_mode: str,
    *,
    compared: bool,
    as_served: bool,
) -> Validated:
    """Judge `candidate` on the rows that were held out from it, beside the champion when `compared` and there is one.

    The verdict is written on the version last: a version whose validation did not end stays `judging`. A dry run leaves
    a verdict as it is, and the champion keeps its own until it has another.

    Args:
        as_served: whether events that were predicted are scored with the features that served them.
    """
    registry = resources_of(project, context).model_registry
    is_tried = run_mode == "dry_run" and candidate.record.validation_status in VERDICTS
    if not is_tried and registry.holder("champion") != Holder(candidate.version):
        registry.write(candidate, VersionRecord(validation_status=JUDGING))
    holder = registry.find_alias("champion") if compared else None
    is_champion = holder is not None and holder.version == candidate.version
    champion = None if is_champion else holder
    former = last_champion(project, context.instance, registry) if compared and holder is None else None
    versions = {"candidate": candidate} | ({"champion": champion} if champion else {})
    scored = score_held_out(project, context, versions, as_served)
    unseen, beside = (
        unseen_by(project, context, candidate),
        against(holder.version if holder else None, compared, candidate.version),
    )
    told = VersionRecord(
        dagster_run_id=context.run.run_id,
        held_out_from=unseen.first_day,
        held_out_until=unseen.last_day,
        validated_against=beside,
        tables={project.events.name: unseen.table_version},
    )
    with registry.run(f"validation of {project.whose}version {candidate.version}", told.to_tags()) as run:
        measured = _measured(project, context, scored, candidate, champion)
        verdicts = _verdicts(project, measured, compared, former, is_champion)
        facts = _facts(project, versions, status(verdicts, run_mode), scored, as_served)
        report = _report(project, facts, verdicts, scored)
    judged = VersionRecord(
        validation_run_id=run.info.run_id,
        validated_against=beside,
        failed_rules=failed_rules(verdicts),
        validation_status=facts.status,
    )
    tried = VersionRecord(dry_run_in_dagster_run=context.run.run_id if run_mode == "dry_run" else None)
    registry.tag(candidate, ({} if is_tried else judged.to_tags()) | tried.to_tags())
    describe(project, registry, candidate)
    return Validated(verdicts, _about(facts, registry.run_page(run.info)), report)


def _measured(
    project: Project,
    context: Context,
    scored: HeldOut,
    candidate: ModelVersion,
    champion: ModelVersion | None,
) -> Measured:
    """Both versions, with their metrics logged to the active run; the champion's to a run below it."""
    from mlops_core.validation.baseline_rules import Baselines
    from mlops_core.validation.rules import compared_metric

    registry, metric = resources_of(project, context).model_registry, compared_metric(project.model).name
    trained = registry.run_metrics(candidate)
    baselines = _of_rows(project, scored) if candidate.record.copied_from else Baselines.of(metric, trained)
    events, validation = project.events, project.model.validation
    source = (
        resources_of(project, context).tables.full_name(events.name),
        unseen_by(project, context, candidate).table_version,
    )
    asked: dict[str, Any] = {"metrics": validation.custom_metrics(), "config": validation.evaluator_config()}

    def measure(model: str) -> dict[str, float]:
        task, sums = scored.tasks[model], scored.sums(model)
        return evaluated(task, scored.rows, events.label_column, model, source=source, sums=sums, **asked)

    ours = measure("candidate")
    if candidate.record.copied_from:
        registry.log_metrics(candidate, ours)
    beside = trained.get(metric, ours[metric]) if scored.totals else ours[metric]
    if champion is None:
        return Measured(ours, None, baselines, beside)
    with registry.run(f"champion version {champion.version}", {}, nested=True):
        return Measured(ours, measure("champion"), baselines, beside)


def _of_rows(project: Project, scored: HeldOut) -> "Baselines":
    """The baselines of a copy: the constant that is best for these very rows, for its training is not one of here."""
    from mlops_core.training.baselines import constant_prediction
    from mlops_core.validation.baseline_rules import Baselines
    from mlops_core.validation.rules import compared_metric

    task, labels = project.model.task, scored.rows[project.events.label_column]
    measured = task.of_constant.measure(task.shape.labels(labels), constant_prediction(task, labels, scored.rows))
    return Baselines(measured[compared_metric(project.model).name], is_of_copy=True)


def _verdicts(
    project: Project,
    measured: Measured,
    compared: bool,
    former: int | None,
    is_champion: bool,
) -> list[Verdict]:
    from mlops_core.validation.baseline_rules import judge_baselines
    from mlops_core.validation.judgement import judge, judge_against_champion
    from mlops_core.validation.rules import compared_metric, metric_units, rules

    metric = compared_metric(project.model)
    against_champion = judge_against_champion(
        measured.candidate,
        measured.champion,
        metric,
        metric_units(project).get(metric.name, ""),
        compared=compared,
        former=former,
        is_champion=is_champion,
        named=project.named,
    )
    return [
        *judge(rules(project), measured.candidate, measured.champion),
        *judge_baselines(project, measured.beside_baselines, measured.baselines),
        against_champion,
    ]


def _facts(
    project: Project, versions: Mapping[str, ModelVersion], outcome: str, scored: HeldOut, as_served: bool
) -> "Facts":
    from mlops_core.validation.report import Facts

    candidate, champion = versions["candidate"], versions.get("champion")
    return Facts(
        model=candidate.name,
        candidate=candidate.version,
        champion=champion.version if champion else None,
        status=outcome,
        held_out_from=str(candidate.record.held_out_from),
        events=scored.count,
        nouns=project.events.nouns,
        tables=scored.tables,
        features=scored.features,
        remarks=[
            *_of_a_sample(project, scored),
            *_remarks(project, candidate, champion, scored),
            *([AS_SERVED.format(project.events.nouns)] if as_served else []),
        ],
    )


def _of_a_sample(project: Project, scored: HeldOut) -> list[str]:
    """What is not of all rows."""
    if scored.totals is None:
        return []
    of_rows = [metric.name for metric in project.model.task.metrics if not isinstance(metric, SumMetric)]
    named = ", ".join((*of_rows, "the baselines, and what MLflow and custom metrics measure"))
    taken, nouns = f"{len(scored.rows):,} of the {scored.count:,}", project.events.nouns
    return [f"Of a sample of {taken} {nouns} (max_rows of Validation), the same share of each day, are {named}."]


def _remarks(project: Project, candidate: ModelVersion, champion: ModelVersion | None, scored: HeldOut) -> list[str]:
    """Caveats about the fairness of the comparison."""
    until, first_day = champion.record.held_out_from if champion else None, candidate.record.held_out_from
    if until is None or first_day is None or until <= first_day:
        return []
    seen, nouns = scored.before(project.events.event_time, str(until)), project.events.nouns
    return [f"The champion was trained on days before {until}: it has seen {seen} of these {nouns} and looks too good."]


def _report(project: Project, facts: "Facts", verdicts: list[Verdict], scored: HeldOut) -> dict[str, dg.MetadataValue]:
    """Log the report to the active run, and return it as metadata."""
    from mlops_core.validation.comparison import compare
    from mlops_core.validation.plots import errors_by_segment
    from mlops_core.validation.report import report
    from mlops_core.validation.rules import compared_metric

    model, events = project.model, project.events
    metric, slices = compared_metric(model), model.slices
    named = {"label": events.label_column, "event_time": events.event_time}
    comparison = compare(scored.rows, scored.tasks, slices, **named, totals=scored.totals)
    written = partial(report, facts, verdicts, comparison, metric=metric, slices=slices)
    if not slices:
        log_report(written(""), {}, comparison)
        return {"report": dg.MetadataValue.md(written(""))}
    picture = png(errors_by_segment(comparison, slices, metric, events.label_unit), trimmed=False)
    log_report(written(f"{PICTURE}.png"), {PICTURE: picture}, comparison)
    return {"report": dg.MetadataValue.md(written(as_data(picture)))}


def _about(facts: "Facts", page: str) -> dict[str, Any]:
    """Metadata of every verdict: which versions on which rows."""
    versions = {
        "candidate_version": facts.candidate,
        "champion_version": facts.champion or "none",
        **{f"{table}_delta_version": version for table, version in facts.tables.items()},
    }
    return {name: str(version) for name, version in versions.items()} | {  # as text: plotting them is meaningless
        f"held_out_{facts.nouns}": f"{facts.events:,}",
        "held_out_from": facts.held_out_from,
        "validation_run": dg.MetadataValue.url(page),
    }
