"""Many small computations at once, each on one core: libraries let go of Python's lock while they compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def side_by_side(make: Callable[[Given], Made], given: Sequence[Given]) -> list[Made]:
    """What `make` gives for each, in their order; after an error the rest is not begun."""
    from joblib import cpu_count
    from threadpoolctl import threadpool_limits

    # A new thread has OpenMP's own default, so each thread sets its own limit.
    pool = ThreadPoolExecutor(cpu_count(), initializer=threadpool_limits, initargs=(1, "openmp"))
    try:
        return [each.result() for each in [pool.submit(make, one) for one in given]]
    finally:
        pool.shutdown(cancel_futures=True)
