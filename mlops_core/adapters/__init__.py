"""Everything that knows a client: Spark, tables, feature store, model registry, step launcher."""
