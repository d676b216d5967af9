"""Shadow scoring: what is compared, and that no promotion bypasses it."""

from __future__ import annotations

import dagster as dg
import pytest
from deltalake import DeltaTable, write_deltalake

from mlops_core.adapters.model_registry import ModelVersion
from my_mlops_stacks_tests.deployment.acts import (
    NoLongTrips,
    approved,
    predictions_of,
    promoted,
    reason,
    run,
    validated,
)
from my_mlops_stacks_tests.gate import FIRST_DAY, LAST_DAY, NEIGHBOURS, Constant, Gate, NeighboursFare


@pytest.fixture
def champion(gate) -> ModelVersion:
    """It says 12 USD, and has said so for all days."""
    made = promoted(gate, Constant(12.0))
    assert run(gate, "batch_inference_job", (FIRST_DAY, LAST_DAY)).success
    return made


def shadow(gate: Gate, challenger: ModelVersion) -> dg.AssetCheckEvaluation:
    gate.registry.move_alias("challenger", challenger)
    job = dg.define_asset_job("shadow", dg.AssetSelection.checks_for_assets("challenger"))
    definitions = dg.Definitions.merge(gate.definitions, dg.Definitions(jobs=[job]))
    result = definitions.resolve_job_def("shadow").execute_in_process(instance=gate.instance, raise_on_error=False)
    (found,) = result.get_asset_check_evaluations()
    return found


def test_the_challenger_predicts_in_the_shadow_what_the_champion_predicted(gate, champion):
    version = validated(gate, Constant(15.0))
    found, own = shadow(gate, version), predictions_of(gate, champion)
    assert found.passed and found.blocking
    assert found.metadata["trips"].value == len(own)
    table = found.metadata["differences"].value
    assert table.count("\n") >= own["day"].nunique()  # a row a day
    assert "| 12" in table and "| 15" in table and "| 3" in table
    assert "data:image/png;base64," in found.metadata["plot"].value
    assert gate.registry.get(version.version).tags["shadow_status"] == f"passed against {champion.version}"


def test_a_challenger_without_an_answer_for_each_trip_is_blocked(gate, champion):
    found = shadow(gate, validated(gate, NoLongTrips(12.0)))
    long = (predictions_of(gate, champion).trip_distance > 1).sum()
    assert not found.passed and found.severity is dg.AssetCheckSeverity.WARN
    assert found.metadata["missing"].value == long


def test_promote_job_scores_the_challenger_first_and_stops_at_it(gate, champion):
    version = validated(gate, NoLongTrips(12.0))
    gate.registry.move_alias("challenger", version)
    result = approved(gate, version)
    told = f"Version {version.version} may not follow champion {champion.version}: it has no prediction for some events"
    assert reason(result).startswith("mlops_core.defs.refusals.Refused: " + told)
    assert [found.passed for found in result.get_asset_check_evaluations()] == [False]
    assert gate.aliases()["champion"] == champion.version


@pytest.mark.parametrize("seen", ["", "failed against {champion}", "passed against 0"])
def test_champion_alone_refuses_who_was_not_seen_beside_the_champion(gate, champion, seen):
    version = validated(gate, Constant(12.0), shadow_status=seen.format(champion=champion.version))
    gate.registry.move_alias("challenger", version)
    job = dg.define_asset_job("alone", dg.AssetSelection.assets("champion").without_checks())
    definitions = dg.Definitions.merge(gate.definitions, dg.Definitions(jobs=[job]))
    result = definitions.resolve_job_def("alone").execute_in_process(instance=gate.instance, raise_on_error=False)
    assert f"Version {version.version} may not follow champion {champion.version}" in reason(result)
    assert gate.aliases()["champion"] == champion.version


def test_promote_job_asks_for_version_name_and_reason_where_promotion_is_automatic_too(gate):
    assert gate.target.promotion == "automatic"
    whole = {"version": 1, "approved_by": "Ada", "reason": "better"}
    for left_out in whole:
        config = {name: value for name, value in whole.items() if name != left_out}
        with pytest.raises(dg.DagsterInvalidConfigError, match=left_out):
            run(gate, "promote_job", champion=config)


def test_promote_job_compares_the_version_before_it_scores(gate, champion, monkeypatch):
    version = validated(gate, Constant(15.0))
    gate.registry.move_alias("challenger", version)
    monkeypatch.setattr("mlops_core.defs.shadow.shadow_scores", lambda *_: pytest.fail("it was scored"))
    result = approved(gate, version, version=champion.version)
    told = f"Version {champion.version} was approved, but version {version.version} is the challenger"
    assert told in reason(result) and not result.get_asset_check_evaluations()
    assert gate.aliases()["champion"] == champion.version


def test_promoting_the_champion_again_adds_nothing_to_its_history(gate, champion):
    entries = gate.instance.fetch_materializations(dg.AssetKey("champion"), limit=100).records
    assert approved(gate, champion).success
    assert gate.instance.fetch_materializations(dg.AssetKey("champion"), limit=100).records == entries


def test_the_challenger_gets_what_it_would_be_given_today(gate):
    """Not what the champion was given: features may have changed, and the table may lack an input."""
    promoted(gate, NeighboursFare(), NEIGHBOURS)
    assert run(gate, "batch_inference_job", (FIRST_DAY, LAST_DAY)).success
    tables = gate.table("trip_pickup_features"), gate.table("predictions")
    features, predictions = (DeltaTable(table).to_pyarrow_table() for table in tables)
    changed = features.to_pandas().assign(mean_fare_window_1h_pickup_zip=50.0)
    write_deltalake(tables[0], changed, mode="overwrite", schema_mode="overwrite")
    less = predictions.drop_columns(["pickup_hour"])
    write_deltalake(tables[1], less, mode="overwrite", schema_mode="overwrite")
    found = shadow(gate, validated(gate, NeighboursFare(), NEIGHBOURS))
    for table, rows in zip(tables, (features, predictions), strict=True):
        write_deltalake(table, rows, mode="overwrite", schema_mode="overwrite")
    assert found.passed
    last = found.metadata["differences"].value.splitlines()[-1].split("|")
    assert float(last[5]) > 40  # the mean of the challenger on the newest day


def test_rows_of_another_model_are_not_the_champions(gate, champion):
    table = gate.table("predictions")
    rows = DeltaTable(table).to_pyarrow_table()
    others = DeltaTable(table).to_pandas().assign(model_name="tip_model")
    own = len(predictions_of(gate, champion))
    write_deltalake(table, others, mode="append")
    found = shadow(gate, validated(gate, Constant(15.0)))
    write_deltalake(table, rows, mode="overwrite")
    assert found.metadata["trips"].value == own
