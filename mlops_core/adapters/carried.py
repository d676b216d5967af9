"""A composed model as MLflow logs it: it answers where neither the machinery nor the project is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any
from warnings import catch_warnings, simplefilter

if TYPE_CHECKING:
    from mlflow.pyfunc import PythonModel

MACHINERY = __name__.split(".", maxsplit=1)[0]


def as_python_model(composed: Any, package: str) -> PythonModel:
    """A model of the flavor pyfunc, with the code that answers inside.

    `predict`, what it calls in the project's own `package`, and the machinery's part are pickled by value; other
    packages by name, so they have to be among the pins. A class that is local to a function is always pickled by value.
    """
    import cloudpickle
    from mlflow.pyfunc import PythonModel

    with _by_value({MACHINERY, package.split(".", maxsplit=1)[0]}):
        content = cloudpickle.dumps(composed)

    with catch_warnings():  # MLflow would like type hints
        simplefilter("ignore", UserWarning)

        class Carried(PythonModel):
            def load_context(self, context):  # noqa: ANN001, ARG002
                import pickle

                self.composed = pickle.loads(content)  # noqa: S301 - as MLflow has loaded this class

            def predict(self, context, model_input, params=None):  # noqa: ANN001, ARG002
                return self.composed.answers(model_input)

    return Carried()


@contextmanager
def _by_value(packages: Iterable[str]) -> Iterator[None]:
    import cloudpickle

    modules = [import_module(name) for name in packages]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
