# Databricks notebook source
# MAGIC %md
# MAGIC # Deployment: what a promotion would do
# MAGIC Who holds which alias, whether the challenger may be promoted, which aliases would move, and what the
# MAGIC challenger predicts for the champion's trips. No alias moves: `model_training_job`, `promote_job` and
# MAGIC `rollback_job` do that.

# COMMAND ----------

# MAGIC %pip install -q -r ../../../requirements.txt -r ../../../requirements-databricks.txt "dagster>=1.13.20,<1.14"

# COMMAND ----------

# MAGIC %restart_python

# COMMAND ----------

import pandas as pd

from mlops_core.adapters.shadow_scoring import shadow_scores
from mlops_core.cli.session import open_session
from mlops_core.deployment.promotion import (
    CHAMPION,
    NotShadowedError,
    alias_moves,
    require_shadowed,
)
from mlops_core.deployment.shadow import differences, differences_plot
from mlops_core.validation.verdict import (
    NotValidatedError,
    require_judged_against,
    require_promotable,
)
from my_mlops_stacks.project import PROJECT

session = open_session(PROJECT)
registry = session.model_registry
aliases = ("candidate", "challenger", "champion", "previous_champion")
held = {alias: version for alias in aliases if (version := registry.find_alias(alias))}

# COMMAND ----------

# MAGIC %md
# MAGIC ## The aliases

# COMMAND ----------

holders = [
    {"alias": alias, "version": version.version, "validation": version.record.validation_status or "never"}
    | PROJECT.model.task.headlines(registry.run_metrics(version))
    for alias, version in held.items()
]
session.show("Who holds what, with the metrics of its training", pd.DataFrame(holders))

# COMMAND ----------

# MAGIC %md
# MAGIC ## What a promotion of the challenger would move

# COMMAND ----------

champion, challenger = registry.at_alias("champion"), registry.at_alias("challenger")
try:
    require_promotable(challenger.record, challenger.version)
    require_judged_against(challenger.record, challenger.version, champion.version)
    require_shadowed(challenger.record, challenger.version, champion.version)
    moves = alias_moves(CHAMPION, registry.holder(CHAMPION), challenger.version)
    session.show("Moves", "\n".join(f"{alias}: version {to}" for alias, to in moves) or "none: it is champion already")
except (NotValidatedError, NotShadowedError) as refused:
    session.show("Refused", str(refused))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Challenger and champion on the same trips
# MAGIC The newest days that the champion predicted, predicted by the challenger too.

# COMMAND ----------

scored = shadow_scores(PROJECT, session.tables, session.feature_store, champion, challenger)
if scored is None:
    session.show("Nothing to compare", f"Version {champion.version} has predicted nothing yet")
else:
    per_day = differences(scored, PROJECT.model.task.shape)
    session.show(f"Version {challenger.version} less version {champion.version}", per_day)
    session.show("Challenger and champion on the same trips", differences_plot(per_day, PROJECT.events.label_unit))
