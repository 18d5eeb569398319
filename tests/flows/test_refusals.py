"""Questions are answered before anything starts: what can be refused by reading is refused without
importing Prefect, its server or TensorFlow."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from seqclass.store.formats.isolated import preview
from seqclass.store.root import open_root
from tests.support.commands import CSV
from tests.support.places import REPOSITORY
from tests.support.stored import store_champion, store_series, store_version

ASKED = """
import contextlib, io, json, os, sys

class Closed:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("prefect", "tensorflow", "keras"):
            raise AssertionError(f"{name} is imported")

sys.meta_path.insert(0, Closed())
from flows import __main__ as seqclass

told = []
for folder, words in json.load(sys.stdin):
    os.chdir(folder)
    sys.argv = ["seqclass", *words]
    err, out = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):
        code = seqclass._guarded(lambda: seqclass.app(prog_name="seqclass", standalone_mode=False))
    told.append([code, err.getvalue(), out.getvalue()])
json.dump(told, sys.stdout)
"""
"""Runs commands one after the other in a process that can't import what is heavy."""

REFUSED = {
    "policy m --set bad.json": "field retraining.gate.flor",
    "policy m --set none.json": "No such file",
    "policy m --set torn.json": "--set torn.json: expected",
    "policy m --set good.json --clear": "--set, --clear, --pause, --resume: expected at most one",
    "policy x": "MODEL: expected one of",
    "policy m@v1 --clear": "MODEL: expected a name without a version",
    "import one.csv --name new": "PATH: expected at least 3 series of at least 2 classes",
    "import holes.csv --name new": "PATH: expected numbers, got no value in x",
    "import none.csv --name new": "PATH: expected an existing file",
    "import bad.json --name new": "PATH: expected a file ending in",
    "import good.csv --name a/b": "--name: expected 1 to 64 letters",
    "import good.csv --name new --policy x=y": "--policy: expected KIND=ACTION",
    "import good.csv --name new --limit x=1": "limit",
    "import good.csv --name new --append": "--append: expected a dataset 'new'",
    "import good.csv --name toy": "expected the columns series_id, label, n_steps, value",
    "import good.csv --name toy --append": "expected the columns series_id, label, n_steps, value",
    "import text.csv --name new": "text.csv: expected a number in column 'value'",
    "import unknown.csv --name new": "column 'label': expected another name, got 'unknown'",
    "import good.csv --name new --test good.csv": "--policy duplicate_id",
    "import good.csv --name new --labels none.csv": "--labels: expected an existing file",
    "import good.csv --name new --labels good.csv": "expected the columns file,label",
    "import good.csv --name new --labels songs.csv": "--labels: expected files among",
    "import good.csv --name new --labels songs.csv --label a": "--label: expected it or --labels",
    "import good.csv --name new --labels low.csv": "--labels, row 2: expected a file, a label",
    "import good.csv --name new --tonic-hz 5": "--tonic-hz: expected a number from 30 to 1000",
    "import good.csv --name new --rate-hz 0": "--rate-hz: expected a number",
    "import good.csv --name new --window-seconds 0": "--window-seconds: expected a number",
    "import text.wav --name new": "text.wav: expected a .wav file, got text",
    "import void.wav --name new": "void.wav: expected a recording, got an empty file",
    "delete x": "REF: expected a version as NAME@vN or NAME@DIGEST",
    "delete x@y": "expected",
    "delete models/m@v1": "REF: expected what nothing needs",
    "delete models/m@v9": "MODEL: expected one of",
    "rename x y": "REF: expected a model or dataset",
    "rename toy a/b": "NEW: expected 1 to 64 letters",
    "rename toy toy": "NEW: expected a name that nothing has or had",
    "rename toy other": "in use by models/c@v1, models/m@v1",
    "train none": "DATASET: expected one of",
    "train good.csv": "DATASET: expected a dataset, got the file 'good.csv'",
    "train 'my songs.csv'": "DATASET: expected a dataset, got the file 'my songs.csv'",
    "train toy --spec fields.json": "expected fields out of seeds",
    "train toy --auxiliary none": "auxiliary: expected one of",
    "train toy --auxiliary toy": "auxiliary: expected another dataset than",
    "train toy --goal f1": "goal: expected macro_f1, accuracy, balanced_accuracy, or costs",
    "train toy --goal one.csv": "--goal one.csv: expected 3 numbers in the row of",
    "train toy --goal none.csv": "No such file",
    "train toy --max-error 1": "max_error: expected a number of at least 0 and below 1",
    "train toy --name a/b": "--name: expected 1 to 64 letters",
    "train toy --budget 0": "--budget: expected seconds above 0",
    "train toy --runner http://h:1": "--runner: expected dask://HOST:PORT",
    "score m toy --runner dask://h": "--runner: expected dask://HOST:PORT",
    "run --name a/b": "--name: expected 1 to 64 letters",
    "run --seeds 0": "seeds: expected a whole number",
    "run --preset x": "--preset: expected one of",
    "generate signals --name a/b": "--name: expected 1 to 64 letters",
    "generate iot --n-channels 0": "n_channels: expected",
    "generate ragas --name a/b": "--name: expected 1 to 64 letters",
    "stability none": "DATASET: expected one of",
    "stability toy --recipes fields.json": "expected fields out of seeds",
    "score n toy": "MODEL: expected a model with a champion",
    "score x toy": "MODEL: expected one of",
    "score m none": "DATASET: expected one of",
    "score m text.csv": "text.csv: expected a number in column 'value'",
    "score m good.csv": "good.csv: expected the channels value of models/m@v1, got no value",
    "score m none.csv": "DATASET: expected an existing file",
    "score m toy --out answers.txt": "--out: expected a name ending in",
    "score m toy --out good.csv/answers.csv": "--out: expected a file in a folder",
    "score m toy --out .": "--out: expected a file in a folder",
    "score m toy --out nowhere/a.csv": "--out: expected a file in a folder that is there",
    "score m toy --labels none.csv": "--labels: expected an existing file",
    "score m toy --labels songs.csv": "songs.csv: expected the columns series_id and label",
    "score m toy --labels wide.csv": "wide.csv: expected at most 4,096 channels, got",
    "serve x": "MODEL: expected one of",
    "serve m --host 0.0.0.0 --no-token": "--no-token: expected it with a --host of this machine",
    "serve m --no-token --token-file t": "--no-token: expected it without --token-file",
    "serve m --limit x=1": "--limit: expected NAME=NUMBER with a name out of body_bytes",
    "serve m --token-file none.txt": "none.txt: No such file",
    "serve m --token-file torn.json": "--token-file: expected",
    "serve m --port 99999": "--host, --port: expected an address of this machine",
    "serve m --host nowhere.invalid": "--host, --port: expected an address of this machine",
    "export x --to onnx --out new": "MODEL: expected one of",
    "export m --to tflite --out new": "--to: expected one of onnx, mlflow, savedmodel",
    "export m --to savedmodel --out good.csv": "--out: expected a new folder",
    "export m --to savedmodel --out none/new": "--out: expected a folder in one that exists",
    "queue x --out q.csv": "MODEL: expected one of",
    "queue m --out q.txt": "--out: expected a name ending in .csv or .json",
    "queue m --out good.csv/q.csv": "--out: expected a file in a folder",
    "queue m --out q.csv --limit 0": "--limit: expected a number from 1 on",
    "label x good.csv": "MODEL: expected one of",
    "label m none.csv": "ANSWERS: expected an existing file",
    "label m none.txt": "ANSWERS: expected a file ending in",
    "label m good.csv": "ANSWERS: expected ids of the dataset, got 's0'",
    "label m good.json": "good.json: expected the JSON that Label Studio exports",
    "label m torn.json": "torn.json: expected the JSON that Label Studio exports",
    "label m deep.json": "deep.json: expected the JSON that Label Studio exports",
    "label m wide.csv": "wide.csv: expected at most 4,096 channels, got",
    "retrain n": "MODEL: expected a model with a champion",
    "retrain x": "MODEL: expected one of",
    "retrain m --spec fields.json": "expected fields out of least_rows",
    "retrain m --window-rows 0": "window_rows",
    "promote m": "MODEL: expected a version to promote",
    "promote m@v9": "MODEL: expected one of",
    "rollback x": "MODEL: expected one of",
    "reproduce x": "MODEL: expected one of",
    "simulate --weeks 0": "--weeks: expected a whole number",
    "vote x toy": "MODEL: expected one of",
    "vote m none": "DATASET: expected one of",
    "vote m toy --agreement 2": "agreement: expected",
    "vote m toy --sets torn.json": "--sets torn.json: expected",
    "name-raga text.wav --model m": "MODEL: expected one that was trained on contours",
    "name-raga text.wav --model x": "MODEL: expected one of",
    "name-raga text.wav --model c": "PATH: expected a recording",
    "name-raga none.wav --model c": "PATH: expected a recording",
    "name-raga text.wav --model c --tonic-hz 0": "--tonic-hz: expected a number from 30",
    "listen toy --out heard": "DATASET: expected melodies",
    "listen none --out heard": "DATASET: expected one of",
    "ingest none": "DATASET: expected one of",
    "ingest toy --policy x=y": "--policy: expected KIND=ACTION",
    "models --root none": "--root: expected a storage root that is there",
    "--json models": "No such option",
    "predict x toy": "MODEL: expected one of",
    "predictt m toy": "No such command",
    "show studies/x": "expected",
    "compare m@v1 x": "expected",
    "history m@v1": "MODEL: expected a name without a version",
    "verify x": "expected",
    "ingest --inbox here": "DATASET: expected a name",
}


HOLES = re.sub(r",\d+$", ",", CSV, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a root, and files that can't be meant."""
    found = tmp_path_factory.mktemp("asked")
    root = open_root(found / "root")
    dataset = store_series(root, "toy")
    known = {"dataset": dataset.ref, "classes": ["down", "up"], "channels": ["value"], "spec": {}}
    store_champion(root, "m", **known)
    store_version(root, "n", **known)
    store_champion(root, "c", **{**known, "channels": ["cents"]})
    text = CSV.replace("\ns0,a,0,0", "\ns0,a,0,high")
    files = {
        "bad.json": '{"retraining": {"gate": {"flor": 0.9}}}', "fields.json": '{"seedz": 5}',
        "torn.json": "{", "good.json": "{}", "good.csv": CSV, "one.csv": CSV.replace(",b,", ",a,"),
        "text.csv": text.replace("step,x", "step,value"),
        "my songs.csv": CSV, "holes.csv": HOLES,
        "songs.csv": "file,label\na.wav,x\n", "low.csv": "file,label,tonic_hz\na.wav,x,3\n",
        "text.wav": "no sound\n", "void.wav": "",
        "unknown.csv": CSV.replace(",b,", ",unknown,"), "deep.json": "[" * 100_000,
        "wide.csv": f"series_id,label,{','.join(f'c{k}' for k in range(10_000))}\n",
    }  # fmt: skip
    for name, content in files.items():
        (found / name).write_text(content)
    return found


def ask(asked: list[tuple[Path, list[str]]]) -> list[tuple[int, str, str]]:
    """Code, errors and output of each command in its folder, asked in one process."""
    done = subprocess.run(
        [sys.executable, "-c", ASKED], input=json.dumps(asked, default=str), text=True,
        capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "SEQCLASS_STORAGE": "root"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [tuple(own) for own in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, tuple[int, str, str]]:
    """Code, errors and output of each refused command."""
    return dict(zip(REFUSED, ask([(folder, shlex.split(own)) for own in REFUSED]), strict=True))


@pytest.mark.parametrize("command", REFUSED)
def test_a_refusal_starts_nothing(command: str, told: dict[str, tuple[int, str, str]]) -> None:
    code, err, _ = told[command]
    assert (code, err.count("\n")) == (2, 1), err
    assert REFUSED[command] in err


def test_with_json_a_refusal_is_json_too(folder: Path) -> None:
    [(code, err, out)] = ask([(folder, ["show", "none", "--json"])])
    refusal = json.loads(out)
    assert (code, refusal["exit_code"]) == (2, 2)
    assert err == f"seqclass: {refusal['error']}\n"


def test_of_a_large_file_the_beginning_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqclass.store.formats import ColumnNames, Limits

    path = folder / "long.csv"
    path.write_text("series_id,label,step,x\n" + "".join(
        f"s{i},{'ab'[i % 2]},{t},{t}\n" for i in range(3000) for t in range(5)))  # fmt: skip
    seen = [len(table) for _, table in preview([str(path)], ColumnNames(), False, Limits())]
    assert sum(seen) == 3000
    monkeypatch.setattr("seqclass.store.formats.isolated.SMALL_BYTES", 10)
    begun = [len(table) for _, table in preview([str(path)], ColumnNames(), False, Limits())]
    assert begun == seen[:1]
