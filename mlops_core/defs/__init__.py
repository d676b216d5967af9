"""(project, target) -> Dagster definitions: the only folder beside `cli` and the step launcher that knows Dagster."""
