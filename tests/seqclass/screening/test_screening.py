"""New rows beside those that are there: which pass, which go aside, what is refused as a whole."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.screening.contract import ACTIONS, Policy, policy_of_choices
from seqclass.screening.screening import Screening, ValidationContext, counts_of
from seqclass.store.manifests import RowsProfile
from seqclass.store.quarantine import REASON, Quarantine
from seqclass.store.root import Root
from seqclass.store.row_profile import Profile
from seqclass.store.rows import from_dense

COLUMNS = ("series_id", "label", "n_steps", "value")


def rows(x: np.ndarray, labels: list[str | None] | None = None, first: int = 0) -> pa.Table:
    n = len(x)
    return pa.table(
        {
            "series_id": [f"s{k}" for k in range(first, first + n)],
            "label": pa.array(labels or ["a", "b"] * (n // 2) + ["a"] * (n % 2), pa.string()),
            "n_steps": np.full(n, x.shape[1], np.int32),
            "value": from_dense(x.astype(np.float32)),
        }
    )


def waves(n: int = 10, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (n, 12))


@pytest.fixture
def contract() -> RowsProfile:
    profile = Profile()
    profile.add_table(rows(waves(200)))
    return profile.describe()


def screen(root: Root, contract: RowsProfile | None, **more: object) -> Screening:
    context = {"policy": Policy(), "ref": "toy@0", "columns": COLUMNS, "contract": contract, **more}
    return Screening(ValidationContext(**context), Quarantine(root, root.join("w")))  # type: ignore[arg-type]


def ids(tables: Iterator[pa.Table]) -> list[str]:
    return [name for table in tables for name in table["series_id"].to_pylist()]


def test_rows_like_the_others_pass_in_their_order(root: Root, contract: RowsProfile) -> None:
    screening = screen(root, contract)
    parts = [rows(waves(4, 1)), rows(waves(3, 2), first=4)]
    assert ids(screening.passing(parts)) == [f"s{k}" for k in range(7)]
    assert (screening.seen, screening.kept, screening.rejected) == (7, 7, 0)
    assert counts_of(screening) == {
        "rejected": 0, "repeats": 0, "repeated_steps": 0, "quarantined": {}, "quarantine": None,
    }  # fmt: skip


def test_what_breaks_the_contract_goes_aside_with_every_reason(
    root: Root, contract: RowsProfile
) -> None:
    x = waves(6, 1)
    x[2], x[4] = 3.0, 1e6
    screening = screen(root, contract)
    assert ids(screening.passing([rows(x)])) == ["s0", "s1", "s3", "s5"]
    screening.quarantine.commit("toy")
    aside = pq.read_table(str(screening.quarantine.place))
    assert aside["series_id"].to_pylist() == ["s2", "s4"]
    assert aside[REASON][0].as_py().startswith("frozen: ")
    assert {part.partition(":")[0] for part in aside[REASON][1].as_py().split("; ")} == {
        "frozen", "out_of_range",
    }  # fmt: skip
    assert screening.quarantined.counts == {"frozen": 2, "out_of_range": 1}
    assert screening.rejected == 2


def test_repeats_are_counted_and_do_not_stand_for_rows(root: Root, contract: RowsProfile) -> None:
    screening = screen(root, contract)
    once = rows(waves(4, 1))
    assert len(ids(screening.passing([once, once]))) == 4
    assert (screening.repeats, screening.rejected) == (4, 0)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (rows(waves(4, 1), ["a", "b", "c", "a"]), "new_class=quarantine"),
        (rows(np.where(np.eye(4, 12) > 0, np.inf, 0.1)), "finite numbers, or NaN where one is mis"),
        (pa.concat_tables([rows(waves(2, 1)), rows(waves(2, 2))]), "duplicate_id=quarantine"),
        (rows(1e6 * waves(8, 1)), "other_unit"),
        (rows(np.where(np.arange(12) == 5, np.nan, waves(8, 1))), "missing_rate: value missing in"),
        (rows(waves(4, 1)).append_column("speed", rows(waves(4))["value"]), "new_column 'speed'"),
        (rows(waves(4, 1)).rename_columns([*COLUMNS[:3], "speed"]), "missing_column 'value'"),
    ],
)
def test_what_the_policy_refuses_is_one_line_once_all_was_seen(
    root: Root, contract: RowsProfile, table: pa.Table, says: str
) -> None:
    with pytest.raises(ValueError, match=r"^PATH: expected ") as refused:
        list(screen(root, contract).passing([table]))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_policy_lets_pass_or_sets_aside_what_it_says(root: Root, contract: RowsProfile) -> None:
    stranger = rows(waves(4, 1), ["a", "b", "c", "a"])
    accepts = screen(root, contract, policy=policy_of_choices(["new_class=accept"]))
    assert len(ids(accepts.passing([stranger]))) == 4
    aside = screen(root, contract, policy=policy_of_choices(["new_class=quarantine"]))
    assert ids(aside.passing([stranger])) == ["s0", "s1", "s3"]


def test_too_many_set_aside_is_a_refusal_that_names_them(root: Root, contract: RowsProfile) -> None:
    x = waves(4, 1)
    x[:3] = 0.5
    with pytest.raises(ValueError, match="at most 50% of the series to be set aside, got 3 of 4"):
        list(screen(root, contract).passing([rows(x)]))
    most = Policy(most_quarantined=0.75)
    assert len(ids(screen(root, contract, policy=most).passing([rows(x)]))) == 1


def test_the_first_rows_have_no_contract_to_keep(root: Root) -> None:
    screening = screen(root, None, columns=None, ref=None)
    x = waves(4)
    x[0], x[1] = 1.0, 1e9
    assert len(ids(screening.passing([rows(x)]))) == 4


def test_columns_of_appended_rows_can_not_be_others(root: Root, contract: RowsProfile) -> None:
    accept = policy_of_choices(["new_column=accept"])
    more = rows(waves(4, 1)).append_column("speed", rows(waves(4))["value"])
    assert len(ids(screen(root, contract, policy=accept).passing([more]))) == 4
    with pytest.raises(ValueError, match=r"import under another --name without --append$"):
        list(screen(root, contract, policy=accept, append=True).passing([more]))


def test_every_kind_can_be_answered_as_it_says_and_no_other_way() -> None:
    for kind, actions in ACTIONS.items():
        for action in actions:
            assert policy_of_choices([f"{kind}={action}"]).action(kind) == action
        for wrong in (kind, f"{kind}=", f"{kind}=ignore", f"{kind}s=accept"):
            with pytest.raises(ValueError, match="expected") as refused:
                policy_of_choices([wrong])
            assert "\n" not in str(refused.value)
