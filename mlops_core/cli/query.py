"""SQL over the tables of this machine: `python -m my_mlops_stacks query "SELECT count(*) FROM predictions"`.

Names and dialect are those of the queries in docs/, which run on Databricks as they stand.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

import click

from mlops_core.adapters.sql_names import quoted
from mlops_core.adapters.tables import Tables
from mlops_core.cli.saying import say
from mlops_core.config import TargetError, load_target
from mlops_core.defs.resources import adapters
from mlops_core.defs.tables import tables_of
from mlops_core.project import Project

MOST_ROWS = 100
READS = re.compile(r"\s*(SELECT|WITH|DESCRIBE|SHOW)\b", re.IGNORECASE)


class UnreadableQueryError(ValueError):
    """A query that changes something, or that the engine refuses."""


@click.command(help=__doc__, short_help="Ask the tables of this machine, in SQL")
@click.argument("query")
@click.pass_obj
def main(project: Project, query: str) -> None:
    try:
        target = load_target(project)
        if target.platform != "local":
            raise UnreadableQueryError(
                f"The tables of {target.name} are on Databricks: ask there, in a SQL editor, or set MLOPS_TARGET=local."
            )
        with adapters(project, target, "spark", "tables") as resources:
            say(answer(resources.tables, tables_of(project), target.schema_name, query))
    except (TargetError, UnreadableQueryError) as error:
        say(str(error), fg="red", err=True)
        sys.exit(1)


def answer(tables: Tables, names: Iterable[str], schema: str, query: str) -> str:
    """The first `MOST_ROWS` rows, as text.

    Raises:
        UnreadableQueryError: it changes something, or the engine refuses it.
    """
    from pyspark.errors import PySparkException

    if not READS.match(query):
        raise UnreadableQueryError("Only queries that read are taken: begin with SELECT, WITH, DESCRIBE or SHOW.")
    known = [name for name in names if tables.exists(name)]  # the engine learns of them by this
    session = tables.spark.spark_session
    try:
        if known:
            session.sql(f"USE SCHEMA {quoted(schema)}")
        rows = session.sql(query).limit(MOST_ROWS + 1).toPandas()
    except PySparkException as error:
        said = str(error).splitlines()[0]
        raise UnreadableQueryError(f"{said} (tables are {', '.join(known) or 'none yet: make run'})") from error
    shown = rows.head(MOST_ROWS).to_string(index=False) if len(rows) else "no rows"
    return f"{shown}\n... more than {MOST_ROWS} rows" if len(rows) > MOST_ROWS else shown
