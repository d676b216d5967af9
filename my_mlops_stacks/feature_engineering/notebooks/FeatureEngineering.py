# Databricks notebook source
# MAGIC %md
# MAGIC # Feature engineering: what your change does to one day
# MAGIC Computes both feature tables of the newest day with the code as it is now, and compares them with what is
# MAGIC stored. Reads only: the tables are written by the assets `trip_pickup_features` and `trip_dropoff_features`.

# COMMAND ----------

# MAGIC %pip install -q -r ../../requirements.txt -r ../../requirements-databricks.txt "dagster>=1.13.20,<1.14"

# COMMAND ----------

# MAGIC %restart_python

# COMMAND ----------

from my_mlops_stacks.feature_engineering.features.dropoff_features import compute_dropoff_features
from my_mlops_stacks.feature_engineering.features.pickup_features import compute_pickup_features
from my_mlops_stacks.feature_engineering.quality import key_faults
from my_mlops_stacks.session import open_session
from my_mlops_stacks.training.split import day_range

session = open_session()
trips = session.tables.read("trips")
day = day_range(trips)[1]

# COMMAND ----------

# MAGIC %md
# MAGIC ## Pickup features
# MAGIC A row per zip and window of an hour, of trips that ended before `ts`.

# COMMAND ----------

pickup = compute_pickup_features(trips, day, day)
session.show(f"trip_pickup_features of {day}", pickup.orderBy("zip", "ts").limit(10).toPandas())

# COMMAND ----------

# MAGIC %md
# MAGIC ## Drop-off features

# COMMAND ----------

dropoff = compute_dropoff_features(trips, day, day)
session.show(f"trip_dropoff_features of {day}", dropoff.orderBy("zip", "ts").limit(10).toPandas())

# COMMAND ----------

# MAGIC %md
# MAGIC ## Against the stored tables
# MAGIC Rows of the day that the code now makes and the table does not hold: none, unless the code or the trips
# MAGIC changed.

# COMMAND ----------

for name, computed in (("trip_pickup_features", pickup), ("trip_dropoff_features", dropoff)):
    changed = computed.subtract(session.tables.read(name).select(*computed.columns))
    session.show(f"{name}: {computed.count()} rows, {changed.count()} differ", changed.limit(5).toPandas())
    session.show(f"{name}: faults of the key", str(key_faults(computed)))
