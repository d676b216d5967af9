"""A registry with versions that hold no model, for what promotion does with aliases, and the jobs that move them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from mlflow import MlflowClient

from mlops_core.adapters.model_registry import ModelRegistry, ModelVersion
from mlops_core.config import load_target
from mlops_core.defs.definitions import definitions_of
from mlops_core.defs.resources import build_resources
from my_mlops_stacks.project import PROJECT

PASSED = {"leak_check": "passed", "validation_status": "passed", "git_commit": "abc123"}


class Desk:
    """A Dagster instance, and the definitions of `target`: on `local` MLflow is on SQLite in `folder`."""

    def __init__(self, folder: Path, target: str = "local", **variables: str) -> None:
        local = {"state_folder": str(folder)} if target == "local" else {}
        self.folder = folder
        overrides = {f"BUNDLE_VAR_{name}": value for name, value in (local | variables).items()}
        self.target = load_target(PROJECT, target, environ=overrides)
        alone = dg.define_asset_job("promotion", dg.AssetSelection.assets("champion").without_checks())
        self.definitions = dg.Definitions.merge(definitions_of(PROJECT, self.target), dg.Definitions(jobs=[alone]))
        self.instance = dg.DagsterInstance.ephemeral()
        self.tags: dict[str, str] = {}
        made = {"r": build_resources(PROJECT, self.target)["model_registry"]}
        with dg.build_resources(made, self.instance) as resources:
            self.registry: ModelRegistry = resources.r
        (folder / "mlflow").mkdir(parents=True, exist_ok=True)

    def with_variables(self, **variables: str) -> Desk:
        """The same registry, for a target with other variables."""
        return Desk(self.folder, self.target.name, **variables)

    @property
    def client(self) -> MlflowClient:
        return self.registry.client

    def register(self, **tags: str) -> ModelVersion:
        """A new version that has passed validation, unless `tags` say otherwise."""
        with self.registry.run("a training", {}) as run:
            self.client.log_metric(run.info.run_id, "root_mean_squared_error", 2.5)
        if not self.client.search_registered_models():
            self.client.create_registered_model(self.registry.model)
        source = f"{run.info.artifact_uri}/model"
        made = self.client.create_model_version(self.registry.model, source, run.info.run_id)
        version = self.registry.get(int(made.version))
        self.registry.tag(version, PASSED | tags)
        return self.registry.get(version.version)

    def hold(self, **aliases: int | None) -> None:
        """Let exactly these versions hold the aliases; the challenger was judged and shadowed beside the champion."""
        for alias in ("challenger", "champion", "previous_champion"):
            if aliases.get(alias) is None:
                self.client.delete_registered_model_alias(self.registry.model, alias)
            else:
                self.client.set_registered_model_alias(self.registry.model, alias, str(aliases[alias]))
        if aliases.get("challenger"):
            self.beside(aliases["challenger"], aliases.get("champion"))

    def beside(self, challenger: int, champion: int | None) -> None:
        """Write on the challenger what the gate and the shadow beside `champion` would have written."""
        against = {"validated_against": str(champion or "none")}
        shadow = {"shadow_status": f"passed against {champion}"} if champion else {}
        self.registry.tag(self.registry.get(challenger), against | shadow)

    def aliases(self) -> dict[str, int]:
        held = self.client.get_registered_model(self.registry.model).aliases
        return {alias: int(version) for alias, version in held.items()}

    def promote(self, **config: Any) -> dg.ExecuteInProcessResult:
        """Materialize `champion` alone, as from the asset graph: the versions here hold no model to shadow."""
        return self.run("promotion", champion=config)

    def run(self, job: str, **config: Any) -> dg.ExecuteInProcessResult:
        return self.definitions.resolve_job_def(job).execute_in_process(
            run_config={"ops": {op: {"config": values} for op, values in config.items()}},
            instance=self.instance,
            tags=self.tags,
            raise_on_error=False,
        )

    def history(self) -> list[dict[str, Any]]:
        """The champion's ledger, the newest entry first."""
        records = self.instance.fetch_materializations(dg.AssetKey("champion"), limit=100).records
        return [{key: found.value for key, found in r.asset_materialization.metadata.items()} for r in records]


def materialized_by_a_run(instance: dg.DagsterInstance, event: dg.AssetMaterialization) -> None:
    """Write it as a run does, for what somebody reports is no entry of a history."""

    @dg.op(out=dg.Out(dg.Nothing))
    def materialize() -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
        yield event
        yield dg.Output(None)

    @dg.job
    def job() -> None:
        materialize()

    assert job.execute_in_process(instance=instance).success


def reason(result: dg.ExecuteInProcessResult) -> str:
    """Why the run failed, as its failed step says it."""
    assert not result.success
    errors = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    return str(errors[0].cause or errors[0])
