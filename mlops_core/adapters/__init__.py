"""Everything that talks to a client library: Spark, tables, feature store, model registry, step launcher."""
