"""How sample rows are drawn: see `mlops_core.ingestion.sample_rows`, which declares their shape."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from enum import IntEnum, auto
from pathlib import Path
from uuid import uuid4
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.special import ndtr

from mlops_core.ingestion.arrow_types import ARROW_TYPES
from mlops_core.ingestion.sample_rows import Draw, SampleRows

EXPLAINED, OF_ENTITY = 0.92, 0.3
"""What is explained of the label's variance, on its latent normal scale, and what of it by the level of the entity."""
LEVEL_DAYS = 7
"""For so many days the level of an entity stays; it is for more where labels take more than a third of them."""
MOST_DRAWS = 3
"""The label depends on so many of the draws."""
SMALLEST_FILE = 1_000
_HOURS = ((0.0, 0.1, 0.9, 1.0), (0.0, 7.0, 21.0, 24.0))
"""Shares of the day's events, and the hours by which they have happened."""
_IDS_A_DAY, _FIRST_ID = 100_000, date(2000, 1, 1)
_MOST_OF_A_CLASS = 0.95


class Stream(IntEnum):
    """Random numbers of a day that do not depend on each other."""

    TIMES = auto()
    LABEL = auto()
    LEVEL = auto()
    COLUMN = auto()


def drawn(shape: SampleRows, day: date, rows: int, seed: int, factor: float) -> pa.Table:
    """The rows of a day, in the order of their times, with the columns of the source."""
    times = _times(day, rows, seed)
    columns = {draw.name: _column(draw, day, rows, seed) for draw in shape.draws}
    latent = _latent(shape, day, {name: place for name, (_, place) in columns.items()}, rows, seed)
    label = _of_share(shape.label, ndtr(latent), factor)
    values = {name: value for name, (value, _) in columns.items()} | {shape.label.name: label}
    table = {shape.event_time: pa.array(times, pa.timestamp("us"))}
    for draw in (*shape.draws, shape.label):
        given = times if draw.kind == "date" else values[draw.name]
        table[draw.name] = _typed(draw, given, _lacking(draw, day, rows, seed))
    if shape.known_at:
        table[shape.known_at] = _known_at(shape, times, day, seed)
        unknown = table[shape.known_at].is_null()
        table[shape.label.name] = pc.if_else(unknown, pa.scalar(None), table[shape.label.name])
    return pa.table(table)


def write_days(
    shape: SampleRows, folder: Path, *, rows: int, seed: int, days: tuple[date, date], drift: tuple[date, float]
) -> None:
    """Files of whole days in order, of at least `SMALLEST_FILE` rows but for the last; each is whole when it exists."""
    folder.mkdir(parents=True, exist_ok=True)
    count = (days[1] - days[0]).days + 1
    waiting: list[pa.Table] = []
    for number in range(count):
        day = days[0] + timedelta(days=number)
        of_day = rows * (number + 1) // count - rows * number // count
        waiting.append(drawn(shape, day, of_day, seed, drift[1] if day >= drift[0] else 1.0))
        if number == count - 1 or sum(map(len, waiting)) >= SMALLEST_FILE:
            unfinished = folder / f".{uuid4().hex}"
            pq.write_table(pa.concat_tables(waiting), unfinished)
            unfinished.rename(folder / f"rows-{day}.parquet")
            waiting = []


def _random(seed: int, day: date, stream: Stream, name: str = "") -> np.random.Generator:
    return np.random.default_rng([seed, day.toordinal(), stream, crc32(name.encode())])


def _times(day: date, rows: int, seed: int) -> np.ndarray:
    """Whole seconds of the day, ascending."""
    hours = np.interp(_random(seed, day, Stream.TIMES).random(rows), *_HOURS)
    seconds = np.sort((hours * 3600).astype("int64").clip(0, 86_399))
    return np.datetime64(datetime.combine(day, time()), "us") + seconds * np.timedelta64(1_000_000, "us")


def _column(draw: Draw, day: date, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The values, and the place of each from 0 to 1 among what they can be; of a key its number."""
    random = _random(seed, day, Stream.COLUMN, draw.name)
    if draw.kind == "id":
        first = (day - _FIRST_ID).days * _IDS_A_DAY
        return np.arange(first, first + rows), np.zeros(rows)
    if draw.kind == "date":
        return np.zeros(rows), np.zeros(rows)
    share = random.random(rows)
    if draw.kind == "key":
        number = (share * draw.count).astype(int)
        return number + 1, number
    if draw.kind == "value":
        place = _places(draw, share)
        return np.array(list(draw.shares), object)[place], place
    return _of_share(draw, share), share


def _places(draw: Draw, share: np.ndarray, factor: float = 1.0) -> np.ndarray:
    """Which value each share falls on; `factor` is of the share of the last one."""
    shares = np.array(list(draw.shares.values()))
    shares /= shares.sum()
    if factor != 1:
        last = min(shares[-1] * factor, _MOST_OF_A_CLASS)
        shares = np.append(shares[:-1] * (1 - last) / (1 - shares[-1]), last)
    return np.searchsorted(shares.cumsum(), share, side="right").clip(max=len(shares) - 1)


def _of_share(draw: Draw, share: np.ndarray, factor: float = 1.0) -> np.ndarray:
    """The value below which that share of all values is."""
    if draw.kind == "value":
        return np.array(list(draw.shares), object)[_places(draw, share, factor)]
    values = np.interp(share, np.linspace(0, 1, len(draw.quantiles)), draw.quantiles) * factor
    largest = max(map(abs, draw.quantiles)) or 1.0
    digits = 0 if draw.type in ("int", "bigint") else max(0, 3 - int(np.log10(largest)))
    return np.round(values, digits)


def _latent(shape: SampleRows, day: date, places: dict[str, np.ndarray], rows: int, seed: int) -> np.ndarray:
    """What the label follows, of mean 0 and variance 1: effects of some draws, the entity's level, and chance."""
    kinds = {draw.name: draw for draw in shape.draws if draw.kind in ("number", "value")}
    effects = [_effect(draw, places[name]) for name, draw in list(kinds.items()) if name != shape.entity][:MOST_DRAWS]
    of_entity = (OF_ENTITY if effects else EXPLAINED) if shape.entity else 0.0
    of_draws = EXPLAINED - of_entity if effects else 0.0
    noise = _random(seed, day, Stream.LABEL).standard_normal(rows)
    latent = np.sqrt(1 - of_draws - of_entity) * noise
    if effects:
        latent += np.sqrt(of_draws / len(effects)) * np.sum(effects, axis=0)
    if shape.entity:
        draw = next(each for each in shape.draws if each.name == shape.entity)
        latent += np.sqrt(of_entity) * _level(shape, draw, day, seed)[places[shape.entity]]
    return latent


def _effect(draw: Draw, place: np.ndarray) -> np.ndarray:
    """Of mean 0 and variance 1: higher numbers have more of it, and later values."""
    if draw.kind == "number":
        return (place - 0.5) * np.sqrt(12)
    shares = np.array(list(draw.shares.values()))
    levels = np.arange(len(shares)) - np.average(np.arange(len(shares)), weights=shares)
    spread = np.sqrt(np.average(levels**2, weights=shares))
    return levels[place] / (spread or 1.0)


def _level(shape: SampleRows, draw: Draw, day: date, seed: int) -> np.ndarray:
    """How high the label of each entity is in these days."""
    slowest = max(shape.hours_to_label, default=0.0) / 24
    period = max(LEVEL_DAYS, int(3 * slowest))
    first = date.fromordinal(day.toordinal() // period * period + 1)
    return _random(seed, first, Stream.LEVEL).standard_normal(draw.count or len(draw.shares))


def _known_at(shape: SampleRows, times: np.ndarray, day: date, seed: int) -> pa.Array:
    """When each label is known; null where that is still to come."""
    share = _random(seed, day, Stream.COLUMN, shape.known_at).random(len(times))
    hours = np.interp(share, np.linspace(0, 1, len(shape.hours_to_label)), shape.hours_to_label)
    known = times + (hours * 3600).astype("int64").clip(1) * np.timedelta64(1_000_000, "us")
    return pa.array(known, pa.timestamp("us"), mask=known > np.datetime64(datetime.now(), "us"))


def _lacking(draw: Draw, day: date, rows: int, seed: int) -> np.ndarray:
    return _random(seed, day, Stream.COLUMN, f"{draw.name} lacks").random(rows) < draw.nulls


def _read(text: str, kind: str) -> bool | int | float | str:
    """A value of a column, as it is declared."""
    if kind == "boolean":
        return text == "true"
    if kind == "string":
        return text
    return int(text) if kind in ("int", "bigint") else float(text)


def _typed(draw: Draw, values: np.ndarray, lacking: np.ndarray) -> pa.Array:
    """The values in the column's type; keys and ids of texts with the column's name."""
    kind = ARROW_TYPES[draw.type]
    if draw.kind in ("key", "id") and draw.type == "string":
        values = np.array([f"{draw.name} {value}" for value in values], object)
    if draw.kind == "value":
        values = np.array([_read(text, draw.type) for text in values], object)
    if draw.type == "date":
        values = values.astype("datetime64[D]")
    return pa.array(values, mask=lacking).cast(kind)
