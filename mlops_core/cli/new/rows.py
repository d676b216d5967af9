"""Where the rows of a new project are: files of this machine, or a table of Unity Catalog."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from mlops_core.cli.new.errors import NewProjectError
from mlops_core.cli.new.proposals.formats import TEXT
from mlops_core.cli.new.proposals.profile import Profile, profile_of
from mlops_core.project.checks import check_zone
from mlops_core.project.columns import CSV_FORMATS, CsvFormat, choices
from mlops_core.project.names import NameRefusedError

_TABLE = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")
_FILE = re.compile(r"\.(parquet|csv|gz)$", re.IGNORECASE)


def read(
    given: str, root: Path, *, zone: str, without: Sequence[str], warehouse: str, formats: Sequence[str] = ()
) -> Profile:
    """The profile of a sample of the rows.

    Args:
        given: A path, or catalog.schema.table.
        root: The repository, to which a path within it is made relative.
        zone: Whose wall clock times without a zone are.
        without: Columns that are not read.
        formats: Of columns of CSV, as column=format, or column=text of one that stays text.

    Raises:
        NewProjectError, ValueError, OSError: they can't be read, or are too few.
    """
    check_zone(zone, "--time-zone")
    said = dict(map(_format, formats))
    try:
        if is_table(given):
            from mlops_core.adapters.sources.table_sample import sample_of_table

            if said:
                raise NewProjectError(
                    f"--csv-format is for files of CSV, and {given} is a table, whose columns have types."
                )
            rows = sample_of_table(given, zone, without, warehouse)
            return profile_of(rows, zone, source_table=given)
        from mlops_core.adapters.sources.sample import sample_of_files

        return profile_of(sample_of_files(given, zone, without, said), zone, source=_relative(given, root))
    except NameRefusedError as error:
        raise NewProjectError(
            f"{str(error).rstrip('.')}; rename at the source or in a view, or leave columns out with --without."
        ) from error


def _format(said: str) -> tuple[str, CsvFormat]:
    name, _, csv_format = (part.strip() for part in said.partition("="))
    written: dict[str, CsvFormat] = {**{known: known for known in CSV_FORMATS}, TEXT: ""}
    if not name or csv_format not in written:
        raise NewProjectError(f"--csv-format is {said!r}: write column=format, and {choices(written)}")
    return name, written[csv_format]


def is_table(given: str) -> bool:
    """Whether it names a table and no path that is there."""
    return bool(_TABLE.fullmatch(given)) and not _FILE.search(given) and not Path(given).exists()


def _relative(given: str, root: Path) -> str:
    path = Path(given.removeprefix("file://")).expanduser().resolve()
    return str(path.relative_to(root.resolve())) if path.is_relative_to(root.resolve()) else str(path)
