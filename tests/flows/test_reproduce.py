"""Reproduction: the same bits again, or the first thing that differs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqclass.networks.architecture import Architecture
from seqclass.pipeline.generate import generate_dataset
from seqclass.pipeline.training import train
from seqclass.store.models import load_keras, save_keras
from seqclass.store.root import (
    MANIFEST,
    Record,
    Root,
    describe_file,
    open_root,
    read_manifest,
    write_manifest,
)
from seqclass.synthesis.signals import SignalSpec
from seqclass.training.recipe import Recipe
from seqclass.training.spec import TrainingSpec
from tests.support.commands import Command
from tests.support.stored import register_again

ONE_SEED = TrainingSpec(
    seeds=1,
    members=("conv-lstm",),
    networks={"conv-lstm": 1},
    recipe=Recipe(updates=100, epochs=1, shortest=50, restarts=0),
    architecture=Architecture(filters=8, units=8),
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = open_root(tmp_path_factory.mktemp("original"))
    generate_dataset("signals", SignalSpec(n_series=90, n_steps=30), "toy", root)
    train(root, "toy", spec=ONE_SEED)
    return Path(root.path)


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Root:
    shutil.copytree(original, tmp_path / "copy")
    return open_root(tmp_path / "copy")


def reseal(root: Root, folder: Path, change: Callable[[dict], object]) -> None:
    """What a careful forger would do: alter a manifest and seal it again."""
    manifest = read_manifest(root, str(folder), Record)
    change(manifest)
    (folder / MANIFEST).unlink()
    write_manifest(root, str(folder), manifest)
    if folder.parts[-3] == "models":
        register_again(root, folder.parent.name, folder.name)


def reseal_file(root: Root, folder: Path, name: str) -> None:
    def change(manifest: dict) -> None:
        others = [f for f in manifest["files"] if f["path"] != name]
        manifest["files"] = [*others, describe_file(root, str(folder), name)]

    reseal(root, folder, change)


def version_folder(root: Root) -> Path:
    return Path(root.join("models", "toy", "v1"))


def dataset_part(root: Root) -> Path:
    return next(Path(root.path).glob("datasets/toy/*/part-00000.parquet"))


def damage_row(root: Root) -> None:
    content = bytearray(dataset_part(root).read_bytes())
    content[200] ^= 1
    dataset_part(root).write_bytes(content)


def forge_row(root: Root) -> None:
    def change(manifest: dict) -> None:
        manifest["digest"] = "0" * 64

    reseal(root, dataset_part(root).parent, change)


def forge_weight(root: Root) -> None:
    path = root.join("models", "toy", "v1", "model.keras")
    model = load_keras(root, path)
    weights = model.get_weights()
    weights[3].flat[0] = np.nextafter(weights[3].flat[0], np.float32(9))
    model.set_weights(weights)
    save_keras(model, root, path)
    reseal_file(root, version_folder(root), "model.keras")


def forge_spec(root: Root) -> None:
    def change(manifest: dict) -> None:
        manifest["spec"]["architecture"]["dropout"] = 0.3

    reseal(root, version_folder(root), change)


def test_a_model_is_reproduced_to_the_bit_though_its_generated_dataset_is_lost(
    copy: Root, seqclass: Command
) -> None:
    shutil.rmtree(copy.join("datasets"))
    code, out, err = seqclass("reproduce", "toy@v1", "--root", copy.path, "--json")
    assert code == 0, err
    assert json.loads(out) == {
        "model": "models/toy@v1",
        "verdict": "identical",
        "first_difference": None,
        "changed_fingerprint": [],
    }


@pytest.mark.parametrize(
    ("alter", "says"),
    [
        (damage_row, "part-00000.parquet: expected SHA-256"),
        (forge_row, "expected the digest that the model's manifest names"),
        (forge_weight, "model.keras holds other weights than were recorded"),
        pytest.param(forge_spec, "weights of seed", marks=pytest.mark.system),
    ],
)
def test_what_was_altered_is_named(
    copy: Root, seqclass: Command, alter: Callable[[Root], None], says: str
) -> None:
    alter(copy)
    code, out, _ = seqclass("reproduce", "toy@v1", "--root", copy.path, "--json")
    result = json.loads(out)
    assert (code, result["verdict"]) == (1, "different")
    assert says in result["first_difference"]


def test_another_fingerprint_excuses_what_is_small(copy: Root, seqclass: Command) -> None:
    def change(manifest: dict) -> None:
        manifest["machine"]["cpu"] = "another"
        manifest["spec"]["recipe"]["learning_rate"] *= 1 + 1e-6

    reseal(copy, version_folder(copy), change)
    code, out, _ = seqclass("reproduce", "toy@v1", "--root", copy.path, "--json")
    result = json.loads(out)
    assert (code, result["verdict"], result["changed_fingerprint"]) == (0, "equivalent", ["cpu"])
    assert "weights of seed" in result["first_difference"]
