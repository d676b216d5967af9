# Databricks notebook source
# MAGIC %md
# MAGIC # Feature engineering: what your change does to one day
# MAGIC Computes the feature tables of the newest day with the code as it is now, and compares them with what is stored.
# MAGIC Reads only: the tables are written by their assets.

# COMMAND ----------

# MAGIC %pip install -q -r ../../requirements.txt -r ../../requirements-databricks.txt "dagster>=1.13.20,<1.14"

# COMMAND ----------

# MAGIC %restart_python

# COMMAND ----------

from mlops_core.cli.session import open_session
from mlops_core.features.quality import key_faults
from mlops_core.features.tables import compute_features
from mlops_core.training.split import newest_day
from my_mlops_stacks.project import PROJECT

session = open_session(PROJECT)
events = session.tables.read(PROJECT.events.name)
day = newest_day(events)

# COMMAND ----------

# MAGIC %md
# MAGIC ## The rows of the day
# MAGIC A row at `ts` is made of what was known before `ts`.

# COMMAND ----------

computed = {table.name: compute_features(table, events, day, day) for table in PROJECT.feature_tables}
for table in PROJECT.feature_tables:
    first = computed[table.name].orderBy(*table.primary_keys).limit(10)
    session.show(f"{table.name} of {day}", first.toPandas())

# COMMAND ----------

# MAGIC %md
# MAGIC ## Against the stored tables
# MAGIC Rows of the day that the code now makes and the table does not hold: none, unless the code or the trips
# MAGIC changed.

# COMMAND ----------

for table in PROJECT.feature_tables:
    rows = computed[table.name]
    changed = rows.subtract(session.tables.read(table.name).select(*rows.columns))
    session.show(f"{table.name}: {rows.count()} rows, {changed.count()} differ", changed.limit(5).toPandas())
    session.show(f"{table.name}: faults of the key", str(key_faults(rows, table.primary_keys)))
