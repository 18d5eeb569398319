"""Recordings through the commands: a dataset with its pages, and what is asked for."""

import json
from pathlib import Path

import pytest
import soundfile

from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import open_dataset, recordings_folder
from seqclass.store.root import Root
from tests.support.commands import Command
from tests.support.singers import RATE, song


@pytest.fixture(scope="module")
def concerts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("concerts")
    for number, tonic_hz in enumerate((140.0, 150.0, 160.0)):
        soundfile.write(folder / f"s{number}.flac", song(12.0, tonic_hz), RATE)
    (folder / "labels.csv").write_text("file,label\ns0.flac,Sri\ns1.flac,Sri\ns2.flac,Revati\n")
    return folder


def test_a_folder_of_recordings_with_labels_is_a_dataset_with_pages(
    seqclass: Command, concerts: Path, root: Root
) -> None:
    labels = str(concerts / "labels.csv")
    code, out, err = seqclass(
        "import", str(concerts), "--labels", labels, "--name", "songs", "--window-seconds", "4",
        "--json",
    )  # fmt: skip
    assert code == 0, err
    imported = json.loads(out)
    assert imported["channels"] == ["cents"]
    assert [recording["file"] for recording in imported["recordings"]] == [
        "s0.flac",
        "s1.flac",
        "s2.flac",
    ]
    assert all(len(recording["candidates"]) > 1 for recording in imported["recordings"])
    dataset = open_dataset(root, "songs")
    assert dataset.manifest["recordings"] == imported["recordings"]
    assert dataset.manifest["classes"] == {"Revati": 3, "Sri": 6}
    page = root.fs.cat_file(
        f"{recordings_folder(root, 'songs')}/{imported['recordings'][0]['page']}.html"
    ).decode()
    assert "data:audio/mpeg;base64," in page
    assert "s0.flac" in root.fs.cat_file(root.join("datasets/songs/index.html")).decode()
    assert verify_tree(root)["bad"] == []
