"""Retraining: what is promoted, what is refused and why, and that one runs at a time."""

import shutil
import threading
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

import seqclass.pipeline.decision
from seqclass.evaluation.decisions import LARGEST
from seqclass.flows.cli.command_line import read_spec
from seqclass.flows.cli.model_commands import tell_server
from seqclass.flows.cli.simulation import OPEN_DOOR, run_simulation
from seqclass.flows.cli.simulation_spec import SimulationSpec
from seqclass.inference.score_data import score_data
from seqclass.monitoring.policy import ModelPolicy
from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.pipeline import training
from seqclass.pipeline.approve import answer_question
from seqclass.pipeline.candidates import Candidate
from seqclass.pipeline.challenge import choose, choose_rows
from seqclass.pipeline.detection import detect_new_data
from seqclass.pipeline.import_files import import_files
from seqclass.pipeline.inspect_rows import _ask
from seqclass.pipeline.report import write_report
from seqclass.policies import set_policy
from seqclass.row_split import select_rows
from seqclass.screening.incoming import ImportSpec
from seqclass.store.datasets import open_dataset, write_dataset
from seqclass.store.locks import try_lock
from seqclass.store.log import read_log
from seqclass.store.models import model_versions
from seqclass.store.registry import (
    champion_of,
    open_model,
)
from seqclass.store.retrainings import commit_retraining, retrainings_of, write_suspect_labels
from seqclass.store.root import Root, open_root
from seqclass.store.rows import from_dense
from seqclass.store.staging import staging
from tests.support.places import NOW, REPOSITORY
from tests.support.servers import free_port
from tests.support.stored import DECIDED, QUICK, register, store_series
from tests.support.stored_files import undeclared


def series(first: int, n: int, shuffled: bool = False) -> pa.Table:
    """Rising and falling lines of 12 steps with noise."""
    rng = np.random.default_rng(first)
    y = np.arange(n) % 2
    line = np.linspace(-1, 1, 12, dtype=np.float32) * np.where(y, 1, -1)[:, None]
    names = np.array(["down", "up"])[rng.permutation(y) if shuffled else y]
    values = line + 0.2 * rng.standard_normal(line.shape, dtype=np.float32)
    return pa.table(
        {
            "series_id": [f"s{i:05d}" for i in range(first, first + n)],
            "label": names,
            "value": from_dense(values.astype(np.float32)),
        }
    )


def bring(root: Root, folder: Path, table: pa.Table, append: bool = True) -> None:
    path = folder / f"{table['series_id'][0].as_py()}.parquet"
    pq.write_table(table, path)
    import_files(root, "toy", ImportSpec((str(path),), policy=OPEN_DOOR, append=append))


def retrain(root: Root, others: dict[Any, Any] | None = None, **chosen: Any) -> dict[str, Any]:
    """Retrain; ``others`` take the place of steps."""
    outcome: Any = training.retrain(
        root, "toy", RetrainSpec(**chosen), lambda step: (others or {}).get(step, step)
    )
    return outcome


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A root with a champion, which learned from 120 rows."""
    folder = tmp_path_factory.mktemp("kept")
    root = open_root(folder / "tree")
    bring(root, folder, series(0, 120), append=False)
    training.train(root, "toy", spec=QUICK)
    return root


def copy_of(root: Root, folder: Path) -> Root:
    return open_root(shutil.copytree(root.path, folder / "tree"))


@pytest.fixture
def copied(kept: Root, tmp_path: Path) -> Root:
    """A copy of the root that a test may change."""
    return copy_of(kept, tmp_path)


def test_without_new_rows_or_beside_another_retraining_nothing_is_done(kept: Root) -> None:
    idle = retrain(kept)
    assert (idle["model"], idle["decision"]) == ("models/toy@v1", "nothing new")
    assert idle["reasons"][0].startswith("the champion learnt from")
    with try_lock(kept, "retraining", "models", "toy") as is_free:
        assert is_free
        second = retrain(kept)
    assert second["decision"] == "nothing new"
    assert second["reasons"][0].startswith("another retraining of this model is running")
    assert not kept.exists("retrainings")


@pytest.fixture(scope="module")
def poisoned(kept: Root, tmp_path_factory: pytest.TempPathFactory) -> tuple[Root, dict[str, Any]]:
    """Rows with shuffled labels have come and were looked at, and what that led to."""
    folder = tmp_path_factory.mktemp("poisoned")
    root = copy_of(kept, folder)
    bring(root, folder, series(3000, 120, shuffled=True))
    return root, retrain(root, when="changed")


def test_shuffled_labels_are_refused_and_left_out(
    poisoned: tuple[Root, dict[str, Any]], tmp_path: Path
) -> None:
    root, outcome = copy_of(poisoned[0], tmp_path), poisoned[1]
    assert (outcome["decision"], outcome["doubted"]) == ("refused", True)
    assert champion_of(root, "toy") == "v1"
    ids = pq.read_table(f"{outcome['folder']}/suspects.parquet")["series_id"].to_pylist()
    assert ids == [f"s{i:05d}" for i in range(3000, 3120)]
    assert undeclared(root) == []
    assert "the last retraining looked at" in retrain(root)["reasons"][0]
    trusting = new_data_of(root, RetrainSpec(trust_labels=True))
    assert (trusting.rows, trusting.waiting) == (120, None)
    wrong = correct_labels(root, tmp_path)
    assert 30 < wrong < 90
    corrected = new_data_of(root, RetrainSpec())
    assert (corrected.rows, corrected.waiting) == (wrong, None)
    assert len(corrected.doubted) == 120 - wrong


def correct_labels(root: Root, folder: Path) -> int:
    """The same rows come again under the same ids, their labels put right; how many were wrong."""
    table = pa.concat_tables(open_dataset(root, "toy").tables()).drop_columns("n_steps")
    right = pa.array([("down", "up")[i % 2] for i in range(len(table))])
    bring(root, folder, table.set_column(1, "label", right), append=False)
    return pc.sum(pc.not_equal(table["label"], right)).as_py()


def new_data_of(root: Root, spec: RetrainSpec) -> Any:
    return detect_new_data("toy", spec, datetime.now(UTC), root)


@pytest.mark.system
def test_good_rows_after_a_refusal_are_learned_without_those_that_were_doubted(
    poisoned: tuple[Root, dict[str, Any]], tmp_path: Path
) -> None:
    root = copy_of(poisoned[0], tmp_path)
    bring(root, tmp_path, series(4000, 5))
    assert "5 new rows" in retrain(root)["reasons"][0]
    bring(root, tmp_path, series(5000, 95))
    assert "debounce of 3600 s" in retrain(root, debounce_s=3600)["reasons"][0]
    outcome = retrain(root, start="warm")
    assert outcome["decision"] == "promoted"
    assert outcome["reasons"][0].startswith("not worse than champion v1: macro F1")
    champion = open_model(root, "toy")
    assert champion.manifest["spec"]["warm_start"] == "models/toy@v1"
    learned = open_dataset(root, champion.manifest["dataset"])
    ids = learned.labels()["series_id"].to_pylist()
    assert len(ids) == 120 + 100
    assert [name for name in ids if name.startswith("s03")] == []
    assert learned.manifest["parents"] == [outcome["dataset"]]
    files = {path.name for path in Path(outcome["folder"]).iterdir()}
    assert {"drift.parquet", "seen.json", "manifest.json"} <= files
    assert "value: mean" in pq.read_table(f"{outcome['folder']}/drift.parquet")["what"].to_pylist()


@pytest.mark.system
def test_a_try_that_could_not_store_its_decision_is_followed_by_one_that_decides(
    copied: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(copied, tmp_path, series(4000, 60))

    def full(*_: Any) -> str:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(seqclass.pipeline.decision, "commit_retraining", full)
        with pytest.raises(OSError, match="No space left"):
            retrain(copied)
    assert model_versions(copied, "toy") == ["v1", "v2"]
    assert retrainings_of(copied, "toy") == []
    later = datetime.now(UTC) + timedelta(minutes=1)
    outcome: Any = training.retrain(copied, "toy", RetrainSpec(), now=later)
    assert outcome["challenger"] == "models/toy@v3"
    assert champion_of(copied, "toy") == model_versions(copied, "toy")[-1] == "v3"


@pytest.mark.system
def test_a_policy_that_is_set_during_a_retraining_judges_it_and_leaves_its_training(
    copied: Root, tmp_path: Path
) -> None:
    bring(copied, tmp_path, series(6000, 60))
    limits = replace(QUICK.limits, spread=0.5)
    later = RetrainSpec(approval=True, training=replace(QUICK, seeds=2, limits=limits))

    def changing(*arguments: Any) -> str:
        set_policy(copied, "toy", ModelPolicy(later), "during the run")
        return choose_rows(*arguments)

    set_policy(copied, "toy", ModelPolicy(RetrainSpec(training=QUICK)), "before")
    outcome = retrain(copied, {choose_rows: changing})
    assert (outcome["decision"], champion_of(copied, "toy")) == ("awaits approval", "v1")
    trained = open_model(copied, "toy@v2").manifest["spec"]
    assert (trained["seeds"], trained["limits"]["spread"]) == (1, QUICK.limits.spread)


@pytest.fixture(scope="module")
def asking(kept: Root, tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A version awaits approval, and further rows have come."""
    folder = tmp_path_factory.mktemp("asking")
    root = copy_of(kept, folder)
    bring(root, folder, series(6000, 60))
    spec = RetrainSpec(approval=True, cool_down_s=0, training=QUICK)
    set_policy(root, "toy", ModelPolicy(spec), "a person decides")
    assert retrain(root)["decision"] == "awaits approval"
    bring(root, folder, series(7000, 60))
    return root


@pytest.mark.system
def test_a_version_approved_during_a_retraining_is_the_champion_it_is_compared_with(
    asking: Root, tmp_path: Path
) -> None:
    """Between comparison and decision."""
    root = copy_of(asking, tmp_path)

    def approving(*arguments: Any) -> Any:
        answer_question(root, "toy@v2", True, "looked at it")
        return write_report(*arguments)

    outcome = retrain(root, {write_report: approving})
    assert outcome["champion"] == "models/toy@v2"
    entry = read_log(root, "toy")[-1]
    assert (entry["evidence"]["champion"], entry["evidence"]["new_rows"]) == ("v2", 60)
    assert champion_of(root, "toy") == "v2"


@pytest.mark.system
def test_labels_that_are_corrected_during_a_retraining_are_learned_at_its_end(
    copied: Root, tmp_path: Path
) -> None:
    bring(copied, tmp_path, series(3000, 120, shuffled=True))
    corrections, seconds = list[int](), list[dict[str, Any]]()

    def correcting(candidate: Candidate) -> Any:
        if not corrections:
            corrections.append(correct_labels(copied, tmp_path))
            other = threading.Thread(target=lambda: seconds.append(retrain(copied)))
            other.start()
            other.join()
        return write_report(candidate)

    outcome = retrain(copied, {write_report: correcting})
    [wrong], [second] = corrections, seconds
    assert second["reasons"][0].startswith("another retraining of this model is running")
    assert (outcome["decision"], outcome["new_rows"]) == ("promoted", wrong)
    decisions = [record["decision"] for record in retrainings_of(copied, "toy")]
    assert decisions == ["refused", "promoted"]
    judged = open_model(copied, "toy").read_json("comparison.json")
    assert 0 < judged["newest"]["rows"] < wrong
    learned = open_dataset(copied, open_model(copied, "toy").manifest["dataset"])
    assert learned.manifest["n_series"] == 120 + wrong


def test_where_every_new_row_is_doubted_nothing_is_new(copied: Root, tmp_path: Path) -> None:
    """A retraining that was overtaken has doubted rows, and they are looked at again."""
    bring(copied, tmp_path, series(3000, 120, shuffled=True))
    latest = open_dataset(copied, "toy")
    labels = latest.labels()["label"].to_pylist()[120:]
    pairs = [(f"s{i:05d}", label) for i, label in enumerate(labels, 3000)]
    with staging(copied, "retraining-toy") as folder:
        copied.fs.makedirs(folder, exist_ok=True)
        write_suspect_labels(copied, folder, pairs)
        record = {**DECIDED, "dataset": latest.ref, "settled": False}
        commit_retraining(copied, folder, "toy", record, NOW)
    outcome = retrain(copied)
    assert outcome["decision"] == "nothing new"
    assert outcome["reasons"][0].startswith(f"0 new rows in {latest.ref}, fewer than the 20 worth")
    assert "120 with doubted labels don't count" in outcome["reasons"][0]


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
        for chosen in [select_rows(dataset, QUICK)]
    )
    assert len(tested) > 10
    assert not tested & (learned[0] | learned[1])


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


@pytest.mark.parametrize(
    "wrong", [{"least_rows": 0}, {"when": "never"}, {"significance": 1}, {"approval_s": 1e12}]
)
def test_an_impossible_spec_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"expected .*, got .*; (correct|choose)"):
        RetrainSpec(**wrong)


@pytest.mark.system
def test_weeks_go_by_as_the_table_says(prefect: str, tmp_path: Path) -> None:
    """A poisoned batch that a person lets in and takes back, an outage with a backlog."""
    store = open_root(tmp_path / "tree")
    spec = SimulationSpec("story", weeks=6, retraining=RetrainSpec(when="changed"))
    rows = list(run_simulation(spec, store, tmp_path))
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
    seen = store_series(root, n=90)
    champion, _ = register(seen, decision=decision)
    table = series(5000, 60)
    table = table.append_column("n_steps", pa.array([12] * len(table), pa.int32()))
    new = write_dataset(root, "new", [table], {"test": "new"}, NOW)
    answered = []
    for dataset in (seen, new):
        scored = pq.read_table(score_data(root, champion.ref, dataset.ref)["out"])
        asked = _ask(champion, dataset, np.arange(len(scored))).answered
        assert asked.tolist() == pc.not_equal(scored["answer"], "unknown").to_pylist()
        answered += asked.tolist()
    assert set(answered) == {True, False}
