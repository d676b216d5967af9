"""What the template of a project asks for: the whole of a new project as plain values, kept in its answers file.

The fields are the questions of copier.yml, name by name; a test holds the two together. Values are those of YAML, so
that a later version of the template is rendered from the same file.
"""

from __future__ import annotations

from textwrap import shorten
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

LONGEST_LINE = 100


def _plain(text: str) -> str:
    """A short line that stands between the double quotes of Python, YAML and Markdown as it is."""
    return shorten(text.replace('"', "'").replace("\\", "/"), LONGEST_LINE, placeholder=" ...")


Line = Annotated[str, AfterValidator(_plain)]
Kind = Literal["regression", "binary", "multiclass"]


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ColumnAnswer(Answer):
    """A column of the events, as `mlops_core.project.Column` takes it; `computed_by` of one that no source has."""

    name: str
    type: str
    meaning: Line
    unit: str = ""
    nullable: bool = False
    known_late: bool = False
    categorical: bool = False
    computed_by: str = ""
    csv_format: str = ""


class RuleAnswer(Answer):
    """A rule of rows, as `mlops_core.project.RowRule`: SQL that is true of a row that breaks it, and the reason.

    `example` is column -> a value that breaks it, for the project's tests.
    """

    broken: str
    reason: Line
    example: dict[str, float | str] = {}


class FeatureAnswer(Answer):
    """An aggregate of a window.

    Args:
        kind: Its class in `mlops_core.project`.
        of: The column of a Mean, Sum, Min, Max or Distinct.
        where: The condition of a Share, or of a Count that has one.
    """

    kind: Literal["Count", "Share", "Mean", "Sum", "Min", "Max", "Distinct"]
    name: str
    meaning: Line
    of: str = ""
    where: str = ""
    unit: str = ""


class WindowAnswer(Answer):
    """A feature table of windows of `length_hours`, one each `slide_hours`."""

    name: str
    meaning: Line
    length_hours: int
    slide_hours: int
    features: tuple[FeatureAnswer, ...]


class EntityAnswer(Answer):
    """What features are kept of: a column of the events, and its feature tables, which are one file."""

    column: str
    windows: tuple[WindowAnswer, ...]


class InputAnswer(Answer):
    """What the model sees that is computed of an event: SQL over its columns."""

    name: str
    type: str
    meaning: Line
    expression: str


class SliceAnswer(Answer):
    """A slice, by its class in `mlops_core.project`; `edges` and `unit` of a ByBand."""

    kind: Literal["ByValue", "ByBand", "ByHour"]
    name: str
    column: str
    title: Line
    edges: tuple[float, ...] = ()
    unit: str = ""


class ThresholdAnswer(Answer):
    """What a candidate must reach, and why it was set so: a comment."""

    metric: str
    threshold: float
    greater_is_better: bool
    reason: Line = ""


class DrawAnswer(Answer):
    """How generated rows get a column that is neither time nor label: the shape of the real one, none of its rows.

    Args:
        kind: "number" (a quantile function), "value" (a value with its share), "key" (one of so many), "id" (a
            number a row), "date" (of the event; of a timestamp its time).
        quantiles: Of a number: its values at equal steps from 0 to 1.
        shares: Of values, as text: their shares, which sum to 1.
        count: Of keys: how many there are.
        nulls: Share of the rows that lack it.
    """

    name: str
    kind: Literal["number", "value", "key", "id", "date"]
    quantiles: tuple[float, ...] = ()
    shares: dict[str, float] = {}
    count: int = 0
    nulls: Annotated[float, Field(ge=0, le=1)] = 0.0


class SampleAnswer(Answer):
    """Rows to try the project on where there are none.

    Args:
        label: The column of the source that is the label, or that the label is computed of.
        draws: Columns of the source but time, `known_at` and `label`.
        entity: The column whose level moves the label from week to week; empty for none.
        label_quantiles: Of a number: its values at equal steps from 0 to 1.
        label_shares: Of a class: the share of each, as the source has them; the last one is most likely where the
            effects are largest.
        hours_to_label: From the event to `known_at`, quantiles at equal steps from 0 to 1; empty where it is computed.
    """

    label: str
    draws: tuple[DrawAnswer, ...]
    entity: str = ""
    label_quantiles: tuple[float, ...] = ()
    label_shares: dict[str, float] = {}
    hours_to_label: tuple[float, ...] = ()


class TargetAnswer(Answer):
    """What a target of databricks.yml has of its own."""

    host: str = ""
    catalog: str = ""


class Answers(Answer):
    """A new project.

    Args:
        project: Name of its package.
        owner: As in databricks.yml.
        title: What it predicts, as the first line of its README.
        noun: What people call an event.
        events: Name of the table of events.
        source: On a laptop a file, a folder or a Delta table, relative to the repository where it lies in it; empty
            for generated rows.
        source_table: On Databricks catalog.schema.table.
        times: How the source's times are read: wall_clock, wall_clock_as_utc or a zone of moments.
        label_unit: What a regression's label is in.
        classes: Of a multiclass label, as text.
        known_at: The column that says when the label is known.
        longest_hours: The longest that a label takes.
        last_day: Empty when days go on.
        inputs: Columns that the model sees as they are.
        encoded: Those of `inputs` that are text or names.
        keys_only: Those of `inputs` that only look features up, and have too many values for a model.
        not_watched: Inputs and features that differ between days and hardly within one: weekdays, and windows of a day
            and longer.
        metric_to_monitor: Of the task's monitor metrics, with the threshold of a violation.
        crons: Workflow (feature_engineering, model, batch_inference, monitoring) -> five fields, UTC.
        template: Where later versions of the template come from: "." in a repository that holds it, else its address.
    """

    project: str
    owner: str = "team:ml-platform"
    title: Line
    kind: Kind
    noun: Line
    events: str
    source: str = ""
    source_table: str = ""
    times: str = "UTC"
    time_zone: str = "UTC"
    event_time: str
    known_at: str
    label: str
    label_unit: str = ""
    classes: tuple[str, ...] = ()
    identity: tuple[str, ...]
    longest_hours: int
    first_day: str
    last_day: str = ""
    holdout_days: int
    columns: tuple[ColumnAnswer, ...]
    rules: tuple[RuleAnswer, ...] = ()
    entities: tuple[EntityAnswer, ...] = ()
    inputs: tuple[str, ...]
    encoded: tuple[str, ...] = ()
    keys_only: tuple[str, ...] = ()
    computed_inputs: tuple[InputAnswer, ...] = ()
    slices: tuple[SliceAnswer, ...] = ()
    not_watched: tuple[str, ...] = ()
    thresholds: tuple[ThresholdAnswer, ...]
    metric_to_monitor: str
    metric_violation_threshold: float
    label_delay_days: int
    late_days: int
    sample: SampleAnswer
    rows_a_day: int
    model_name: str
    targets: dict[str, TargetAnswer] = {}
    crons: dict[str, str] = {}
    template: str = "."
