"""Series in the forms that people hold, read as one padded array.

Columns have the names that they have in files; ``series_id``, ``step``, ``label`` and the like are
not channels.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Union

import numpy as np

from seqclass.series import observed_lengths
from seqclass.store.rows import KNOWN_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

Series = Union[
    np.ndarray, "pd.DataFrame", Sequence[np.ndarray], Sequence["pd.DataFrame"],
    Sequence[Sequence[float]],
]  # fmt: skip
"""A 3-D array ``(n, steps, channels)``, a 2-D array ``(n, steps)`` of one channel, or a list of
series of any lengths, each ``(steps,)`` or ``(steps, channels)``; or tables (pandas, pyarrow,
polars): a list with one for each series, one in long form (ids, steps, a column for each channel, a
row for each step), or one in wide form (a row for each series, whose columns are the steps of one
channel or hold the values of a channel each). NaN where a value is missing."""

ROLES = {*KNOWN_COLUMNS, "step"}
"""Columns that are not channels."""
KEYS = {
    "series_id": {"series_id", "series", "id", "instance", "instances", "case", "case_id",
                  "item_id", "unique_id", "sample_id"},
    "step": {"step", "steps", "t", "time", "timepoint", "timepoints", "time_index", "timestamp",
             "timestamps", "date", "datetime", "ds"},
}  # fmt: skip
"""Usual names of ids and steps, in lower case: of sktime, AutoGluon, Nixtla and tsfresh."""
MOST_DIFFERENT = 1 / 3
"""A column of ids or steps of a long table has at most this share of different values."""
FEWEST_IDS = 10
"""With fewer, a column of values may separate the classes by chance."""
NUMBER = re.compile(r"(?<!\d)-?\d+(?:\.\d+)?")
TIMES = set("#-+/.: TZ")
"""Characters of a date or time whose numbers are each replaced by ``#``."""


@dataclass(frozen=True)
class PaddedSeries:
    """Series that were read.

    values: ``(n, steps, channels)`` float32, NaN where one is missing and after the last step.
    channels: their names, or None. owners: the series id of every row of a long table, with its
    index. index: of a table with a row for each series. wide: such rows, if columns are the steps.
    """

    values: np.ndarray
    channels: list[Any] | None = None
    owners: "pd.Series | None" = None
    index: "pd.Index | None" = None
    wide: "pd.DataFrame | None" = None

    def __str__(self) -> str:
        """Return the shape in words, such as ``60 series, 24 steps, 1 channel``."""
        n, _, channels = self.values.shape
        lengths = observed_lengths(self.values)
        low, high = int(lengths.min()), int(lengths.max())
        steps = f"{low} to {high} steps" if low < high else f"{high} step{'s' * (high > 1)}"
        return f"{n} series, {steps}, {channels} channel{'s' * (channels > 1)}"

    def aligned(self, argument: str, values: Any) -> Any:
        """Return one value for each series.

        Beside a long table there may be a value for each of its rows, or a pandas Series by id.
        Anything else must already be in the order of the series.
        """
        rows = 0 if self.wide is None or np.ndim(values) != 1 else len(self.wide)
        if rows and len(values) <= MOST_DIFFERENT * rows:
            raise _question(f"{rows} rows and {len(values)} values of {argument}")
        if self.owners is not None and values is not None:
            return _by_series(argument, values, self.owners)
        if self.index is not None and hasattr(values, "iloc"):
            _check_order(argument, values.index, self.index)
        return values

    def check_rows_are_series(self, y: np.ndarray) -> None:
        """Raise ValueError if a column of a wide table could be the ids of series with labels."""
        import pandas as pd

        if self.wide is None:
            return
        labels = pd.factorize(y)[0]
        for name, column in _columns_and_index(self.wide, self.wide.columns):
            codes, ids = pd.factorize(column)
            if FEWEST_IDS <= len(ids) <= MOST_DIFFERENT * len(y):
                by_id = np.zeros(len(ids), int)
                by_id[codes] = labels
                if (by_id[codes] == labels).all():
                    raise _question(f"{name}, whose {len(ids)} values have one label each")


def read_series(
    x: Series,
    channels: Sequence[str] | None = None,
    n_channels: int | None = None,
    *,
    series_id: str | int | None = None,
    step: str | int | None = None,
) -> PaddedSeries:
    """Read series of any form.

    channels, n_channels: the names or the number of those that a model takes, in its order.
    series_id, step: columns or index levels of a long table, where they have other names.
    ValueError if ``x`` is empty, has another form or other channels, holds an infinite number or
    one beyond float32, or can be read in two ways.
    """
    keys = {"series_id": series_id, "step": step}
    if isinstance(x, list | tuple):
        x = [in_pandas(part) for part in x]
        frames = sum(map(_is_frame, x))
        if frames and frames == len(x):
            names = list(channels or _channels(x[0], keys.values()))
            parts = [_values(_by_step(frame, step, k), names) for k, frame in enumerate(x)]
            has_steps = any({"step", step} & {*frame.columns} for frame in x)
            if n_channels is None and not has_steps:
                _check_no_time(parts, names)
            return PaddedSeries(_padded(parts, n_channels), names)
        if frames:
            raise ValueError(
                f"X: expected DataFrames only in a list with one, got {len(x) - frames} others; "
                "convert them"
            )
    table = in_pandas(x)
    if _is_frame(table):
        return _from_frame(table, channels, n_channels, keys)
    if isinstance(table, np.ndarray) and table.ndim == 2 and table.dtype.kind in "iuf":
        return _from_array(table, channels, n_channels, keys)
    return PaddedSeries(_padded(table, n_channels))


def as_values(values: Any) -> np.ndarray:
    """Return values ``(n,)`` as an array; objects that are all numbers have a numbers' type."""
    array = np.asarray(values)
    if array.dtype != object or array.ndim != 1:
        return array
    import pandas as pd

    return pd.Series(array).infer_objects().to_numpy()


def _is_frame(x: Any) -> bool:
    """Check whether ``x`` is a pandas DataFrame, without importing pandas."""
    return hasattr(x, "iloc") and hasattr(x, "columns")


def in_pandas(x: Any) -> Any:
    """Return a table of another library, or a Series of two index levels, as a DataFrame."""
    if hasattr(x, "iloc"):
        return x.to_frame() if x.index.nlevels > 1 and not _is_frame(x) else x
    if not hasattr(x, "__arrow_c_stream__"):
        return x
    if hasattr(x, "to_pandas"):
        return x.to_pandas()
    import pyarrow as pa

    return pa.table(x).to_pandas()


def _padded(x: Series, n_channels: int | None) -> np.ndarray:
    series = _separate(x)
    if not series:
        raise ValueError("X: expected at least one series, got none; give one")
    channels = {values.shape[1] for values in series}
    expected = n_channels or series[0].shape[1]
    if channels != {expected}:
        raise ValueError(
            f"X: expected {expected} channels in every series, got {sorted(channels)[:9]}; give "
            "each series as (steps, channels): X.transpose(0, 2, 1) turns an array of (channels, "
            "steps), [x.T for x in X] a list"
        )
    padded = np.full((len(series), max(map(len, series)), expected), np.nan, np.float32)
    for row, values in enumerate(series):
        padded[row, : len(values)] = values
    if np.isinf(padded).any():
        row = int(np.isinf(padded).any(axis=(1, 2)).argmax())
        raise ValueError(
            f"X: expected finite numbers, or NaN where one is missing, got an infinite one or one "
            f"beyond float32 in series {row}; correct it"
        )
    return padded


def _separate(x: Series) -> list[np.ndarray]:
    series = []
    for row, part in enumerate(_whole(x)):
        values = _as_float32(part, row)
        if values.ndim not in (1, 2) or not values.size:
            raise ValueError(
                f"X: expected (steps,) or (steps, channels) with at least one step, got shape "
                f"{values.shape} in series {row}; correct it"
            )
        series.append(values[:, None] if values.ndim == 1 else values)
    return series


def _whole(x: Series) -> Series:
    """Return the series as they are, or as an array if they have one."""
    if hasattr(x, "toarray"):
        raise TypeError("X: expected dense series, got a sparse matrix; write X.toarray()")
    x = _unmasked(x)
    whole = x if isinstance(x, list | tuple) or not hasattr(x, "__array__") else np.asarray(x)
    if isinstance(whole, str | bytes | Mapping) or not isinstance(whole, Iterable):
        got = " ".join(repr(whole).split())[:80]
        raise TypeError(
            f"X: expected an array, a list of series or a DataFrame, got {got}; give one"
        )
    if not isinstance(whole, np.ndarray):
        return whole
    if whole.ndim not in (2, 3) and (whole.dtype != object or whole.ndim == 0):
        raise ValueError(
            f"X: expected (n, steps, channels), (n, steps) or a list of series, got an array of "
            f"shape {whole.shape}; Reshape your data: X[None] for one series"
        )
    if whole.ndim > 1 and len(whole) and not whole.size:
        raise ValueError(
            f"X: expected a step and a channel, got 0 feature(s) (shape={whole.shape}) while a "
            "minimum of 1 is required.; give series with values"
        )
    return whole


def _unmasked(values: Any) -> Any:
    """Return values with NaN where NumPy's mask hides one."""
    if not np.ma.isMaskedArray(values):
        return values
    return np.ma.filled(values.astype(np.result_type(values, np.float32)), np.nan)


def _as_float32(part: object, row: int) -> np.ndarray:
    try:
        values = np.asarray(_unmasked(part))
        if np.iscomplexobj(values):
            raise ValueError("complex ones: Complex data not supported")
        if values.dtype.kind in "mM":
            raise ValueError("times")
        with np.errstate(over="ignore"):
            return values.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"X: expected numbers, got {str(error)[:100]} in series {row}; correct it"
        ) from error


def _from_array(
    x: np.ndarray,
    channels: Sequence[str] | None,
    n_channels: int | None,
    keys: Mapping[str, Any],
) -> PaddedSeries:
    """Read an array ``(n, steps)``, or one with columns of ids and steps."""
    import pandas as pd

    frame = pd.DataFrame(x)
    if any(name is not None for name in keys.values()):
        return _from_frame(frame, channels, n_channels, keys)
    _check_wide(frame, list(frame.columns), None)
    return PaddedSeries(_padded(x, n_channels), wide=frame)


def _from_frame(
    frame: "pd.DataFrame",
    channels: Sequence[str] | None,
    n_channels: int | None,
    keys: Mapping[str, Any],
) -> PaddedSeries:
    if frame.columns.nlevels > 1:
        raise ValueError(
            f"X: expected one level of column names, got {frame.columns.nlevels}; write X.stack() "
            "if the last one has the steps"
        )
    if lists := _lists(frame):
        names = list(channels or lists)
        cells = _padded(_from_cells(frame, names), n_channels)
        return PaddedSeries(cells, names, index=frame.index)
    if pair := _keys(frame, **keys):
        names = list(channels or _channels(frame, pair))
        owners, parts = _from_rows(frame, pair, names)
        return PaddedSeries(_padded(parts, n_channels), names, owners)
    names = _channels(frame)
    if pair := _break_of_count(names):
        raise _question(f"a column {pair[1]!r} after {pair[0]!r}")
    if channels and _counts_down(names):
        raise ValueError(
            f"X: expected columns that count the steps up, got {names[1]!r} after {names[0]!r}; "
            "write X[X.columns[::-1]], or np.asarray(X) if the first column is the first step"
        )
    _check_wide(frame, names, channels)
    values = _padded(_values(frame, names), n_channels)
    return PaddedSeries(values, index=frame.index, wide=frame[names])


def _keys(
    frame: "pd.DataFrame", series_id: str | int | None, step: str | int | None
) -> tuple[Any, Any] | None:
    """Return the columns or index levels with the ids and steps of a long table; None if wide."""
    levels = list(frame.index.names)
    names = [*levels, *frame.columns]
    explicit = (series_id, step) != (None, None)
    if not explicit and len(levels) == 1 and not _is_long(frame, names):
        return None
    searched = names if explicit else levels if len(levels) > 1 else []
    keys = (
        _usual_name("series_id", names, searched) if series_id is None else series_id,
        _usual_name("step", names, searched) if step is None else step,
    )
    if len(levels) > 1 and not explicit and not {*keys} <= {*names}:
        raise ValueError(
            f"X: expected an index of ids and steps, got levels {_some(levels)}; say which they "
            "are with SequenceClassifier(series_id=…, step=…) or X.rename_axis(['series_id', "
            "'step']), or write X.reset_index(drop=True) if a row is a whole series"
        )
    return keys


def _is_long(frame: "pd.DataFrame", names: Sequence[Any]) -> bool:
    if "step" in names or "series_id" not in names:
        return "step" in names
    ids = frame["series_id"] if "series_id" in frame.columns else frame.index
    return not ids.is_unique


def _usual_name(key: str, names: Sequence[Any], searched: Sequence[Any]) -> Any:
    """Return the only name in ``searched`` that is usual for ids or steps, else ``key``."""
    matches = [name for name in searched if str(name).lower() in KEYS[key]]
    return matches[0] if key not in names and len(matches) == 1 else key


def _from_rows(
    frame: "pd.DataFrame", keys: tuple[Any, Any], names: Sequence[Any]
) -> tuple["pd.Series", list[np.ndarray]]:
    """Return the id of each row, and the series in the order in which their ids appear."""
    import pandas as pd

    ids, steps = (_key(frame, *key) for key in zip(KEYS, keys, strict=True))
    codes, ranks = pd.factorize(ids)[0], _ranks(steps)
    order = np.lexsort((ranks, codes))
    repeats = (np.diff(codes[order]) == 0) & (np.diff(ranks[order]) == 0)
    if repeats.any():
        row = int(order[1:][repeats][0])
        raise ValueError(
            f"X: expected a step once in each series, got {steps.tolist()[row]!r} again in "
            f"{ids.tolist()[row]!r}; drop the repeat"
        )
    ends = np.flatnonzero(np.diff(codes[order])) + 1
    parts = np.split(_values(frame, names)[order], ends) if len(frame) else []
    return ids, parts


def _key(frame: "pd.DataFrame", key: str, name: Any) -> "pd.Series":
    """Return the ids or steps of all rows, from a column or a level of the index."""
    levels = list(frame.index.names)
    names = [*(level for level in levels if level is not None), *frame.columns]
    cure = (
        "give SequenceClassifier's series_id=, or name a column so"
        if key == "series_id"
        else "give SequenceClassifier's step=, or X.assign(step=X.groupby('series_id').cumcount()) "
        "where the rows are in order"
    )
    problem = {0: _some(names), 2: "it as a column and as a level of the index"}
    column = None
    if names.count(name) == 1:
        column = frame[name] if name in frame.columns else frame.index.get_level_values(
            levels.index(name)).to_series(index=frame.index)  # fmt: skip
    if column is None or column.isna().any():
        raise ValueError(
            f"X: expected {name!r} in every row of a long frame, got "
            f"{problem.get(names.count(name), 'a row without one')}; {cure}"
        )
    return column.astype(column.cat.categories.dtype) if hasattr(column, "cat") else column


def _ranks(steps: "pd.Series") -> np.ndarray:
    """Return the place of each step in the order of all; ValueError if they have none."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(steps)
    if kind in ("string", "bytes", "mixed", "mixed-integer"):
        raise ValueError(
            f"X: expected numbers or times as steps, got {str(steps.tolist()[0])[:40]!r} ({kind}); "
            "convert them with pd.to_numeric or pd.to_datetime"
        )
    return pd.factorize(steps, sort=True)[0]


def _from_cells(frame: "pd.DataFrame", names: list[Any]) -> list[np.ndarray]:
    """Return the series of a table with a row for each, whose cells hold a channel's values."""
    _check_named(frame, names)
    series = []
    for row, cells in enumerate(zip(*(frame[name] for name in names), strict=True)):
        lengths = {name: np.size(cell) for name, cell in zip(names, cells, strict=True)}
        if len(set(lengths.values())) > 1:
            raise ValueError(
                f"X: expected as many steps in every channel of a series, got {lengths} in series "
                f"{row}; correct it"
            )
        series.append(np.stack([np.asarray(cell) for cell in cells], axis=-1))
    return series


def _lists(frame: "pd.DataFrame") -> list[Any]:
    """Return the columns whose cells hold the values of a channel."""
    cells = {name: frame[name].iloc[0] for name in _channels(frame) if len(frame)}
    return [name for name, cell in cells.items()
            if isinstance(cell, list | tuple | np.ndarray) or hasattr(cell, "iloc")]  # fmt: skip


def _check_wide(
    frame: "pd.DataFrame", names: Sequence[Any], channels: Sequence[str] | None
) -> None:
    """Raise ValueError if a row may be one step rather than a series."""
    if "series_id" in [*frame.columns, *frame.index.names]:
        return
    if channels and {*channels} <= {*names}:
        raise _question(f"a column for each channel ({_some(channels)})")
    for name, column in _columns_and_index(frame, [*names, *({"time"} & {*frame.columns})]):
        if _counts_again(column.to_numpy()):
            raise _question(f"{name}, which counts up again and again")


def _break_of_count(names: Sequence[Any]) -> tuple[Any, Any] | None:
    """Return the first neighbours between which names don't count up or down as before.

    None if all do, as ``t0``, ``t1``, … or dates.
    """
    orders = set()
    for pair in pairwise(names):
        patterns = {NUMBER.sub("#", str(name)) for name in pair}
        before, after = map(_numbers_in, pair)
        orders.add(before < after)
        goes_on = len(patterns) == 1 and len(orders) == 1 and before != after
        n_changed = sum(a != b for a, b in zip(before, after, strict=False))
        if not goes_on or (n_changed > 1 and not set(*patterns) <= TIMES):
            return pair
    return None


def _counts_down(names: Sequence[Any]) -> bool:
    """Check whether names without a break of their count count down."""
    return len(names) > 1 and _numbers_in(names[1]) < _numbers_in(names[0])


def _numbers_in(name: Any) -> list[float]:
    return [float(number) for number in NUMBER.findall(str(name))]


def _check_no_time(parts: Sequence[np.ndarray], names: Sequence[Any]) -> None:
    """Raise ValueError if a channel rises with every step of every series, as times do."""
    rises = np.all([(np.diff(values, axis=0) > 0).all(axis=0) for values in parts], axis=0)
    for name, is_time in zip(names, rises, strict=True):
        if is_time:
            raise ValueError(
                f"X: expected channels, got a column {name!r} that rises in every series; give "
                f"SequenceClassifier(step={name!r}) if it is the time of each step, or "
                "[x.assign(step=range(len(x))) for x in X] if it is a channel"
            )


def _counts_again(values: np.ndarray) -> bool:
    """Check whether numbers or times count up from one value, at least three times."""
    if values.dtype.kind not in "iufmM" or not len(values):
        return False
    starts = values[1:][values[1:] <= values[:-1]]
    return 2 <= len(starts) < MOST_DIFFERENT * len(values) and bool((starts == values[0]).all())


def _columns_and_index(
    frame: "pd.DataFrame", names: Iterable[Any]
) -> Iterable[tuple[str, "pd.Series | pd.Index"]]:
    yield from ((f"a column {name!r}", frame[name]) for name in names)
    if frame.index.nlevels == 1:
        yield "an index (X.reset_index(drop=True) removes it)", frame.index


def _question(got: str) -> ValueError:
    return ValueError(
        "X: expected a row for each series, whose columns count the steps of one channel (x0, x1, "
        f"…), or a row for each step with ids and steps, got {got}; say which columns are ids and "
        "steps with SequenceClassifier(series_id=…, step=…) or name them series_id and step; [X] "
        "is one series, np.asarray(X)[:, :, None] has one in each row, np.stack([X[a], X[b]], "
        "axis=2) has the channels of columns a and b"
    )


def _channels(frame: "pd.DataFrame", keys: Iterable[Any] = ()) -> list[Any]:
    names = list(frame.columns)
    if len(set(names)) < len(names):
        raise ValueError(f"X: expected different names of columns, got {_some(names)}; rename them")
    return [name for name in names if name not in ROLES and name not in keys]


def _by_step(frame: "pd.DataFrame", step: str | int | None, row: int) -> "pd.DataFrame":
    """Return the table of one series, sorted by its column of steps if it has one."""
    name = "step" if step is None else step
    if name not in frame.columns:
        return frame
    ranks = _ranks(frame[name])
    if (ranks < 0).any() or len(set(ranks)) < len(ranks):
        raise ValueError(
            f"X: expected another step in every row, got one twice or none in series {row}; "
            "correct it"
        )
    return frame.iloc[np.argsort(ranks)]


def _values(frame: "pd.DataFrame", names: Sequence[Any]) -> np.ndarray:
    """Return the numbers ``(rows, channels)`` of these columns, NaN where one is missing."""
    _check_named(frame, names)
    columns = [_numbers(frame[name], name) for name in names]
    return np.stack(columns, axis=-1) if columns else np.empty((len(frame), 0))


def _numbers(column: "pd.Series", name: Any) -> np.ndarray:
    values = column.to_numpy()
    if np.iscomplexobj(values):
        return values  # refused with the series
    try:
        if values.dtype.kind in "mM":
            raise ValueError("times")
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"X: expected numbers in column {name!r}, got {str(error)[:80]}; convert it, leave it "
            f"out with X.drop(columns={name!r}), or name it as SequenceClassifier's series_id= or "
            "step=, if it holds these"
        ) from error


def _check_named(frame: "pd.DataFrame", names: Sequence[Any]) -> None:
    if missing := [name for name in names if name not in frame.columns]:
        raise ValueError(
            f"X: expected the columns {_some(names)}, got no {missing[0]!r} among "
            f"{_some(frame.columns)}; rename the columns"
        )


def _some(names: Iterable[Any]) -> str:
    return ", ".join(map(str, names))[:100] or "none"


def _check_order(argument: str, index: "pd.Index", rows: "pd.Index") -> None:
    """Raise ValueError if values have the labels of a table's rows in another order."""
    if len(index) == len(rows) and _has_labels(index, rows) and not index.equals(rows):
        raise ValueError(
            f"{argument}: expected the index of X in its order, got another order; write "
            f"{argument}.loc[X.index], or {argument}.to_numpy() if only the places count"
        )


def _has_labels(index: "pd.Index", labels: "pd.Index") -> bool:
    return index.nlevels == labels.nlevels and bool(labels.isin(index).all())


def _by_series(argument: str, values: Any, owners: "pd.Series") -> Any:
    """Return one value for each id, in the order in which the ids appear."""
    import pandas as pd

    ids = pd.Index(owners.unique())
    if isinstance(values, pd.DataFrame) and values.shape[1] == 1:
        values = values.iloc[:, 0]
    if isinstance(values, pd.Series):
        index = values.index
        rows = len(values) == len(owners)
        if index.is_unique and len(values) == len(ids) and _has_labels(index, ids):
            return values.loc[ids]
        if rows and index.is_unique and _has_labels(index, owners.index):
            values = values.loc[owners.index]
        elif not ((rows and index.equals(owners.index)) or isinstance(index, pd.RangeIndex)):
            raise ValueError(
                f"{argument}: expected an index of the frame's rows or of its {len(ids)} "
                f"series_id, got {str(index[:3].tolist())[:80]} …; set it, or give an array in "
                "the order in which the ids first appear"
            )
    if len(np.shape(values)) != 1 or len(values) != len(owners):
        return values
    groups = pd.Series(np.asarray(values)).groupby(owners.to_numpy(), sort=False)
    differing = groups.nunique(dropna=False).loc[ids].to_numpy() > 1
    if differing.any():
        raise ValueError(
            f"{argument}: expected one value in all rows of a series, got several in "
            f"{ids[differing].tolist()[0]!r}; correct it"
        )
    return groups.first().loc[ids]
