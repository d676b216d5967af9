"""The axis of days that every picture over time has: whole days, written as everywhere else, never over each other."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INCHES_A_LABEL = 1.0
"""What YYYY-MM-DD takes at this size, with room to the next one."""
FONT_SIZE = 8
HALF_A_DAY = timedelta(hours=12)


def name_days(axes: Axes, days: Iterable[date]) -> None:
    """Let the x axis reach from the first of `days` to the last, half a day more on both sides, and name some of them.

    What is drawn there has datetimes as x, those of midnight. Without days nothing is done.
    """
    from matplotlib.dates import date2num

    known = [datetime.combine(day, time()) for day in sorted(days)]
    if not known:
        return
    first, last = known[0], known[-1]
    count = (last - first).days + 1
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("These axes were removed from their figure: name their days before.")
    width = axes.get_position().width * figure.get_figwidth()
    step = ceil(count / max(int(width / INCHES_A_LABEL), 1))
    named = [first + timedelta(days=number) for number in range(0, count, step)]
    axes.set_xlim(*date2num([first - HALF_A_DAY, last + HALF_A_DAY]))
    axes.set_xticks(date2num(named), [f"{day:%Y-%m-%d}" for day in named], fontsize=FONT_SIZE)
