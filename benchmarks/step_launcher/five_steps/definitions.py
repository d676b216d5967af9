"""Five steps of which two can run at once, and fifty that all can; each computes nothing for a known time."""

import time

import dagster as dg
from five_steps.host import step_launcher

BODY_S = 2.0
LONG_BODY_S = 30.0
FIFTY = 50
RULED = {"step_launcher"}


def wait(seconds: float, context: dg.AssetExecutionContext) -> None:
    """Say something every second, as a step with progress does."""
    for second in range(int(seconds)):
        context.log.info(f"second {second}")
        time.sleep(1)


def _step(name: str, after: list[str], seconds: float, group: str) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=after, required_resource_keys=RULED, group_name=group)
    def step(context: dg.AssetExecutionContext) -> None:
        wait(seconds, context)

    return step


FIVE = {"first": [], "left": ["first"], "right": ["first"], "both": ["left", "right"], "last": ["both"]}


def _job(name: str, at_once: int) -> object:
    """Followed by processes that are forks of one that has loaded everything, as in the project's own jobs."""
    forked = {"forkserver": {"preload_modules": ["five_steps.preload"]}}
    executor = dg.multiprocess_executor.configured({"max_concurrent": at_once, "start_method": forked})
    return dg.define_asset_job(name, dg.AssetSelection.groups(name), executor_def=executor)


defs = dg.Definitions(
    assets=[
        *(_step(name, after, BODY_S, "five") for name, after in FIVE.items()),
        *(_step(f"step_{number:02d}", [], LONG_BODY_S, "fifty") for number in range(FIFTY)),
    ],
    jobs=[_job("five", 2), _job("fifty", FIFTY)],
    resources={"step_launcher": step_launcher()},
)
