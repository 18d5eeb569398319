"""Architecture search: what is trained next, what is taken, and that it can be stopped."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy.stats import sem

from seqclass.networks.architecture import KINDS, Architecture
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import open_dataset
from seqclass.store.registry import open_model
from seqclass.store.root import Root, open_root
from seqclass.store.studies import open_study
from seqclass.training.halving import (
    LADDER,
    Difference,
    Found,
    Job,
    SearchSpec,
    better_half,
    changes,
    choose,
    difference,
    max_jobs,
    state_of,
    successive_halving,
)
from seqclass.training.spec import TrainingSpec
from seqclass.training.splits import assign_folds
from tests.support.commands import Command
from tests.support.hints import next_step
from tests.support.stored import SMALL, store_series
from tests.support.stored_files import undeclared
from tests.support.waiting import until

SPEC = SearchSpec(1, 2, TypeAdapter(TrainingSpec).validate_python(SMALL))
SPLIT = (["train"] * 4 + ["test"]) * 18


class Workshop:
    """Trains without training: losses and seconds by job; remembers the waves it was given."""

    def __init__(self, seconds: float = 1.0, loss: Callable[[Job], float] = lambda job: 1.0):
        self.seconds, self.loss = seconds, loss
        self.waves: list[list[Job]] = []

    def __call__(self, wave: list[Job]) -> list[Found]:
        self.waves.append(wave)
        return [Found(self.loss(job), self.seconds) for job in wave]


def test_the_default_comes_first_and_no_network_twice() -> None:
    for kind in KINDS:
        default = Architecture(kind, units=64, dropout=0.1)
        candidates = SearchSpec(training=TrainingSpec(architecture=default)).candidates()
        assert candidates[0] == default
        assert len(set(candidates)) == len(candidates) == len(LADDER)
        assert {c.kind for c in candidates[:5]} == set(KINDS)
        assert {c.dropout for c in candidates} == {0.1}
    assert len(SPEC.candidates()) == len(LADDER) + 1


def test_time_enough_trains_the_better_half_on_every_fold() -> None:
    shop = Workshop(loss=lambda job: float(job.candidate % 4))
    halved = successive_halving(8, SearchSpec(1000, 3), 2, shop)
    complete = [c for c in range(8) if state_of(c, halved.done, 3) == "complete"]
    assert complete == [0, 1, 4, 5]
    assert better_half(halved.done) == [0, 4, 1, 5]
    assert {state_of(c, halved.done, 3) for c in (2, 3, 6, 7)} == {"dropped"}
    assert len(halved.done) <= max_jobs(8, 3)
    assert len(halved.done) == sum(map(len, shop.waves))


@given(
    st.floats(0.1, 60), st.floats(0.1, 10), st.integers(1, 4), st.integers(2, 4),
    st.integers(2, 13),
)  # fmt: skip
def test_nothing_starts_after_the_budget_but_what_always_runs(
    seconds: float, each: float, at_once: int, folds: int, n: int
) -> None:
    shop = Workshop(each, lambda job: 1 / (1 + job.candidate))
    halved = successive_halving(n, SearchSpec(seconds, folds), at_once, shop)
    for number, wave in enumerate(shop.waves):
        assert number * each < seconds + 1e-6 or max(job.candidate for job in wave) <= 1
        assert len(wave) <= at_once
    assert halved.spent == pytest.approx(len(shop.waves) * each)
    assert [state_of(c, halved.done, folds) for c in (0, 1)] == ["complete"] * 2


def test_half_of_what_is_left_looks_around_and_half_goes_deep() -> None:
    shop = Workshop(loss=lambda job: 1 / (1 + job.candidate))
    halved = successive_halving(13, SearchSpec(16, 3), 1, shop)
    states = [state_of(c, halved.done, 3) for c in range(13)]
    looked_at = ["complete", "complete", "dropped", "unfinished", "unfinished", *["complete"] * 2]
    assert states == looked_at + ["not reached"] * 6
    assert len(halved.done) == 16


@given(st.integers(0, 40))
def test_a_search_that_goes_on_does_what_it_would_have_done(stopped_after: int) -> None:
    rng = np.random.default_rng(0)
    known = {Job(c, f): Found(*rng.random(2)) for c in range(13) for f in range(3)}
    records: dict[Job, Found] = {}

    def train(wave: list[Job]) -> list[Found]:
        for job in wave:
            if job not in records and len(records) == most:
                raise InterruptedError
            records[job] = known[job]
        return [records[job] for job in wave]

    most = stopped_after
    try:
        successive_halving(13, SearchSpec(9, 3), 2, train)
    except InterruptedError:
        most = 1000
    whole = successive_halving(13, SearchSpec(9, 3), 2, lambda wave: [known[job] for job in wave])
    assert successive_halving(13, SearchSpec(9, 3), 2, train).done == whole.done


def test_the_default_stays_unless_another_is_better_by_a_standard_error() -> None:
    rng = np.random.default_rng(0)
    default, noise = rng.random(200), rng.standard_normal(200)
    noise = (noise - noise.mean()) / noise.std(ddof=1) * np.sqrt(200)  # standard error 1
    by_half, by_two = (difference(default, default - gain - noise, None) for gain in (0.5, 2.0))
    assert by_half == pytest.approx((0.5, 1.0))
    assert by_two == pytest.approx((2.0, 1.0))
    assert choose({1: by_half}) == (
        0,
        "the default stays: the best is better by 0.5000, not by more than one standard error "
        "(1.0000)",
    )
    assert choose({1: by_half, 2: by_two})[0] == 2
    assert choose({1: by_two, 2: by_two})[0] == 1


def test_a_wide_error_does_not_hide_a_clear_gain() -> None:
    wide, clear = Difference(0.3, 0.4), Difference(0.2, 0.05)
    chosen, rule = choose({1: wide, 2: clear})
    assert chosen == 2
    assert rule.startswith("changed:")


def test_equal_or_worse_candidates_change_nothing() -> None:
    stays = (0, "the default stays: none has a lower mean log-loss")
    assert choose({1: Difference(0.0, 0.0), 2: Difference(-0.1, 0.01)}) == stays


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), min_size=2, max_size=30))
def test_rows_of_a_group_are_one_draw(pairs: list[tuple[float, float]]) -> None:
    default, other = np.array(pairs).T
    found = difference(default, other, None)
    assert found.standard_error == pytest.approx(sem(default - other), abs=1e-12)
    thrice = [np.repeat(losses, 3) for losses in (default, other)]
    by_group = difference(*thrice, np.repeat(np.arange(len(default)), 3))
    assert by_group == pytest.approx(found, abs=1e-12)
    assert difference(*thrice, None).standard_error <= found.standard_error + 1e-12


@given(st.integers(2, 5), st.integers(0, 99))
def test_folds_cut_no_group_and_leave_every_class(n_folds: int, seed: int) -> None:
    y = np.arange(120) % 3
    groups = np.arange(120) // 3 % 20
    for grouped in (None, groups):
        folds = assign_folds(y, grouped, n_folds, seed)
        assert set(folds) == set(range(n_folds))
        for fold in range(n_folds):
            assert set(y[folds == fold]) == set(y[folds != fold]) == {0, 1, 2}
    assert all(len(set(folds[groups == group])) == 1 for group in range(20))


@pytest.mark.parametrize(
    ("y", "groups", "says"),
    [
        ([0] * 9 + [1] * 3, None, "labels: expected at least 4 training series of every class"),
        ([0, 1] * 6, [0] * 12, "group: expected enough groups of every class for 3 folds"),
        ([0] * 8 + [1] * 4, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4, 4], "group: expected enough"),
    ],
)
def test_rows_that_make_no_folds_are_refused(y: list, groups: list | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        assign_folds(np.array(y), None if groups is None else np.array(groups), 3, 0)


def test_only_differing_fields_are_told() -> None:
    assert changes(TrainingSpec(), TrainingSpec()) == {}
    spec = replace(SPEC.training, architecture=Architecture("lstm", units=16), ensemble=True)
    told = json.loads(json.dumps(changes(spec, TrainingSpec())))
    assert told["architecture"] == {"kind": "lstm", "units": 16}
    assert TypeAdapter(TrainingSpec).validate_python(told) == spec


@pytest.fixture(scope="module")
def searched(prefect: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Root, str]:
    """A root with one search that nothing disturbed, and its reference."""
    from flows.searching import search_architecture

    root = open_root(tmp_path_factory.mktemp("searched"))
    store_series(root, n=90, split=SPLIT)
    return root, search_architecture("toy", SPEC, root.path)["search"]


def rows_of(root: Root, ref: str, *without: str) -> list[dict]:
    rows = pq.read_table(f"{open_study(root, ref).folder}/runs.parquet").to_pylist()
    return [{k: v for k, v in row.items() if k not in ("seconds", *without)} for row in rows]


def words(root: Root, small: Path) -> list[str]:
    options = ["--seconds", "1", "--folds", "2", "--spec", str(small), "--root", root.path]
    return ["search", "toy", *options]


def test_a_finished_search_is_told_again_with_the_contract_s_keys(
    searched: tuple[Root, str], seqclass_json: Callable[..., dict], small: Path
) -> None:
    root, ref = searched
    found = seqclass_json(*words(root, small))
    assert (found["trained"], found["search"]) == (0, ref)
    assert undeclared(root) == []
    assert found["dataset"] == open_dataset(root, "toy").ref
    assert found["not_reached"] == len(LADDER) - 1
    assert [c["state"] for c in found["candidates"][:3]] == ["complete", "complete", "not reached"]
    [chosen] = [c for c in found["candidates"] if c["chosen"]]
    assert found["chosen"] == chosen["architecture"]
    assert found["changed"] is (chosen != found["candidates"][0])
    gain = found["candidates"][0]["log_loss"] - found["candidates"][1]["log_loss"]
    assert found["candidates"][1]["gain"] == pytest.approx(gain)
    rows = pq.read_table(found["table"]).to_pylist()
    assert [(r["units"], r["fold"]) for r in rows] == [(8, 0), (8, 1), (64, 0), (64, 1)]
    assert sum(r["rows"] for r in rows[:2]) == SPLIT.count("train")
    told = seqclass_json("show", ref, "--root", root.path)
    assert {**told, "trained": 0} == found
    assert verify_tree(root)["bad"] == []
    assert verify_tree(root, ref)["checked"] == 4
    page = Path(root.join("index.html")).read_text()
    assert f"{ref}/spec.json".replace("@", "/") in page


@pytest.mark.system
def test_people_see_the_choice_what_was_left_out_and_the_next_command(
    searched: tuple[Root, str], seqclass: Command, small: Path
) -> None:
    root, ref = searched
    code, out, _ = seqclass("show", ref, "--root", root.path)
    assert code == 0
    assert [line for line in out.splitlines() if "chosen" in line]
    assert f"2 of {len(LADDER) + 1} candidates trained on all 2 folds" in out
    assert f"{len(LADDER) - 1} not reached" in out
    assert "standard error" in out
    assert seqclass(*next_step(out), "--seeds", 1)[0] == 1  # few test rows, and one network
    trained = open_model(root, "toy@v1").manifest["spec"]
    assert trained["architecture"] == open_study(root, ref).read_json("search.json")["chosen"]
    assert trained["recipe"]["updates"] == SMALL["recipe"]["updates"]


@pytest.mark.system
def test_a_killed_search_goes_on_and_chooses_the_same(
    searched: tuple[Root, str], root: Root, seqclass_json: Callable[..., dict], small: Path
) -> None:
    store_series(root, n=90, split=SPLIT)
    runs = Path(root.join("searches", "toy", "runs"))
    process = subprocess.Popen(
        [sys.executable, "-m", "flows", *words(root, small)], start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: process.poll() is not None or list(runs.glob("*.json")), 200)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = {path: path.stat().st_mtime_ns for path in runs.glob("*.json")}
    assert 1 <= len(done) < 4
    assert root.names("searches", "toy") == ["runs"]
    finished = seqclass_json(*words(root, small))
    assert finished["trained"] == 4 - len(done)
    assert all(path.stat().st_mtime_ns == moment for path, moment in done.items())
    undisturbed, ref = searched
    assert finished["search"] == ref
    assert rows_of(root, ref) == rows_of(undisturbed, ref)
    specs = [Path(open_study(r, ref).folder, "spec.json").read_text() for r in (root, undisturbed)]
    assert specs[0] == specs[1]
    assert verify_tree(root)["bad"] == []


def test_test_rows_have_no_say(searched: tuple[Root, str], root: Root) -> None:
    """With other values and swapped labels in every test row, the same networks, losses, choice."""
    from flows.searching import search_architecture

    undisturbed, ref = searched
    series = open_dataset(undisturbed, "toy")
    table = next(series.tables()).to_pydict()
    tested = np.array(table["split"]) == "test"
    for row in np.flatnonzero(tested):
        table["value"][row] = [1e6] * 12
        table["label"][row] = {"up": "down", "down": "up"}[table["label"][row]]
    changed = {name: table[name] for name in ("value", "label", "split")}
    assert store_series(root, n=90, **changed).ref != series.ref
    other = search_architecture("toy", SPEC, root.path)["search"]
    assert rows_of(root, other, "run") == rows_of(undisturbed, ref, "run")
    told = [open_study(*place).read_json("search.json") for place in ((root, other), searched)]
    assert told[0]["chosen"] == told[1]["chosen"]
    assert told[0]["rule"] == told[1]["rule"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nothing"], "DATASET: expected one of"),
        (["toy", "--seconds", "0"], "seconds: expected a number above 0, got 0"),
        (["toy", "--seconds", "nan"], "seconds: expected a number above 0, got nan"),
        (["toy", "--seconds", "soon"], "--seconds"),
        (["toy", "--folds", "1"], "folds: expected 2 to 20, got 1"),
        (["toy", "--folds", "15"], "labels: expected at least 15 training series of every class"),
        (["toy", "--spec", "/no/such.json"], "/no/such.json: No such file"),
        (["toy", "--spec", "{bad}"], "field recipe.updatez: Unexpected keyword"),
    ],
)
def test_a_bad_search_is_one_line(
    prefect: str, root: Root, seqclass: Command, tmp_path: Path, arguments: list[str], says: str
) -> None:
    store_series(root, n=24)
    (tmp_path / "bad.json").write_text('{"recipe": {"updatez": 1}}')
    given = (word.format(bad=tmp_path / "bad.json") for word in arguments)
    code, out, err = seqclass("search", *given)
    assert (code, out) == (2, "")
    *announced, complaint = err.strip().splitlines()
    assert announced in ([], [f"search: Prefect on {prefect}"])
    assert says in complaint
    assert root.names("searches") == []


def test_an_unknown_search_is_one_line(root: Root, seqclass: Command) -> None:
    code, _, err = seqclass("show", "searches/toy")
    assert code == 2
    assert "SEARCH: expected one of the searches in this root (it has none)" in err
    assert "'seqclass search DATASET' makes one" in err
