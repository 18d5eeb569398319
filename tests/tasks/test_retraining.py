"""Retraining: what is promoted, what is refused and why, and that one runs at a time."""

import contextvars
import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from prefect.logging import disable_run_logger
from prefect.settings import PREFECT_API_URL, temporary_settings

import seqclass.pipeline.decision
import seqclass.pipeline.detection
from flows.cli.command_line import read_spec
from flows.cli.model_commands import tell_server
from seqclass.evaluation.decisions import LARGEST
from seqclass.inference.score_data import score_data
from seqclass.monitoring.policy import ModelPolicy
from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.networks.architecture import Architecture
from seqclass.pipeline import training
from seqclass.pipeline.approve import Answer, answer_question
from seqclass.pipeline.candidates import Candidate
from seqclass.pipeline.challenge import choose, choose_rows
from seqclass.pipeline.inspect_rows import _ask
from seqclass.policies import set_policy
from seqclass.row_split import select_rows
from seqclass.store.datasets import Dataset, open_dataset, write_dataset
from seqclass.store.locks import try_lock
from seqclass.store.log import next_turn, read_log
from seqclass.store.models import model_versions
from seqclass.store.registry import (
    MoveReason,
    champion_of,
    move_champion,
    open_model,
    previous_champion,
)
from seqclass.store.retrainings import commit_retraining, retrainings_of, write_suspect_labels
from seqclass.store.root import Root, open_root
from seqclass.store.rows import from_dense
from seqclass.store.staging import staging
from seqclass.training.recipe import Recipe
from seqclass.training.spec import TrainingSpec
from tests.support.commands import Command
from tests.support.places import NOW, REPOSITORY
from tests.support.servers import free_port
from tests.support.stored import DECIDED, register, store_series, store_version
from tests.support.stored_files import undeclared

LIGHT = TrainingSpec(
    seeds=1,
    members=("conv-lstm",),
    networks={"conv-lstm": 1},
    recipe=Recipe(updates=250, epochs=1, shortest=100, restart_check_step=100, restarts=1),
    architecture=Architecture(filters=16, units=16),
)


def series(first: int, n: int, level: float = 0.0, shuffled: bool = False) -> pa.Table:
    """Rising and falling lines of 12 steps with noise."""
    rng = np.random.default_rng(first)
    y = np.arange(n) % 2
    line = np.linspace(-1, 1, 12, dtype=np.float32) * np.where(y, 1, -1)[:, None]
    names = np.array(["down", "up"])[rng.permutation(y) if shuffled else y]
    values = line + 0.2 * rng.standard_normal(line.shape, dtype=np.float32) + np.float32(level)
    return pa.table(
        {
            "series_id": [f"s{i:05d}" for i in range(first, first + n)],
            "label": names,
            "value": from_dense(values.astype(np.float32)),
        }
    )


def bring(root: Root, folder: Path, table: pa.Table, append: bool = True) -> None:
    from flows.cli.simulation import OPEN_DOOR
    from seqclass.pipeline.import_files import import_files
    from seqclass.screening.incoming import ImportSpec

    path = folder / f"{table['series_id'][0].as_py()}.parquet"
    pq.write_table(table, path)
    import_files(root, "toy", ImportSpec((str(path),), policy=OPEN_DOOR, append=append))


def retrain(root: Root, steps: training.Steps = training.PLAIN, **chosen: Any) -> dict[str, Any]:
    outcome: Any = training.retrain(root, "toy", RetrainSpec(**chosen), steps)
    return outcome


@pytest.fixture(scope="module")
def kept(prefect: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Root, Path]:
    """A root with a champion, and a folder for files."""
    from seqclass.pipeline.training import train

    root, folder = open_root(tmp_path_factory.mktemp("kept")), tmp_path_factory.mktemp("in")
    bring(root, folder, series(0, 120), append=False)
    train(root, "toy", spec=LIGHT)
    return root, folder


def test_without_new_rows_nothing_is_done(kept: tuple[Root, Path], seqclass: Command) -> None:
    root, _ = kept
    code, out, _ = seqclass("retrain", "toy", "--root", root.path, "--json")
    found = json.loads(out)
    assert (code, found["verdict"]) == (0, None)
    assert (found["model"], found["decision"]) == ("models/toy@v1", "nothing new")
    assert found["reasons"][0].startswith("the champion learnt from")
    assert not root.exists("retrainings")


def test_a_second_retraining_of_a_model_ends_at_once(kept: tuple[Root, Path]) -> None:
    root, _ = kept
    with try_lock(root, "retraining", "models", "toy") as is_free:
        assert is_free
        found = retrain(root)
    assert found["decision"] == "nothing new"
    assert found["reasons"][0].startswith("another retraining of this model is running")
    with try_lock(root, "retraining", "models", "toy") as is_free:
        assert is_free


@pytest.fixture
def own(kept: tuple[Root, Path], tmp_path: Path) -> tuple[Root, Path]:
    """A copy of the root that a test may change, and a folder for files."""
    shutil.copytree(kept[0].path, tmp_path / "tree")
    return open_root(tmp_path / "tree"), tmp_path


def test_shuffled_labels_are_refused_and_left_out(own: tuple[Root, Path]) -> None:
    root, folder = own
    bring(root, folder, series(3000, 120, shuffled=True))
    waits = retrain(root, debounce_s=3600)
    assert waits["decision"] == "nothing new"
    assert "debounce of 3600 s" in waits["reasons"][0]
    found = retrain(root, when="changed")
    assert found["decision"] == "refused"
    assert found["doubted"]
    assert champion_of(root, "toy") == "v1"
    ids = pq.read_table(f"{found['folder']}/suspects.parquet")["series_id"].to_pylist()
    assert ids == [f"s{i:05d}" for i in range(3000, 3120)]
    assert undeclared(root) == []
    assert "the last retraining looked at" in retrain(root)["reasons"][0]
    new_data = detect_new_data("toy", RetrainSpec(trust_labels=True), datetime.now(UTC), root)
    assert (new_data.rows, new_data.waiting) == (120, None)
    see_corrected_labels(root, folder)


def correct_labels(root: Root, folder: Path) -> int:
    """The same rows come again under the same ids, their labels put right; how many were wrong."""
    table = pa.concat_tables(open_dataset(root, "toy").tables()).drop_columns("n_steps")
    right = pa.array([("down", "up")[i % 2] for i in range(len(table))])
    bring(root, folder, table.set_column(1, "label", right), append=False)
    return pc.sum(pc.not_equal(table["label"], right)).as_py()


def see_corrected_labels(root: Root, folder: Path) -> None:
    wrong = correct_labels(root, folder)
    assert 30 < wrong < 90
    new_data = detect_new_data("toy", RetrainSpec(), datetime.now(UTC), root)
    assert (new_data.rows, new_data.waiting) == (wrong, None)
    assert len(new_data.doubted) == 120 - wrong


@pytest.mark.parametrize(("left", "chosen"), [("sound", "v2"), ("damaged", "v3")])
def test_a_try_goes_on_with_what_an_earlier_one_registered(
    own: tuple[Root, Path], monkeypatch: pytest.MonkeyPatch, left: str, chosen: str
) -> None:
    from flows.retraining import retrain_model

    root, folder = own
    bring(root, folder, series(4000, 60))

    def full(*_: Any) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(seqclass.pipeline.decision, "commit_retraining", full)
        with pytest.raises(OSError, match="No space left"):
            retrain(root)
    assert model_versions(root, "toy") == ["v1", "v2"]
    assert retrainings_of(root, "toy") == []
    if left == "damaged":
        with root.fs.open(root.join("models", "toy", "v2", "model.keras"), "ab") as file:
            file.write(b"more")
    later = datetime.now(UTC) + timedelta(minutes=1)
    found: Any = retrain_model("toy", RetrainSpec(), root.url, now=later)
    assert found["challenger"] == f"models/toy@{chosen}"
    assert champion_of(root, "toy") == model_versions(root, "toy")[-1] == chosen


def test_a_policy_that_is_set_during_a_retraining_judges_it_and_leaves_its_training(
    own: tuple[Root, Path],
) -> None:
    root, folder = own
    bring(root, folder, series(6000, 60))
    limits = replace(LIGHT.limits, spread=0.5)
    later = RetrainSpec(approval=True, training=replace(LIGHT, seeds=2, limits=limits))

    def changing(*given: Any) -> str:
        set_policy(root, "toy", ModelPolicy(later), "during the run")
        return choose_rows(*given)

    set_policy(root, "toy", ModelPolicy(RetrainSpec(training=LIGHT)), "before")
    found = retrain(root, replace(training.PLAIN, choose_rows=changing))
    assert (found["decision"], champion_of(root, "toy")) == ("awaits approval", "v1")
    trained = open_model(root, "toy@v2").manifest["spec"]
    assert (trained["seeds"], trained["limits"]["spread"]) == (1, LIGHT.limits.spread)


@pytest.mark.parametrize("step", ["choose_rows", "write_report"])
def test_a_version_approved_during_a_retraining_is_the_champion_it_is_compared_with(
    own: tuple[Root, Path], step: str
) -> None:
    """Before the comparison, or between comparison and decision."""
    root, folder = own
    bring(root, folder, series(6000, 60))
    asking = RetrainSpec(approval=True, cool_down_s=0, training=LIGHT)
    set_policy(root, "toy", ModelPolicy(asking), "a person decides")
    assert retrain(root)["decision"] == "awaits approval"
    bring(root, folder, series(7000, 60))
    goes_on = getattr(training.PLAIN, step)

    def approving(*given: Any) -> Any:
        answer_question(root, "toy@v2", Answer(True, "looked at it", "ann"))
        return goes_on(*given)

    found = retrain(root, replace(training.PLAIN, **{step: approving}))
    assert found["champion"] == "models/toy@v2"
    entry = read_log(root, "toy")[-1]
    assert (entry["evidence"]["champion"], entry["evidence"]["new_rows"]) == ("v2", 60)
    assert champion_of(root, "toy") == "v2"


@pytest.mark.system
def test_labels_that_are_corrected_during_a_retraining_are_learned_at_its_end(
    own: tuple[Root, Path],
) -> None:
    root, folder = own
    bring(root, folder, series(3000, 120, shuffled=True))
    judged_once, goes_on = threading.Event(), threading.Event()

    def hold_until_corrected(candidate: Candidate) -> Any:
        judged_once.set()
        assert goes_on.wait(300)
        return training.PLAIN.write_report(candidate)

    steps = replace(training.PLAIN, write_report=hold_until_corrected)
    found: list[dict[str, Any]] = []
    copied = contextvars.copy_context()  # a thread has no settings of its own
    first = threading.Thread(target=lambda: found.append(copied.run(retrain, root, steps)))
    first.start()
    assert judged_once.wait(300)
    wrong = correct_labels(root, folder)
    second = retrain(root)
    goes_on.set()
    assert second["reasons"][0].startswith("another retraining of this model is running")
    first.join()
    assert (found[0]["decision"], found[0]["new_rows"]) == ("promoted", wrong)
    assert [record["decision"] for record in retrainings_of(root, "toy")] == ["refused", "promoted"]
    judged = open_model(root, "toy").read_json("comparison.json")
    assert 0 < judged["newest"]["rows"] < wrong
    learned = open_dataset(root, open_model(root, "toy").manifest["dataset"])
    assert learned.manifest["n_series"] == 120 + wrong


def test_where_every_new_row_is_doubted_nothing_is_new(own: tuple[Root, Path]) -> None:
    """A retraining that was overtaken has doubted rows, and they are looked at again."""
    root, folder = own
    bring(root, folder, series(3000, 120, shuffled=True))
    latest = open_dataset(root, "toy")
    pairs = [(f"s{i:05d}", label) for i, label in enumerate(labels_of(latest)[120:], 3000)]
    with staging(root, "retraining-toy") as folder_of_record:
        root.fs.makedirs(folder_of_record, exist_ok=True)
        write_suspect_labels(root, folder_of_record, pairs)
        record = {**DECIDED, "dataset": latest.ref, "settled": False}
        commit_retraining(root, folder_of_record, "toy", record, NOW)
    found = retrain(root)
    assert found["decision"] == "nothing new"
    assert found["reasons"][0].startswith(f"0 new rows in {latest.ref}, fewer than the 20 worth")
    assert "120 with doubted labels don't count" in found["reasons"][0]


def labels_of(dataset: Dataset) -> list[str]:
    return dataset.labels()["label"].to_pylist()


def detect_new_data(name: str, spec: RetrainSpec, now: datetime, root: Root) -> dict[str, Any]:
    with disable_run_logger():
        return seqclass.pipeline.detection.detect_new_data(name, spec, now, root)


def test_a_window_takes_the_newest_rows_and_leaves_doubted_ones_out(root: Root) -> None:
    latest = store_series(root, n=60)
    chosen = choose(latest, {"s059", "s058"}, RetrainSpec(window_rows=20))
    ids = chosen.labels()["series_id"].to_pylist()
    assert ids == [f"s{i:03d}" for i in range(38, 58)]
    assert chosen.manifest["source"]["chosen_from"] == latest.ref
    np.testing.assert_array_equal(chosen.values(), latest.values(np.arange(38, 58)))
    assert choose(latest, set(), RetrainSpec()).ref == latest.ref
    assert choose(latest, set(), RetrainSpec(window_rows=60)).ref == latest.ref


def test_the_newest_rows_are_those_of_the_latest_time(root: Root) -> None:
    hours = [NOW + timedelta(hours=-row) for row in range(59)]
    latest = store_series(root, n=60, time=pa.array([*hours, None], pa.timestamp("us", tz="UTC")))
    chosen = choose(latest, set(), RetrainSpec(window_rows=10))
    assert chosen.labels()["series_id"].to_pylist() == [f"s{i:03d}" for i in range(10)]


def test_frozen_test_rows_train_no_challenger(root: Root) -> None:
    """Whatever is appended or cut off, the old test rows stay out of the training rows."""
    before, grown = store_series(root, "a", n=100), store_series(root, "b", n=300)
    window = choose(grown, set(), RetrainSpec(window_rows=250))
    tested, *learned = (
        {dataset.labels()["series_id"][int(row)].as_py() for row in getattr(chosen, part)}
        for dataset, part in ((before, "test"), (grown, "train"), (window, "train"))
        for chosen in [select_rows(dataset, LIGHT)]
    )
    assert len(tested) > 10
    assert not tested & (learned[0] | learned[1])


@pytest.mark.system
def test_the_life_of_a_champion(
    own: tuple[Root, Path], seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    """Good rows, too few rows, a poisoned batch, good rows again; then by hand and back."""
    root, folder = own
    bring(root, folder, series(1000, 100))
    good = retrain(root, start="warm")
    assert good["decision"] == "promoted"
    assert good["reasons"][0].startswith("not worse than champion v1: macro F1")
    assert champion_of(root, "toy") == "v2"
    assert open_model(root, "toy").manifest["spec"]["warm_start"] == "models/toy@v1"
    assert {"drift.parquet", "drift.svg", "seen.json", "manifest.json"} == {
        path.name for path in Path(good["folder"]).iterdir()
    }
    assert "value: mean" in pq.read_table(f"{good['folder']}/drift.parquet")["what"].to_pylist()

    bring(root, folder, series(2000, 5))
    assert "5 new rows" in retrain(root)["reasons"][0]

    bring(root, folder, series(3000, 120, shuffled=True))
    rests = retrain(root, cool_down_s=3600)
    assert "cool-down of 3600 s" in rests["reasons"][0]
    code, out, err = seqclass("retrain", "toy", "--root", root.path, "--json")
    found = json.loads(out)
    assert (code, found["verdict"]) == (1, "refused")
    assert found["decision"] == "refused"
    assert found["doubted"]
    assert "labels of the new rows don't fit" in err
    assert champion_of(root, "toy") == "v2"
    assert read_log(root, "toy")[-1]["what"] == "refuse"
    assert "the last retraining looked at" in retrain(root)["reasons"][0]

    bring(root, folder, series(4000, 100))
    again = retrain(root)
    assert again["decision"] == "promoted"
    chosen = open_dataset(root, open_model(root, "toy").manifest["dataset"])
    ids = set(chosen.labels()["series_id"].to_pylist())
    assert len(ids) == 120 + 100 + 100
    assert not {i for i in ids if i.startswith(("s03", "s02"))}
    assert chosen.manifest["parents"] == [again["dataset"]]

    back = seqclass_json("rollback", "toy", "--reason", "looks odd", "--root", root.path)
    assert (back["from"], back["to"]) == ("v4", "v2")
    entry = read_log(root, "toy")[-1]
    assert (entry["what"], entry["reason"]) == ("rollback", "looks odd")
    assert seqclass_json("promote", "toy@v4", "--root", root.path)["moved"]
    assert seqclass_json("verify", "--root", root.path)["bad"] == []
    assert seqclass("models", "--root", root.path)[0] == 0


def test_a_move_counts_though_no_server_hears_of_it(
    root: Root, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{free_port()}/api"
    monkeypatch.setenv("PREFECT_API_URL", url)
    with temporary_settings({PREFECT_API_URL: url}):
        tell_server(
            root, "seqclass.model.promoted", {"moved": True, "model": "models/m@v2"}, "by hand"
        )
    assert "not announced" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["plant/", "../models/m", "", ".."])
def test_what_can_t_be_a_name_has_no_versions(root: Root, name: str) -> None:
    assert model_versions(root, name) == []


def test_rollbacks_go_back_step_by_step(root: Root) -> None:
    for number in range(3):
        version = store_version(root, "m").version
        move_champion(
            next_turn(root, "m"), version, MoveReason("me", "why", {}, NOW.replace(second=number))
        )
    steps = []
    while (before := previous_champion(root, "m")) is not None:
        later = NOW + timedelta(minutes=1 + len(steps))
        move_champion(
            next_turn(root, "m"), before, MoveReason("me", "back", {}, later), what="rollback"
        )
        steps.append(before)
    assert steps == ["v2", "v1"]


@pytest.mark.parametrize(
    "wrong",
    [{"least_rows": 0}, {"debounce_s": -1}, {"window_rows": 3}, {"when": "never"},
     {"start": "cold"}, {"significance": 1}, {"approval_s": 0},
     {"approval_s": 1e12}, {"tries": 100}],
)  # fmt: skip
def test_an_impossible_spec_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected .*, got .*; correct"):
        RetrainSpec(**wrong)


@pytest.mark.system
def test_weeks_go_by_as_the_table_says(prefect: str, tmp_path: Path) -> None:
    """A poisoned batch that a person lets in and takes back, an outage with a backlog."""
    from flows.cli.simulation import simulate
    from flows.cli.simulation_spec import SimulationSpec

    store = open_root(tmp_path / "tree")
    spec = SimulationSpec("story", weeks=6, retraining=RetrainSpec(when="changed"))
    rows = list(simulate(spec, store, tmp_path))
    by_week = [(row["week"], row["event"], row["decision"]) for row in rows]
    assert (3, "rows, shuffled labels", "refused") in by_week
    assert [d for _, event, d in by_week if event == "by hand"] == ["promoted", "rolled back"]
    assert (5, "server and worker are down", "") in by_week
    backlog = [row["why"] for row in rows if row["week"] == 6]
    assert len(backlog) == 3
    assert backlog[0].startswith("neither quality nor rows have changed")
    assert all(why.startswith("the last retraining looked at") for why in backlog[1:])
    assert champion_of(store, "plant") == "v1"
    assert [row["week"] for row in rows if row.get("drifted")] == []


def test_the_spec_and_the_policy_of_the_documentation_are_ones(tmp_path: Path) -> None:
    """As the commands read them: without a field that there is not."""
    page, file = (REPOSITORY / "docs" / "lifecycle.md").read_text(), tmp_path / "shown.json"
    shown = [block.split("```")[0] for block in page.split("```json\n")[1:]]
    for kind, block in zip((RetrainSpec, ModelPolicy), shown, strict=True):
        file.write_text(block)
        assert read_spec(kind, {}, str(file)) != kind()


def test_new_rows_are_abstained_from_as_scoring_does(root: Root) -> None:
    """Rows unlike all that were seen count, too, of which the champion is sure."""
    decision = asdict(replace(LARGEST, unfamiliar=0.3))
    known = store_series(root, n=150)
    champion, _ = register(known, decision=decision)
    table = series(5000, 60)
    table = table.append_column("n_steps", pa.array([12] * len(table), pa.int32()))
    new = write_dataset(root, "new", [table], {"test": "new"}, NOW)
    answered = []
    for dataset in (known, new):
        scored = pq.read_table(score_data(root, champion.ref, dataset.ref)["out"])
        asked = _ask(champion, dataset, np.arange(len(scored))).answered
        assert asked.tolist() == pc.not_equal(scored["answer"], "unknown").to_pylist()
        answered += asked.tolist()
    assert set(answered) == {True, False}
