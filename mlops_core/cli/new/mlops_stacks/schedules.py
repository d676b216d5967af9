"""When the jobs run."""

from __future__ import annotations

from mlops_core.cli.new.mlops_stacks.bundle import Content, StacksBundle, section
from mlops_core.cli.new.mlops_stacks.imported import FILES, Imported
from mlops_core.cli.new.mlops_stacks.quartz import ScheduleError, cron_of
from mlops_core.config.files import ROOT_FILE


def schedules(bundle: StacksBundle, found: Imported) -> None:
    """The cron of each workflow in UTC, and how those of other targets differ."""
    for workflow in FILES:
        crons: dict[str, str] = {}
        for target in bundle.targets:
            for key, job in bundle.jobs(target, workflow):
                there = bundle.place_of_job(key)
                cron = _cron(job, there, workflow, found)
                if cron and crons.setdefault(target, cron) != cron:
                    found.move(f"a second schedule, '{cron}' in UTC", there, FILES[workflow])
        if crons:
            chosen = next(iter(crons.values()))
            found.answers["crons"] = {**found.answers.get("crons", {}), workflow: chosen}
            found.move_differences(crons, chosen, "cron_schedule", workflow, bundle.place(workflow))


def _cron(job: Content, there: str, workflow: str, found: Imported) -> str | None:
    schedule, here = section(job, "schedule"), f"{FILES[workflow]}: cron_schedule"
    if not schedule:
        if started := next((key for key in ("trigger", "continuous") if job.get(key)), None):
            found.move(f"that '{started}' starts it, and no schedule", there, here)
        return None
    if schedule.get("pause_status") == "PAUSED":
        found.move("that its schedule is paused", there, f"{ROOT_FILE}: schedules")
    quartz, zone = str(schedule.get("quartz_cron_expression") or ""), str(schedule.get("timezone_id") or "UTC")
    try:
        cron, remark = cron_of(quartz, zone)
    except ScheduleError as error:
        found.move(f"the schedule '{quartz}', which {error}", there, here)
        return None
    if remark:
        found.warn(f"{there}: {remark}, for schedules are in UTC.")
    return cron
