"""The same store on a real S3 endpoint (moto's server on loopback)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier

import pytest
from conftest import NOW, free_port, store_series

from storage.catalogue import list_datasets, list_models, verify_tree, write_index
from storage.claims import check_claim, claimed, in_turn
from storage.datasets import open_dataset
from storage.models import commit_model
from storage.registry import champion_of, move_champion
from storage.root import Root, open_root, replace_file, staging, sweep


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", free_port())
    server.start()
    yield f"http://127.0.0.1:{server._port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> Root:
    import s3fs

    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{abs(hash(str(tmp_path))) % 10**9}"
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir(name)
    return open_root(f"s3://{name}/tree")


def test_datasets_are_written_once_and_read_back(bucket: Root) -> None:
    stored = store_series(bucket)
    assert store_series(bucket).ref == stored.ref
    assert open_dataset(bucket, "toy").values().shape == (60, 12, 1)
    assert [m["version"] for m in list_datasets(bucket)] == [stored.manifest["version"]]
    assert bucket.fs.find(bucket.join(".staging")) == []


def test_the_version_is_the_same_as_on_disk(bucket: Root, root: Root) -> None:
    assert store_series(bucket).manifest["files"] == store_series(root).manifest["files"]


def test_models_are_numbered_and_the_champion_moves(bucket: Root) -> None:
    for number in (1, 2):
        with staging(bucket, "model") as workspace:
            bucket.fs.pipe_file(f"{workspace}/metrics.json", b"{}")
            model = commit_model(bucket, workspace, "toy", {}, NOW)
        assert model.version == f"v{number}"
        move_champion(bucket, "toy", model.version, "me", "why", {}, NOW.replace(second=number))
    assert champion_of(bucket, "toy") == "v2"
    assert [m["champion"] for m in list_models(bucket)] == [False, True]


def test_damage_is_found_and_leftovers_of_others_stay(bucket: Root) -> None:
    stored = store_series(bucket)
    bucket.fs.pipe_file(f"{stored.folder}/part-00000.parquet", b"other")
    bucket.fs.pipe_file(bucket.join("datasets", "toy", "0" * 16, "part-00000.parquet"), b"half")
    assert len(verify_tree(bucket)["bad"]) == 1
    assert sweep(bucket) == []


def test_the_catalogue_is_written(bucket: Root) -> None:
    store_series(bucket)
    replace_file(bucket, bucket.join("index.html"), b"old")
    assert b"toy@" in bucket.fs.cat_file(write_index(bucket))


def test_a_claim_left_behind_is_overtaken_and_its_late_holder_does_no_harm(
    bucket: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ("retraining", "models", "toy")
    with claimed(bucket, *wanted) as late:
        assert late is not None
        check_claim(bucket, late)
        with claimed(bucket, *wanted) as other:
            assert other is None
        with monkeypatch.context() as later:
            later.setattr("storage.claims.CLAIM_AGE_S", -3600)
            holder = claimed(bucket, *wanted)
            own = holder.__enter__()
        assert own is not None
        with pytest.raises(ValueError, match="another run has taken it over"):
            check_claim(bucket, late)
    check_claim(bucket, own)
    with claimed(bucket, *wanted) as third:
        assert third is None
    holder.__exit__(None, None, None)
    with claimed(bucket, *wanted) as third:
        assert third is not None
        check_claim(bucket, third)


def test_of_those_who_overtake_a_claim_one_wins(
    bucket: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = ("retraining", "models", "toy")
    with claimed(bucket, *wanted), ExitStack() as all_of_them:
        barrier = Barrier(4)
        monkeypatch.setattr("storage.claims._is_free", lambda *_: bool(barrier.wait(30) + 1))
        with ThreadPoolExecutor(4) as pool:
            claims = [claimed(bucket, *wanted) for _ in range(4)]
            won = list(pool.map(all_of_them.enter_context, claims))
    assert sum(own is not None for own in won) == 1


def test_who_meets_another_is_heard(bucket: Root) -> None:
    folder, seen = ("models", "toy"), list[str]()

    def work(own: str) -> None:
        seen.append(own)
        if len(seen) == 1:
            assert in_turn(bucket, "retraining", folder, work) == []

    in_turn(bucket, "retraining", folder, work)
    assert len(seen) == 2


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_classifier_is_trained_from_and_into_a_bucket(bucket: Root, prefect: str) -> None:
    from flows.training import train_classifier
    from tasks.learning.spec import TrainingSpec
    from tasks.workers import workers

    workers.cache_clear()  # worker processes know the bucket from the environment they began in
    store_series(bucket)
    outcome = train_classifier(
        "toy", spec=TrainingSpec(seeds=1, members=("convolutions",)), root=bucket.url
    )
    assert outcome["promoted"]
    workers.cache_clear()
    assert verify_tree(bucket)["bad"] == []
    assert any(path.endswith("report.html") for path in bucket.fs.find(bucket.path))
