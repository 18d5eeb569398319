"""Conversion of pandas DataFrames to arrays of series.

Frames may be in long form, in wide form, or one for each series. Columns have the names that they
have in files; ``series_id``, ``step``, ``label`` and the like are not channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seqclass.store.rows import KNOWN_COLUMNS

if TYPE_CHECKING:
    import pandas as pd

ROLES = {*KNOWN_COLUMNS, "step"}
"""Columns that are not channels."""


@dataclass(frozen=True)
class Framed:
    """Series read from frames.

    series: arrays as ``as_padded`` takes them. channels: their names, or None where a row of
    numbers is a series. owners: for a long frame the series id of every row, with the frame's
    index; else None.
    """

    series: Any
    channels: list[str] | None = None
    owners: "pd.Series | None" = None

    def aligned(self, argument: str, values: Any) -> Any:
        """Return one value for each series.

        A pandas Series beside a long frame is matched by its index, which is the frame's own or the
        ids. Anything else must already be in the order of the series.
        """
        import pandas as pd

        if self.owners is None or not isinstance(values, pd.Series):
            return values
        ids = pd.Index(self.owners.unique())
        if len(values) == len(self.owners) and values.index.equals(self.owners.index):
            return _shared(argument, values, self.owners, ids)
        if values.index.is_unique and len(values) == len(ids) and ids.isin(values.index).all():
            return values.loc[ids]
        if isinstance(values.index, pd.RangeIndex):
            return values
        raise ValueError(
            f"{argument}: expected an index of the frame's rows or of its {len(ids)} series_id, "
            f"got {str(values.index[:3].tolist())[:80]} …; set it, or give an array in the order "
            "in which the ids first appear"
        )


def is_frame(x: Any) -> bool:
    """Check whether ``x`` is a DataFrame, without importing pandas."""
    return hasattr(x, "columns") and hasattr(x, "iloc")


def unframed(x: Any, channels: Sequence[str] | None = None) -> Framed:
    """Read the series from DataFrames; anything else is returned as it is.

    channels: the channels that a model takes, in its order. ValueError for frames of no known form.
    """
    if isinstance(x, list | tuple) and len(x) and all(map(is_frame, x)):
        names = list(channels or _channels(x[0]))
        return Framed([_values(_by_step(one, row), names) for row, one in enumerate(x)], names)
    if not is_frame(x):
        return Framed(x)
    if {"series_id", "step"} & {*x.columns, *x.index.names} and not _lists(x):
        return _long(x, channels)
    if lists := _lists(x):
        return _wide_lists(x, list(channels or lists))
    return Framed(_values(x, _channels(x)))


def _long(frame: "pd.DataFrame", channels: Sequence[str] | None) -> Framed:
    """Read a frame with a row for each step; series are in the order in which their ids appear."""
    flat = frame.reset_index([name for name in frame.index.names if name in ROLES])
    for name, cure in (
        ("series_id", "say which series a row belongs to"),
        ("step", "X.assign(step=X.groupby('series_id').cumcount()) where the rows are in order"),
    ):
        if name not in flat.columns or flat[name].isna().any():
            raise ValueError(
                f"X: expected {name!r} in every row of a long frame, got "
                f"{'a row without one' if name in flat.columns else _some(flat.columns)}; {cure}"
            )
    names = list(channels or _channels(flat))
    codes, _ = _factorized(flat["series_id"])
    order = np.lexsort((flat["step"].to_numpy(), codes))
    again = flat[["series_id", "step"]].duplicated()
    if again.any():
        step, owner = (flat[name][again].tolist()[0] for name in ("step", "series_id"))
        raise ValueError(
            f"X: expected a step once in each series, got {step!r} again in {owner!r}; drop the "
            "repeat"
        )
    values = _values(flat, names)[order]
    parts = np.split(values, np.flatnonzero(np.diff(codes[order])) + 1)
    series = [one for one in parts if len(one)]
    owners = flat["series_id"].set_axis(frame.index)
    return Framed(series, names, owners)


def _factorized(ids: "pd.Series") -> tuple[np.ndarray, "pd.Index"]:
    import pandas as pd

    return pd.factorize(ids)


def _wide_lists(frame: "pd.DataFrame", names: list[str]) -> Framed:
    """Read a frame with a row for each series, whose cells hold the values of a channel."""
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
    return Framed(series, names)


def _lists(frame: "pd.DataFrame") -> list[str]:
    """Return the columns whose cells hold the values of a channel."""
    objects = [name for name in _channels(frame) if frame[name].dtype == object and len(frame)]
    return [name for name in objects if isinstance(frame[name].iloc[0], list | tuple | np.ndarray)]


def _channels(frame: "pd.DataFrame") -> list[Any]:
    names = [name for name in frame.columns if name not in ROLES]
    if len(set(names)) < len(names):
        raise ValueError(f"X: expected different names of columns, got {_some(names)}; rename them")
    return names


def _by_step(frame: "pd.DataFrame", row: int) -> "pd.DataFrame":
    """Return the frame of one series, sorted by its column ``step`` if it has one."""
    if "step" not in frame.columns:
        return frame
    if frame["step"].isna().any() or frame["step"].duplicated().any():
        raise ValueError(
            f"X: expected another step in every row, got one twice or none in series {row}; "
            "correct it"
        )
    return frame.sort_values("step")


def _values(frame: "pd.DataFrame", names: Sequence[Any]) -> np.ndarray:
    """Return the numbers ``(rows, channels)`` of these columns, NaN where one is missing."""
    _check_named(frame, names)
    found = [_numbers(frame[name], name) for name in names]
    return np.stack(found, axis=-1) if found else np.empty((len(frame), 0))


def _numbers(column: "pd.Series", name: Any) -> np.ndarray:
    values = column.to_numpy()
    if np.iscomplexobj(values):
        return values  # refused with the series
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"X: expected numbers in column {name!r}, got {str(error)[:80]}; convert it, or leave "
            f"it out with X.drop(columns={name!r})"
        ) from error


def _check_named(frame: "pd.DataFrame", names: Sequence[Any]) -> None:
    if missing := [name for name in names if name not in frame.columns]:
        raise ValueError(
            f"X: expected the columns {_some(names)}, got no {missing[0]!r} among "
            f"{_some(frame.columns)}; rename the columns"
        )


def _some(names: Sequence[Any]) -> str:
    return ", ".join(map(str, names))[:100] or "none"


def _shared(
    argument: str, values: "pd.Series", owners: "pd.Series", ids: "pd.Index"
) -> "pd.Series":
    """Return one value per series, in the order of ``ids``; rows of a series must agree."""
    groups = values.groupby(owners.to_numpy(), sort=False)
    if (groups.nunique(dropna=False) > 1).any():
        odd = ids[(groups.nunique(dropna=False) > 1).loc[ids].to_numpy()].tolist()[0]
        raise ValueError(
            f"{argument}: expected one value in all rows of a series, got several in {odd!r}; "
            "correct it"
        )
    return groups.first().loc[ids]
