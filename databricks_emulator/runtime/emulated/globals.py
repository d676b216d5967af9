"""The names that the runtime gives to every task: `spark`, `dbutils` and `sc`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulated.config import Config


class Lazy:
    """Stands for an object that is expensive to make, until something of it is used."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.__dict__["_make"] = make

    def __getattr__(self, name: str) -> Any:
        return getattr(self._make(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._make(), name, value)

    def __repr__(self) -> str:
        return repr(self._make())


def namespace(config: Config) -> dict[str, Any]:
    from emulated import session
    from emulated.dbutils import DbUtils

    session.configure(config)
    names: dict[str, Any] = {"spark": Lazy(session.get), "dbutils": DbUtils(config)}
    if config.has_spark_context:
        names["sc"] = Lazy(lambda: session.get().sparkContext)
    return names
