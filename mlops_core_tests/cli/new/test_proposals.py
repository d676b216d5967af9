"""What is proposed of a table, held against what pandas says of it; each proposal has its reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from deltalake import write_deltalake

from mlops_core.cli.new.answers import Answers
from mlops_core.cli.new.ask import Decisions, Proposal, accept
from mlops_core.cli.new.command import settled
from mlops_core.cli.new.proposals.declared import declared, events_of
from mlops_core.cli.new.proposals.engine import values_of
from mlops_core.cli.new.proposals.formats import formats_of
from mlops_core.cli.new.proposals.profile import Profile
from mlops_core.cli.new.rows import read
from mlops_core.ingestion.sample_rows import Draw, SampleRows
from mlops_core_tests.cli.new.tables import UNSAID, answered, orders, reason, written


def names(answers: Answers) -> list[str]:
    return [column.name for column in answers.columns]


def column(answers: Answers, name: str) -> object:
    return next(each for each in answers.columns if each.name == name)


def test_a_table_whose_columns_say_what_they_are_needs_no_word(tmp_path: Path) -> None:
    answers, decide = answered(written(orders(), tmp_path), tmp_path)
    assert (answers.event_time, answers.known_at, answers.label) == ("ordered_at", "delivered_at", "late")
    assert (answers.kind, answers.identity, answers.noun, answers.events) == (
        "binary",
        ("order_id",),
        "order",
        "orders",
    )
    assert answers.inputs == ("shop", "distance", "parcels")
    assert answers.encoded == ("shop",)
    assert [entity.column for entity in answers.entities] == ["shop"]
    assert (answers.first_day, answers.last_day) == ("2026-01-01", "2026-03-01")
    assert answers.source == "orders.parquet"
    assert all(line.reason for line in decide.lines)


def test_what_is_known_only_with_the_label_is_no_input(tmp_path: Path) -> None:
    answers, decide = answered(written(orders(), tmp_path), tmp_path)
    assert "delay" not in answers.inputs
    assert "delay" in events_of(answers).known_late
    assert "null only where the label" in reason(decide, "known late", "delay")


def test_a_column_without_nulls_that_tells_the_label_is_taken_for_late_unless_somebody_vouches_for_it(
    tmp_path: Path,
) -> None:
    rows = orders().dropna(subset="late")
    file = written(rows.assign(grade=np.where(rows.late == 1, "bad", "good")), tmp_path)
    answers, decide = answered(file, tmp_path)
    assert "grade" not in answers.inputs
    assert "it alone tells the label" in reason(decide, "known late", "grade")
    vouched, _ = answered(file, tmp_path, known_in_time=("grade",))
    assert "grade" in vouched.inputs


def test_what_a_label_is_a_sum_of_is_known_late(tmp_path: Path) -> None:
    rows, random = orders(), np.random.default_rng(2)
    parts = {name: random.integers(0, 100, len(rows)) for name in ("members", "guests")}
    rows = rows.assign(**parts, sold=parts["members"] + parts["guests"])
    answers, decide = answered(written(rows.drop(columns=["late", "delay"]), tmp_path), tmp_path, label="sold")
    assert not {"members", "guests"} & set(answers.inputs)
    assert "a sum of it and others" in reason(decide, "known late", "guests")
    assert {"distance", "parcels"} <= set(answers.inputs)


def test_how_long_it_took_is_known_late(tmp_path: Path) -> None:
    rows = orders()
    took = (rows.delivered_at - rows.ordered_at).dt.total_seconds() / 60
    rows = rows.assign(minutes=took.fillna(took.median()), late=rows.late.fillna(0))
    answers, decide = answered(written(rows, tmp_path), tmp_path)
    assert "minutes" not in answers.inputs
    assert "how long 'delivered_at' took" in reason(decide, "known late", "minutes")


def test_what_is_left_out_has_its_reason(tmp_path: Path) -> None:
    rows = orders()
    rows = rows.assign(
        tags=[[1, 2]] * len(rows), day=1, empty=pd.Series(dtype="float64"), counter=np.arange(len(rows)) * 1.0
    )
    answers, decide = answered(written(rows, tmp_path), tmp_path)
    for name, why in {
        "remark": "4,000 different texts",
        "country": "the same in every row",
        "order_id": "it tells events apart",
        "tags": "no single value",
        "day": "the pipeline has a column of that name",
        "empty": "it has no value",
        "counter": "it goes on with time",
    }.items():
        assert why in reason(decide, "left out", name)
        assert name not in answers.inputs
    assert "remark" not in names(answers)


@pytest.mark.parametrize(
    ("values", "positive", "chosen"),
    [
        ((False, True), "", "true"),
        (("N", "Y"), "", "Y"),
        (("good", "bad"), "", "bad"),
        ((1, 2), "", ""),
        ((1, 2), "1", "1"),
    ],
)
def test_a_label_of_two_other_values_becomes_one_of_0_and_1(
    tmp_path: Path, values: tuple[object, object], positive: str, chosen: str
) -> None:
    """Two numbers say nothing: the rarer one is proposed."""
    rows = orders().dropna(subset="late").drop(columns="delay")
    rows = rows.assign(late=[values[int(late)] for late in rows.late])
    answers, _ = answered(written(rows, tmp_path), tmp_path, label="late", positive=positive)
    chosen = chosen or str(rows.late.value_counts().index[-1])
    made = column(answers, answers.label)
    quoted = f"'{chosen}'" if isinstance(values[0], str) else chosen
    assert made.computed_by == f"CAST(late = {quoted} AS INT)"  # type: ignore[attr-defined]
    assert "late" in events_of(answers).known_late
    assert "late" not in answers.inputs


def test_a_label_by_sql_makes_what_it_is_computed_of_known_late(tmp_path: Path) -> None:
    rows = orders().drop(columns="late")
    answers, _ = answered(written(rows, tmp_path), tmp_path, label="very_late", label_sql="delay > 0.5")
    assert column(answers, "very_late").computed_by == "CAST(delay > 0.5 AS INT)"  # type: ignore[attr-defined]
    assert "delay" in events_of(answers).known_late
    assert answers.sample.label == "delay"


def test_a_label_that_is_known_after_a_fixed_time_has_a_column_that_says_so(tmp_path: Path) -> None:
    rows = orders().drop(columns="delivered_at")
    answers, _ = answered(written(rows, tmp_path), tmp_path, label="late", known_after="7d", time_zone="Europe/Berlin")
    assert answers.known_at == "known_at"
    assert "INTERVAL 168 HOURS" in column(answers, "known_at").computed_by  # type: ignore[attr-defined]
    assert "Europe/Berlin" in column(answers, "known_at").computed_by  # type: ignore[attr-defined]
    assert answers.label_delay_days == 7
    assert answers.longest_hours > 168
    assert (answers.times, answers.time_zone) == ("wall_clock", "Europe/Berlin")
    declared(answers)


def test_classes_are_those_of_the_label(tmp_path: Path) -> None:
    rows = orders()
    rows = rows.assign(
        outcome=pd.cut(rows.delay, [-9, -0.5, 0.5, 9], labels=["early", "on time", "late"]).astype(object)
    )
    file = written(rows.drop(columns=["delay", "late"]), tmp_path)
    answers, _ = answered(file, tmp_path)
    assert (answers.kind, answers.label) == ("multiclass", "outcome")
    assert answers.classes == ("early", "late", "on time")
    assert {each.metric for each in answers.thresholds} == {"log_loss", "accuracy_score"}


def test_a_number_is_a_regression_in_its_unit(tmp_path: Path) -> None:
    answers, _ = answered(written(orders().drop(columns="late"), tmp_path), tmp_path, label="delay", unit="h")
    assert (answers.kind, answers.label_unit) == ("regression", "h")
    features = [feature for window in answers.entities[0].windows for feature in window.features]
    assert {feature.of for feature in features if feature.kind == "Mean"} == {"delay"}


def test_no_rule_rejects_more_than_a_whisker_and_a_broken_row_is_caught(tmp_path: Path) -> None:
    rows = orders()
    rows.loc[rows.index[:8], "distance"] = -5.0
    rows.loc[rows.index[8:12], "distance"] = 1e9
    answers, _ = answered(written(rows, tmp_path), tmp_path)
    rules = [rule for rule in answers.rules if rule.broken.startswith("distance")]
    rejected = pd.concat([rows.query(rule.broken) for rule in rules])
    assert len(rejected) == 12
    for rule in answers.rules:
        assert len(pd.DataFrame([rule.example]).query(rule.broken)) == 1


def test_an_identity_of_several_columns_is_unique(tmp_path: Path) -> None:
    rows = orders().drop(columns=["order_id", "remark"])
    rows = rows.assign(ordered_at=rows.ordered_at.dt.floor("h"))
    answers, _ = answered(written(rows, tmp_path), tmp_path)
    assert answers.identity[0] == "ordered_at"
    assert len(answers.identity) > 1
    assert rows.duplicated(list(answers.identity)).mean() < 0.05
    assert not set(answers.identity) & set(events_of(answers).known_late)


def test_numbers_that_are_codes_are_categories(tmp_path: Path) -> None:
    rows = orders()
    codes = rows["shop"].str.removeprefix("shop ").astype(int) * 1111
    answers, _ = answered(written(rows.assign(region_code=codes), tmp_path), tmp_path)
    assert column(answers, "region_code").categorical  # type: ignore[attr-defined]
    assert not column(answers, "parcels").categorical  # type: ignore[attr-defined]


def test_thresholds_lie_between_knowing_nothing_and_the_quick_model(tmp_path: Path) -> None:
    answers, _ = answered(written(orders(), tmp_path), tmp_path)
    late = orders().dropna(subset="late")
    held_out = late[late.ordered_at >= pd.Timestamp("2026-03-02") - pd.Timedelta(days=answers.holdout_days)]
    share = late.drop(held_out.index).late.mean()
    constant = -np.mean(np.where(held_out.late == 1, np.log(share), np.log(1 - share)))
    limits = {each.metric: each for each in answers.thresholds}
    assert 0.5 < limits["roc_auc"].threshold < 1
    assert limits["log_loss"].threshold < constant
    assert f"{constant:.3g}" in limits["log_loss"].reason
    assert limits["log_loss"].threshold < answers.metric_violation_threshold < constant + 0.01


@pytest.mark.parametrize("form", ["csv", "csv.gz", "semicolons", "folder", "hive", "delta"])
def test_every_form_of_the_rows_gives_the_same_answers(tmp_path: Path, form: str) -> None:
    rows = orders()
    expected, _ = answered(written(rows, tmp_path), tmp_path)
    place = tmp_path / "orders"
    if form == "folder":
        place.mkdir()
        for number, part in enumerate(np.array_split(rows, 3)):
            part.to_parquet(place / f"{number}.parquet", index=False)
    elif form == "hive":
        rows.to_parquet(place, partition_cols=["parcels"], index=False)
    elif form == "delta":
        write_deltalake(place, rows, partition_by=["parcels"])
    else:
        place = tmp_path / f"orders.{'csv' if form == 'semicolons' else form}"
        rows.to_csv(place, index=False, sep=";" if form == "semicolons" else ",")
    answers, _ = answered(place, tmp_path)
    assert sorted(answers.inputs) == sorted(expected.inputs)
    same = ("event_time", "known_at", "label", "identity", "kind", "encoded", "first_day", "holdout_days")
    assert {name: getattr(answers, name) for name in same} == {name: getattr(expected, name) for name in same}


def test_a_european_file_gives_the_same_answers_and_says_how_it_is_read(tmp_path: Path) -> None:
    rows = orders()
    expected, _ = answered(written(rows, tmp_path), tmp_path)
    rows = rows.assign(
        ordered_at=rows.ordered_at.dt.strftime("%d.%m.%Y %H:%M:%S.%f"),
        delivered_at=rows.delivered_at.dt.strftime("%d.%m.%Y %H:%M:%S.%f"),
    )
    rows.to_csv(tmp_path / "orders.csv", index=False, sep=";", decimal=",")
    answers, decide = answered(tmp_path / "orders.csv", tmp_path)
    assert "is written so" in reason(decide, "csv format", "distance: decimal_comma")
    written_so = {"ordered_at": "day_first", "delivered_at": "day_first", "distance": "decimal_comma"}
    for column in answers.columns:
        assert column.csv_format == written_so.get(column.name, column.csv_format)
    plain = answers.model_copy(
        update={"columns": tuple(each.model_copy(update={"csv_format": ""}) for each in answers.columns)}
    )
    same = ("source", "columns")
    assert plain.model_dump(exclude=set(same)) == expected.model_dump(exclude=set(same))
    assert events_of(answers).csv_formats.items() >= written_so.items()


def test_a_person_is_asked_what_days_up_to_the_twelfth_are(tmp_path: Path) -> None:
    rows = orders()
    rows = rows.assign(ordered_at=pd.Timestamp("2026-01-01") + pd.to_timedelta(rows.index % 12, unit="D"))
    rows = rows.assign(ordered_at=rows.ordered_at.dt.strftime("%m/%d/%Y"))
    asked: list[tuple[str, list[str]]] = []

    def says_months_first(argument: str, question: str, proposal: Proposal, choices: Sequence[str] = ()) -> str:
        if argument == "--csv-format ordered_at":
            asked.append((proposal.value, list(choices)))
            return "month_first"
        return accept(argument, question, proposal, choices)

    said = UNSAID | {"rows": str(written(rows, tmp_path, "orders.csv")), "event_time": "ordered_at"}
    answers = settled("churn", said | {"known_after": "12h"}, tmp_path, Decisions(says_months_first))
    assert asked == [("text", ["day_first", "month_first", "text"])]
    assert (answers.first_day, answers.last_day) == ("2026-01-01", "2026-01-12")
    assert events_of(answers).csv_formats["ordered_at"] == "month_first"


def test_what_a_person_leaves_as_text_is_not_read_as_what_another_answer_says(tmp_path: Path) -> None:
    said = {"a": "day_first", "b": "text"}
    file = tmp_path / "rows.csv"
    pd.DataFrame({name: ["01/02/2026", "03/04/2026"] * 100 for name in said}).to_csv(file, index=False)
    decide = Decisions(lambda argument, *_: said[argument.split()[-1]])

    def profile(*formats: str) -> Profile:
        return read(str(file), tmp_path, zone="UTC", without=(), warehouse="", formats=formats)

    assert profile(*formats_of(profile(), decide)).types == {"a": "date", "b": "string"}
    assert formats_of(profile("a=text", "b=text"), decide) == []


def test_files_of_one_folder_may_spell_their_columns_otherwise(tmp_path: Path) -> None:
    first, second = np.array_split(orders().index, 2)
    (tmp_path / "orders").mkdir()
    orders().loc[first].to_parquet(tmp_path / "orders" / "a.parquet", index=False)
    orders().loc[second].rename(columns=str.upper).to_parquet(tmp_path / "orders" / "b.parquet", index=False)
    answers, decide = answered(tmp_path / "orders", tmp_path)
    assert reason(decide, "looked at", "4,000 of 4,000 rows")
    assert [column.name for column in answers.columns if column.name != column.name.lower()] == []


def test_the_factors_of_a_label_are_known_with_it(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    rows = orders().assign(price=random.gamma(3, 8, 4_000).round(2) + 0.01, revenue=0.0)
    rows = rows.assign(revenue=(rows.price * rows.parcels).round(2))
    answers, decide = answered(written(rows, tmp_path), tmp_path, label="revenue")
    assert not {"price", "parcels"} & set(answers.inputs)
    assert reason(decide, "known late", "price") == "the label is a product of it and others"


def test_of_one_row_a_day_as_many_days_are_held_out_as_judge_a_model(tmp_path: Path) -> None:
    count, random = 700, np.random.default_rng(2)
    begun = pd.Series(pd.date_range("2024-01-01", periods=count, freq="D"))
    warm = random.normal(60, 5, count)
    rows = pd.DataFrame({"begun_at": begun, "known_at": begun + pd.Timedelta("20h"), "warm": warm, "output": 9 * warm})
    rows = rows.assign(output=rows.output + random.normal(0, 40, count))
    answers, decide = answered(written(rows, tmp_path), tmp_path, label="output", entity=("-",))
    assert answers.holdout_days == 60
    assert "they hold about 60 rows" in reason(decide, "held out", "60 days")


def test_what_may_be_below_zero_tomorrow_has_no_such_rule(tmp_path: Path) -> None:
    rows = orders().assign(temperature=lambda frame: frame.distance)
    answers, _ = answered(written(rows, tmp_path), tmp_path)
    broken = [rule.broken for rule in answers.rules]
    assert "distance < 0" in broken
    assert not [each for each in broken if each.startswith("temperature")]


def test_numbers_that_are_names_and_too_many_are_no_input_and_may_be_an_entity(tmp_path: Path) -> None:
    rows = orders().assign(customer_id=np.random.default_rng(4).integers(1, 900, 4_000))
    file = written(rows, tmp_path)
    answers, decide = answered(file, tmp_path, entity=("shop",))
    assert "customer_id" not in answers.inputs
    assert reason(decide, "left out", "customer_id") == (
        f"its {rows.customer_id.nunique()} numbers are names, too many for a first model"
    )
    answers, _ = answered(file, tmp_path, entity=("customer_id",))
    assert "customer_id" in answers.keys_only


def test_no_row_of_the_source_is_in_the_sample(tmp_path: Path) -> None:
    rows = orders()
    rows.loc[rows.index[0], ["shop", "distance"]] = ["the only one", 98_765.4]
    answers, _ = answered(written(rows, tmp_path), tmp_path)
    kept = answers.sample.model_dump_json()
    assert "the only one" not in kept
    assert "98765" not in kept and "98800" not in kept


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"label": "delay"},
        {"label": "remarkable", "label_sql": "delay > 0.5"},
        {"known_at": "came", "known_at_sql": "ordered_at + (delay + 9) * INTERVAL 1 HOUR"},
        {"entity": ("parcels",)},
        {"entity": ("minute",)},
        {"entity": ("-",), "known_after": "2d"},
    ],
    ids=str,
)
def test_rows_of_its_sample_are_rows_of_the_declared_events(tmp_path: Path, said: dict[str, object]) -> None:
    rows = orders().assign(minute=np.random.default_rng(3).integers(0, 60, 4_000))
    answers, _ = answered(written(rows, tmp_path), tmp_path, **said)
    events, shape = events_of(answers), shape_of(answers)
    drawn = pd.concat([shape.of_day(date(2026, 3, day), 300, 0).to_pandas() for day in range(1, 5)])
    assert set(drawn) == set(events.source_types)
    required = [name for name in events.required if name in drawn]
    assert drawn[required].notna().all().all()
    assert not drawn.duplicated([name for name in events.identity if name in drawn]).any()
    for rule in answers.rules:
        if rule.broken.split()[0] in drawn:
            assert drawn.query(rule.broken).empty
    assert drawn[answers.sample.label].nunique() > 1


def shape_of(answers: Answers) -> SampleRows:
    """As the template declares it."""
    types, sample = {column.name: column.type for column in answers.columns}, answers.sample
    draws = [Draw(**each.model_dump(), type=types[each.name]) for each in sample.draws]
    kind = "value" if sample.label_shares else "number"
    label = Draw(sample.label, types[sample.label], kind, quantiles=sample.label_quantiles, shares=sample.label_shares)
    return SampleRows(
        event_time=answers.event_time,
        label=label,
        draws=tuple(draws),
        entity=sample.entity,
        known_at=answers.known_at if sample.hours_to_label else "",
        hours_to_label=sample.hours_to_label,
    )


def test_a_number_that_is_infinite_is_left_out_and_a_few_such_rows_are_not_looked_at(tmp_path: Path) -> None:
    rows = orders().assign(ratio=1.5)
    rows.loc[rows.index % 5 == 0, "ratio"] = np.inf
    rows.loc[rows.index[:3], "distance"] = np.inf
    answers, decide = answered(written(rows, tmp_path), tmp_path)
    assert "NaN or infinite in 20.0%" in reason(decide, "left out", "ratio")
    assert "distance" in answers.inputs
    assert "3,997 of 4,000" in next(line.value for line in decide.lines if line.what == "looked at")


def test_a_value_with_a_quote_is_one_in_sql(tmp_path: Path) -> None:
    rows = orders().dropna(subset="late").drop(columns="delay").reset_index(drop=True)
    rows = rows.assign(late=np.where(rows.late == 1, "it's \\ late", 'on "time"'))
    answers, _ = answered(written(rows, tmp_path), tmp_path, label="late", positive="it's \\ late")
    sql = column(answers, answers.label).computed_by  # type: ignore[attr-defined]
    profile = Profile(rows, {"late": "string"}, len(rows), True, {}, "UTC", "UTC")
    _, values, _ = values_of(profile, sql, "--label-sql")
    assert values.tolist() == (rows.late == "it's \\ late").astype(int).tolist()


@pytest.mark.slow
def test_three_hundred_columns_become_a_model_that_people_can_read(tmp_path: Path) -> None:
    rows = orders()
    noise = np.random.default_rng(1).normal(size=(len(rows), 300))
    wide = pd.concat([rows, pd.DataFrame(noise, columns=[f"n{number}" for number in range(300)])], axis=1)
    answers, decide = answered(written(wide, tmp_path), tmp_path)
    assert {"shop", "distance"} <= set(answers.inputs)
    assert len(answers.inputs) == 30
    assert len(answers.columns) < 40
    assert sum("gains least" in line.reason for line in decide.lines) == 273


def test_an_entity_that_is_named_is_taken(tmp_path: Path) -> None:
    answers, _ = answered(written(orders(), tmp_path), tmp_path, entity=("parcels",))
    assert [entity.column for entity in answers.entities] == ["parcels"]
    none, _ = answered(written(orders(), tmp_path), tmp_path, entity=("-",))
    assert none.entities == ()
    declared(none)
