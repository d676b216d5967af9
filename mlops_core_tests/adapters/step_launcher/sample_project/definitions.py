"""Assets that behave and misbehave; each notes when it writes, so that tests can count."""

import base64
import logging
import os
import resource
import signal
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

import dagster as dg
from sample_project.host import on_host, step_launcher

NOTES = "SAMPLE_NOTES"
REMOTE = {"step_launcher"}
days = dg.DailyPartitionsDefinition("2016-01-01", end_date="2016-03-01")
cities = dg.DynamicPartitionsDefinition(name="cities")


def note(asset: str, text: str = "") -> None:
    """Leave one file for one write."""
    folder = Path(os.environ[NOTES]) / asset
    folder.mkdir(parents=True, exist_ok=True)
    (folder / uuid.uuid4().hex).write_text(text)


IMPORTED_BY_THE_LAUNCHER = "colorsys"  # nothing else imports it


@dg.asset(required_resource_keys=REMOTE)
def numbers(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    note("numbers")
    context.log.info("a log line from the cluster")
    sys.stdout.write("a printed line from the cluster\n")
    sys.stderr.write("an error line from the cluster\n")
    imported = IMPORTED_BY_THE_LAUNCHER in sys.modules
    return dg.MaterializeResult(metadata={"rows": 3, "pid": os.getpid(), "imported": imported})


@dg.asset(required_resource_keys=REMOTE, deps=[numbers], code_version="1")
def doubled(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    note("doubled")
    context.log_event(dg.AssetObservation("numbers", metadata={"rows_read": 3}))
    return dg.MaterializeResult(metadata={"pid": os.getpid()})


@dg.asset_check(asset=numbers, required_resource_keys=REMOTE)
def numbers_are_few() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, metadata={"limit": 10})


@dg.asset(required_resource_keys=REMOTE, check_specs=[dg.AssetCheckSpec("is_fine", asset="checked")])
def checked() -> dg.MaterializeResult:
    note("checked")
    return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False, check_name="is_fine")])


@dg.asset(required_resource_keys=REMOTE, partitions_def=days, backfill_policy=dg.BackfillPolicy.single_run())
def daily(context: dg.AssetExecutionContext) -> None:
    note("daily", ",".join(context.partition_keys))


@dg.asset(required_resource_keys=REMOTE, partitions_def=cities)
def by_city(context: dg.AssetExecutionContext) -> None:
    note("by_city", context.partition_key)


@dg.multi_asset(specs=[dg.AssetSpec("left"), dg.AssetSpec("right")], required_resource_keys=REMOTE)
def both():
    note("both")
    for key in ("left", "right"):
        time.sleep(0.2)
        yield dg.MaterializeResult(asset_key=key, metadata={"made": key})


@dg.asset(required_resource_keys=REMOTE)
def failing() -> None:
    note("failing")
    raise ValueError("the fare of trip 7 is negative")


@dg.asset(required_resource_keys=REMOTE, retry_policy=dg.RetryPolicy(max_retries=2))
def second_time_lucky(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    note("second_time_lucky", str(context.retry_number))
    if context.retry_number == 0:
        raise ValueError("not yet")
    return dg.MaterializeResult(metadata={"retry_number": context.retry_number})


@dg.asset(required_resource_keys=REMOTE)
def asks_for_retry(context: dg.AssetExecutionContext) -> None:
    note("asks_for_retry")
    if context.retry_number == 0:
        raise dg.RetryRequested(max_retries=1)


@dg.asset(required_resource_keys=REMOTE)
def slow() -> None:
    note("slow")
    for _ in range(600):
        time.sleep(0.1)
    note("slow_end")


@dg.asset(required_resource_keys=REMOTE, retry_policy=dg.RetryPolicy(max_retries=1))
def pausing() -> None:
    note("pausing")
    time.sleep(4)
    note("pausing_end")


@dg.asset(required_resource_keys=REMOTE, retry_policy=dg.RetryPolicy(max_retries=1))
def patient(context: dg.AssetExecutionContext) -> None:
    note("patient")
    for _ in range(0 if context.retry_number else 300):
        time.sleep(0.1)
    note("patient_end")


@dg.asset(required_resource_keys=REMOTE, retry_policy=dg.RetryPolicy(max_retries=1))
def brief() -> None:
    note("brief")


@dg.resource
def session():
    """A resource that is closed after its step, as a connection would be."""
    state = {"open": True}
    yield state
    state["open"] = False
    note("session_closed")


@dg.asset(required_resource_keys=REMOTE | {"session"})
def connected(context: dg.AssetExecutionContext) -> None:
    note("connected", f"open: {context.resources.session['open']}, closed before: {_noted('session_closed')}")


def _noted(name: str) -> bool:
    return (Path(os.environ[NOTES]) / name).exists()


@dg.resource
def slow_to_close():
    yield
    time.sleep(3)


@dg.asset(required_resource_keys=REMOTE | {"slow_to_close"})
def ended_before_its_resource() -> None:
    note("ended_before_its_resource")


@dg.asset(required_resource_keys=REMOTE)
def pausing_too() -> None:
    note("pausing_too")
    time.sleep(4)
    note("pausing_too_end")


@dg.asset(required_resource_keys=REMOTE)
def killed() -> None:
    """Dies like a process that the kernel's out-of-memory killer picks."""
    note("killed")
    sys.stdout.write("this was the last line\n")
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)


@dg.asset(required_resource_keys=REMOTE, metadata={"databricks/compute": {"kind": "job"}})
def hungry() -> None:
    """Asks for more memory than its process may have."""
    resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))
    bytearray(2**36)
    note("hungry_end")


@dg.asset(required_resource_keys=REMOTE)
def killed_once() -> None:
    first = not (Path(os.environ[NOTES]) / "killed_once").exists()
    note("killed_once")
    if first:
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)


@dg.asset(required_resource_keys=REMOTE)
def culprit(context: dg.AssetExecutionContext) -> None:
    """Dies each time that it runs, at first when both others wait behind it."""
    requests = Path(os.environ[NOTES]).parent / "runs" / context.run_id / "requests"
    while len(list(requests.glob("behind*"))) < 2:
        time.sleep(0.1)
    note("culprit")
    os.kill(os.getpid(), signal.SIGKILL)


@dg.asset(required_resource_keys=REMOTE)
def behind() -> None:
    note("behind")


@dg.asset(required_resource_keys=REMOTE)
def behind_too() -> None:
    note("behind_too")


@dg.asset(required_resource_keys=REMOTE)
def speaks_for_the_run(context: dg.AssetExecutionContext) -> None:
    context.instance.report_run_canceled(context.run)


@dg.asset(required_resource_keys=REMOTE)
def speaks_for_another(context: dg.AssetExecutionContext) -> None:
    context.log_event(dg.AssetMaterialization("champion"))


@dg.op(required_resource_keys=REMOTE, tags={"databricks/reports": ["champion"]})
def speaks_for_what_it_names(context: dg.OpExecutionContext) -> None:
    context.log_event(dg.AssetMaterialization("champion"))


@dg.job
def speaking() -> None:
    speaks_for_what_it_names()


@dg.asset(required_resource_keys=REMOTE)
def breaks_its_message(context: dg.AssetExecutionContext) -> None:
    """Puts something else where its next message will be, which comes when it ends."""
    attempt = Path(os.environ[NOTES]).parent / "runs" / context.run_id / "steps" / "breaks_its_message" / "a0"
    time.sleep(2.5)  # what it has said is written by then
    number = len(list(attempt.glob("m-*"))) + 1
    (attempt / f"m-{number:05d}.json.gz").write_bytes(b"")
    for _ in range(300):
        time.sleep(0.1)


@dg.asset(required_resource_keys=REMOTE)
def talkative() -> None:
    note("talkative")
    line = "x" * 999 + "\n"
    for _ in range(20_000):
        sys.stdout.write(line)


@dg.asset(required_resource_keys=REMOTE)
def tabular() -> dg.MaterializeResult:
    records = [dg.TableRecord({"zip": row, "fare": row / 7}) for row in range(10_000)]
    columns = [dg.TableColumn("zip", "int"), dg.TableColumn("fare", "float")]
    table = dg.MetadataValue.table(records, dg.TableSchema(columns))
    plot = dg.MetadataValue.md(f"![fares](data:image/png;base64,{base64.b64encode(bytes(range(256)) * 40).decode()})")
    return dg.MaterializeResult(metadata={"table": table, "plot": plot})


@dg.asset(required_resource_keys=REMOTE, metadata={"databricks/compute": {"kind": "job"}})
def heavy() -> dg.MaterializeResult:
    note("heavy")
    return dg.MaterializeResult(metadata={"pid": os.getpid()})


@dg.asset(required_resource_keys=REMOTE, op_tags={"databricks/compute": '{"kind": "serverless"}'})
def light() -> None:
    note("light")


@dg.asset(
    required_resource_keys=REMOTE,
    metadata={"databricks/compute": {"kind": "job", "new_cluster": {"spark_version": "the newest"}}},
)
def refused() -> None:
    """Asks for a runtime that there is not."""
    note("refused")


@dg.asset(required_resource_keys=REMOTE)
def slow_once() -> None:
    """Takes a minute, unless an earlier run or attempt of it has begun."""
    first = not _noted("slow_once")
    note("slow_once")
    for _ in range(600 if first else 0):
        time.sleep(0.1)
    note("slow_once_end")


@dg.asset(required_resource_keys=REMOTE, retry_policy=dg.RetryPolicy(max_retries=1))
def unlucky(context: dg.AssetExecutionContext) -> None:
    """Its cluster is lost, then it raises, then it has one retry left."""
    first = not _noted("unlucky")
    note("unlucky", str(context.retry_number))
    for _ in range(600 if first else 0):
        time.sleep(0.1)
    if context.retry_number == 0:
        raise ValueError("not yet")


@dg.asset(required_resource_keys=REMOTE, retry_policy=dg.RetryPolicy(max_retries=1))
def stubborn(context: dg.AssetExecutionContext) -> None:
    """Its first attempt goes on when it is cancelled, as native code would."""
    note("stubborn")
    ends_at = time.monotonic() + (0 if context.retry_number else 60)
    while time.monotonic() < ends_at:
        with suppress(BaseException):
            time.sleep(0.1)


@dg.asset(required_resource_keys=REMOTE)
def counting(context: dg.AssetExecutionContext) -> None:
    note("counting")
    for number in range(30):
        context.log.info(f"counted {number}")
        sys.stdout.write(f"printed {number}\n")
        time.sleep(0.2)


@dg.asset(required_resource_keys=REMOTE, metadata={"databricks/compute": {"kind": "job"}})
def heavy_and_slow() -> None:
    note("heavy_and_slow")
    time.sleep(60)


@dg.asset(required_resource_keys=REMOTE)
def secretive(context: dg.AssetExecutionContext) -> None:
    context.log.info(f"the secret is {os.environ['SAMPLE_SECRET_WORD']}")
    note("secretive", os.environ["SAMPLE_SECRET_WORD"])


@dg.asset(required_resource_keys=REMOTE)
def indiscreet(context: dg.AssetExecutionContext) -> None:
    """Says its secret in every way that there is."""
    word = os.environ["SAMPLE_SECRET_WORD"]
    note("indiscreet", word)
    sys.stdout.write(f"printed {word}\n")
    for character in f"spelled {word}\n":
        sys.stdout.write(character)
        sys.stdout.flush()
    sys.stdout.buffer.write(f"in bytes {word}\n".encode())
    metadata = {"all": dg.MetadataValue.json({word: word})}
    context.log_event(dg.AssetObservation(context.asset_key, description=f"observed {word}", metadata=metadata))
    logging.getLogger("sample").error("logged %r", word)
    raise ValueError(f"raised {word}")


@dg.asset
def at_home() -> dg.MaterializeResult:
    """Needs no launcher, so it runs on the host."""
    return dg.MaterializeResult(metadata={"pid": os.getpid()})


def _assets() -> list[dg.AssetsDefinition]:
    return [value for value in globals().values() if isinstance(value, dg.AssetsDefinition)]


if not on_host() and os.environ.get("SAMPLE_BROKEN"):
    raise ImportError("the definitions need a package that the cluster does not have")

everything = dg.AssetSelection.all()
defs = dg.Definitions(
    assets=[asset for asset in _assets() if not isinstance(asset, dg.AssetChecksDefinition)],
    asset_checks=[numbers_are_few],
    resources={"step_launcher": step_launcher(), "session": session, "slow_to_close": slow_to_close},
    executor=dg.in_process_executor,
    jobs=[
        speaking,
        dg.define_asset_job(
            "two_at_once",
            dg.AssetSelection.assets("pausing", "pausing_too"),
            executor_def=dg.multiprocess_executor.configured({"max_concurrent": 2}),
        ),
        dg.define_asset_job(
            "one_in_a_child",
            dg.AssetSelection.assets("patient"),
            executor_def=dg.multiprocess_executor.configured({"max_concurrent": 1}),
        ),
        dg.define_asset_job(
            "brief_in_a_child",
            dg.AssetSelection.assets("brief"),
            executor_def=dg.multiprocess_executor.configured({"max_concurrent": 1}),
        ),
        dg.define_asset_job(
            "refused_beside_pausing",
            dg.AssetSelection.assets("refused", "pausing_too"),
            executor_def=dg.multiprocess_executor.configured({"max_concurrent": 2}),
        ),
        dg.define_asset_job(
            "stubborn_beside_slow",
            dg.AssetSelection.assets("stubborn", "slow_once"),
            executor_def=dg.multiprocess_executor.configured({"max_concurrent": 2}),
        ),
        dg.define_asset_job(
            "behind_a_culprit",
            dg.AssetSelection.assets("culprit", "behind", "behind_too"),
            executor_def=dg.multiprocess_executor.configured({"max_concurrent": 3}),
        ),
        dg.define_asset_job(
            "pair_without_retries",
            dg.AssetSelection.assets("numbers", "doubled"),
            executor_def=dg.multiprocess_executor.configured({"retries": {"disabled": {}}}),
        ),
        dg.define_asset_job(
            "pair", dg.AssetSelection.assets("numbers", "doubled"), executor_def=dg.multiprocess_executor
        ),
    ],
)
