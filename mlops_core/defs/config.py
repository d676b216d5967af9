"""Config of assets and jobs: what a launchpad asks a person for."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic.fields import FieldInfo

NOT_BLANK = r"\S"
"""The pattern of a non-blank text."""
BOUNDS = {
    "gt": "above",
    "ge": "at least",
    "lt": "below",
    "le": "at most",
    "min_length": "in characters at least",
    "max_length": "in characters at most",
    "pattern": "like",
}


class BoundedConfig(dg.Config):
    """Config whose fields say their bounds: the launchpad does not know them, and only the run would refuse a value."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for field in cls.model_fields.values():
            said = f" ({', '.join(bounds_of(field))})"
            if said != " ()" and not (field.description or "").endswith(said):
                field.description = f"{field.description or ''}{said}"


def bounds_of(field: FieldInfo) -> Iterator[str]:
    """Each bound of the field in words: `at least 1`."""
    for rule in field.metadata:
        for name, words in BOUNDS.items():
            bound = getattr(rule, name, None)
            if bound is not None:
                yield "not blank" if bound == NOT_BLANK else f"{words} {bound}"
