"""Questions are answered before anything starts: what can be refused by reading is refused without
importing Prefect, its server or TensorFlow."""

import json
import os
import re
import shlex
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.store.root import open_root
from tests.support.commands import CSV, in_python
from tests.support.places import REPOSITORY
from tests.support.stored import store_champion, store_series, store_version

ASKED = """
import contextlib, io, json, sys

class Closed:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("prefect", "tensorflow", "keras"):
            raise AssertionError(f"{name} is imported")

sys.meta_path.insert(0, Closed())
from seqclass.flows import __main__ as seqclass

answers = []
for words in json.load(sys.stdin):
    sys.argv = ["seqclass", *words]
    err, out = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):
        code = seqclass._guarded(lambda: seqclass.app(prog_name="seqclass", standalone_mode=False))
    answers.append([code, err.getvalue(), out.getvalue()])
json.dump(answers, sys.stdout)
"""
"""Runs commands one after the other in a process that can't import what is heavy."""

REFUSED = {
    "trian toy": "No such command",
    "histroy m": "Did you mean 'history'",
    "--root here models": "before the command; write options behind it",
    "models --colour": "No such option",
    "models --root none": "--root: expected a storage root that is there",
    "prune --root none": "--root: expected a storage root that is there",
    "generate signals --root good.csv/tree": "storage root: expected a folder that can be made",
    "generate signals --root nosuch://x/y": "storage root: expected",
    "generate signals --n-series -3": "--n-series: expected a whole number of at least 1, got -3",
    "generate signals --n-steps 12": "burst_steps: expected",
    "generate signals --classes burst,trend": "--classes: expected",
    "generate signals --weights 1,x": "--weights: expected",
    "generate iot --n-channels 0": "--n-channels: expected",
    "generate iot --n-steps 30..": "-steps: expected",
    "generate ragas --ragas Mohannam2": "did you mean 'Mohanam'",
    "generate ragas --ragas no-svara.toml": "raga Hamsanada: there is no svara 'N9'",
    "generate ragas --ragas torn.json": "--ragas torn.json: expected JSON",
    "generate ragas --ragas none.toml": "existing file",
    "generate ragas --ragas text.wav": "ends in .toml or .json",
    "generate ragas --n-notes 'a lot'": "--n-notes: expected a whole number",
    "generate ragas --tonic-hz 1,2,3": "--tonic-hz: expected one number or lowest,highest",
    "generate ragas --transpose inf": "--transpose: expected whole semitones, got 'inf'",
    "generate ragas --transpose 1e30": "--transpose: expected at most 60 semitones up or down",
    "generate ragas --name a/b": "--name: expected 1 to 64 letters",
    "run --seeds 0": "--seeds: expected a number of at least 1",
    "run --preset x": "--preset: expected one of author, hard",
    "inspect log.csv": "--series-id-column",
    "inspect log.csv {columns}": "--ignore note",
    "inspect log.csv {columns} --ignore nte": "correct --ignore",
    "inspect log.csv --dates d/m": "--dates: expected one of dd/mm/yyyy",
    "inspect log.csv --encoding klingon": "--encoding: expected a name such as utf-8",
    "inspect log.csv --delimiter ::": "--delimiter: expected one sign",
    "inspect good.csv --test none.csv": "--test: expected an existing file or folder",
    "import one.csv --name new": "PATH: expected at least 3 series of at least 2 classes",
    "import holes.csv --name new": "PATH: expected numbers, got no value in x",
    "import bad.json --name new": "PATH: expected a file ending in",
    "import empty --name new": "a folder with",
    "import good.csv": "Missing option '--name'",
    "import good.csv --name a/b": "--name: expected 1 to 64 letters",
    "import good.csv --name new --policy x=y": "--policy: expected KIND=ACTION",
    "import good.csv --name new --append": "--append: expected a dataset 'new'",
    "import good.csv --name toy --append": "expected the columns series_id, label, value",
    "import text.csv --name new": "text.csv: expected a number in column 'value', got 'high'",
    "import unknown.csv --name new": "column 'label': expected another name, got 'unknown'",
    "import good.csv --name new --test good.csv": "--policy duplicate_id",
    "import good.csv --name new --labels none.csv": "--labels: expected an existing file",
    "import good.csv --name new --labels good.csv": "expected the columns file,label",
    "import good.csv --name new --labels songs.csv": "--labels: expected files among",
    "import good.csv --name new --labels songs.csv --label a": "--label: expected it or --labels",
    "import good.csv --name new --labels low.csv": "--labels, row 2: expected a file, a label",
    "import good.csv --name new --tonic-hz 5": "--tonic-hz: expected a number from 30 to 1000",
    "import good.csv --name new --window-seconds 0": "--window-seconds: expected a number",
    "import text.wav --name new": "text.wav: expected a .wav file, got text",
    "import void.wav --name new": "void.wav: expected a recording, got an empty file",
    "delete x": "REF: expected a version as NAME@vN or NAME@DIGEST",
    "delete models/m@v1": "REF: expected what nothing needs",
    "delete models/m@v9": "MODEL: expected one of",
    "rename toy a/b": "NEW: expected 1 to 64 letters",
    "rename toy toy": "NEW: expected a name that nothing has or had",
    "rename toy other": "in use by models/c@v1, models/m@v1",
    "ingest none": "DATASET: expected one of",
    "ingest --inbox here": "DATASET: expected a name",
    "train none": "DATASET: expected one of",
    "train 'my songs.csv'": "DATASET: expected a dataset, got the file 'my songs.csv'",
    "train damaged": "part-00000.parquet: expected SHA-256",
    "train one-class": "at least 2 classes",
    "train few": "at least 3",
    "train unseen": "'c' in test rows only",
    "train untested": "labelled rows with split 'test'",
    "train both-sides": "every group on one side",
    "train lone-groups": "groups: expected every class in more than one group",
    "train two-groups": "expected enough groups to keep some of them for testing",
    "train toy --spec fields.json": "expected fields out of seeds",
    "train toy --spec rate.json": "recipe.rate",
    "train toy --spec spread.json": "spread: expected",
    "train toy --seeds 0 --budget 60": "--seeds: expected a number of at least 1, got 0",
    "train toy --first-seed 5000000000": "--first-seed: expected",
    "train toy --auxiliary none": "--auxiliary: expected one of",
    "train toy --auxiliary toy": "--auxiliary: expected another dataset than",
    "train toy --goal f1": "--goal: expected macro_f1, accuracy, balanced_accuracy, or costs",
    "train toy --goal one.csv": "--goal one.csv: expected 3 numbers in the row of",
    "train toy --max-error 1": "--max-error: expected a number of at least 0 and below 1",
    "train toy --budget 0": "--budget: expected seconds above 0",
    "train toy --runner http://h:1": "--runner: expected dask://HOST:PORT",
    "stability toy --seeds 0": "--seeds: expected a number of at least 1, got 0",
    "stability toy --architectures gru": "--architectures: expected some of conv-lstm, bilstm",
    "stability toy --architectures lstm,lstm": "different architectures",
    "stability toy --recipes default,default": "--recipes: expected different names",
    "stability toy --recipes ,": "expected at least one recipe",
    "score m@v9 toy": "MODEL: expected one of c@v1, m@v1",
    "score m text.csv": "text.csv: expected a number in column 'value'",
    "score m good.csv": "good.csv: expected the channels value of models/m@v1, got no value",
    "score m none.csv": "DATASET: expected an existing file",
    "score m empty": "write ./empty for the folder",
    "score m toy --out answers.txt": "--out: expected a name ending in",
    "score m toy --out nowhere/a.csv": "--out: expected a file in a folder that is there",
    "score m toy --out - --json": "--out: expected a file beside --json",
    "score m toy --limit rows=1": "--limit: expected NAME=NUMBER with a name out of",
    "score m toy --labels songs.csv": "songs.csv: expected the columns series_id and label",
    "score m toy --labels wide.csv": "wide.csv: expected at most 4,096 channels, got",
    "serve x": "MODEL: expected one of",
    "serve m --host 0.0.0.0 --no-token": "--no-token: expected it with a --host of this machine",
    "serve m --no-token --token-file t": "--no-token: expected it without --token-file",
    "serve m --limit x=1": "--limit: expected NAME=NUMBER with a name out of body_bytes",
    "serve m --token-file none.txt": "none.txt: No such file",
    "serve m --token-file torn.json": "--token-file: expected",
    "serve m --port 99999": "--host, --port: expected an address of this machine",
    "export x --to onnx --out new": "MODEL: expected one of",
    "export m --to tflite --out new": "--to: expected one of onnx, mlflow, savedmodel",
    "export m --to onnx --out root/models/m/v1": "--out: expected a place that the store",
    "export m --to savedmodel --out none/new": "--out: expected a folder in one that exists",
    "queue x --out q.csv": "MODEL: expected one of",
    "queue m --out q.txt": "--out: expected a name ending in .csv or .json",
    "queue m --out q.csv --limit 0": "--limit: expected a number from 1 on",
    "label x good.csv": "MODEL: expected one of",
    "label m none.txt": "ANSWERS: expected a file ending in",
    "label m good.csv": "ANSWERS: expected ids of the dataset, got 's0'",
    "label m good.json": "good.json: expected the JSON that Label Studio exports",
    "retrain n": "MODEL: expected a model with a champion",
    "retrain x": "MODEL: expected one of",
    "retrain m --spec fields.json": "expected fields out of least_rows",
    "retrain m --window-rows 0": "--window-rows: expected at least 10",
    "policy x": "MODEL: expected one of",
    "policy m@v1 --clear": "MODEL: expected a name without a version",
    "policy m --set bad.json": "field retraining.gate.flor",
    "policy m --set floor.json": "floor: expected a number from 0 to 1, got 2",
    "policy m --set pins.json": "pins: expected versions of m (v1), got 'v77'",
    "policy m --set good.json --clear": "--set, --clear, --pause, --resume: expected at most one",
    "approve m@v1 --reason x": "MODEL: expected a version that awaits approval",
    "approve m@v1": "Missing option '--reason'",
    "decline x@v1 --reason x": "MODEL: expected one of",
    "promote m": "MODEL: expected a version to promote, NAME@vN, got 'm'",
    "promote m@v9": "MODEL: expected one of",
    "rollback x": "MODEL: expected one of",
    "rollback m@v1": "expected a name without a version",
    "reproduce x": "MODEL: expected one of",
    "simulate --scenario x": "--scenario: expected one of stable",
    "simulate --weeks 0": "--weeks: expected a number of at least 1, got 0",
    "vote x toy": "MODEL: expected one of",
    "vote m none": "DATASET: expected one of",
    "vote m toy --window 1": "window: expected",
    "vote m toy --agreement 2": "agreement: expected",
    "vote m toy --sets lone.json": "at least two",
    "vote m toy --sets strange.json": "'left'",
    "name-raga text.wav --model m": "MODEL: expected one that was trained on contours",
    "name-raga text.wav --model c": "PATH: expected a recording",
    "name-raga none.wav --model c": "PATH: expected a recording",
    "listen toy --out heard": "DATASET: expected melodies",
    "show nope": "NAME: expected a model (",
    "show tyo": "did you mean 'toy'?",
    "show toy --series nope": "--series: expected an id of datasets/toy@",
    "show m --series s001": "--series: expected a dataset, got 'm'",
    "show toy --wrong": "--wrong: expected a model, got 'toy'",
    "show toy --wrong --series s001": "--series: expected it without --wrong",
    "compare m@v1 m@v1": "expected 2 to 20 different versions",
    "compare m@v1 x@v1": "expected one of",
    "history m@v1": "MODEL: expected a name without a version",
    "history m --at yesterday": "--at: expected a day such as",
    "digest --days 0": "days: expected",
    "verify toy@0000000000000000": "REF: expected",
}
"""Commands, and what the line says by which each is refused. ``{columns}`` tells how to read the
log."""


COLUMNS = "--series-id-column unit --label-column kind --step-column t"
HOLES = re.sub(r",\d+$", ",", CSV, flags=re.MULTILINE)
LOG = "unit;kind;t;note;x\n" + "".join(
    f"u{i};{'ab'[i % 2]};{t};ok;0,{i}{t}\n" for i in range(12) for t in range(3)
)
"""Semicolons and decimal commas, columns of other names, and one that is no number."""
FILES = {
    "bad.json": '{"retraining": {"gate": {"flor": 0.9}}}', "fields.json": '{"seedz": 5}',
    "floor.json": '{"retraining": {"gate": {"floor": 2}}}', "pins.json": '{"pins": ["v77"]}',
    "rate.json": '{"recipe": {"rate": 1}}', "spread.json": '{"limits": {"spread": -1}}',
    "lone.json": '{"a": ["up"]}', "strange.json": '{"a": ["up", "left"]}',
    "torn.json": "{", "good.json": "{}",
    "good.csv": CSV, "my songs.csv": CSV, "one.csv": CSV.replace(",b,", ",a,"), "holes.csv": HOLES,
    "text.csv": CSV.replace("\ns0,a,0,0", "\ns0,a,0,high").replace("step,x", "step,value"),
    "unknown.csv": CSV.replace(",b,", ",unknown,"), "log.csv": LOG,
    "songs.csv": "file,label\na.wav,x\n", "low.csv": "file,label,tonic_hz\na.wav,x,3\n",
    "wide.csv": f"series_id,label,{','.join(f'c{k}' for k in range(10_000))}\n",
    "text.wav": "no sound\n", "void.wav": "",
    "no-svara.toml": '[[raga]]\nname = "Hamsanada"\narohana = "S R2 P N9 S"\n'
                     'avarohana = "S N3 P R2 S"\n',
}  # fmt: skip
TRAIN, TEST = ["train"], ["test"]
UNTRAINABLE: dict[str, dict[str, list]] = {
    "one-class": {"label": ["a"] * 9},
    "few": {"label": ["a", "a", "b", "b"]},
    "unseen": {"label": [*"abababab", *"ac"], "split": TRAIN * 8 + TEST * 2},
    "untested": {"label": [*"abababab"], "split": TRAIN * 8},
    "both-sides": {"label": [*"abababab"], "split": TRAIN * 4 + TEST * 4, "group": ["g"] * 8},
    "lone-groups": {
        "label": [*"aaaaaabbbbbba"], "split": TRAIN * 12 + TEST, "group": [*"ppppppqqqqqqr"],
    },
    "two-groups": {"label": [*"aaaaaaaabbbb"], "group": [*"ppppqqqqppqq"]},
}  # fmt: skip
"""Columns of datasets that can't be split into training and test rows."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a root, and files that can't be meant."""
    root = open_root(tmp_path / "root")
    description = {"dataset": store_series(root, "toy").ref, "spec": {}}
    references = pa.BufferOutputStream()
    pq.write_table(pa.table({"series_id": ["s000"]}), references)
    records = {"references.parquet": references.getvalue().to_pybytes()}
    store_champion(root, "m", records=records, **description)
    store_version(root, "n", **description)
    store_champion(root, "c", **{**description, "channels": ["cents"]})
    damaged = store_series(root, "damaged")
    Path(damaged.folder, "part-00000.parquet").write_bytes(b"other")
    for name, columns in UNTRAINABLE.items():
        store_series(root, name, n=len(columns["label"]), **columns)
    (tmp_path / "empty").mkdir()
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def answers_in(folder: Path, commands: list[str]) -> list[tuple[int, str, str]]:
    """Code, errors and output of each command in a folder, asked in one process."""
    asked = [shlex.split(command.format(columns=COLUMNS)) for command in commands]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "SEQCLASS_STORAGE": "root"}
    process = in_python(ASKED, input=json.dumps(asked), cwd=folder, env=environment)
    assert process.returncode == 0, process.stderr
    return [tuple(answer) for answer in json.loads(process.stdout)]


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file but the token of the server, which is made once and stays."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != "token"]
    return {path: path.read_bytes() for path in files}


def test_each_command_refuses_in_one_line_what_it_can_not_do_and_starts_nothing(
    folder: Path,
) -> None:
    before = contents(folder)
    answers = dict(zip(REFUSED, answers_in(folder, list(REFUSED)), strict=True))
    assert {
        command: answer
        for command, answer in answers.items()
        if (answer[0], answer[1].count("\n"), bool(answer[2])) != (2, 1, "--json" in command)
        or not answer[1].startswith("seqclass: ") or REFUSED[command] not in answer[1]
    } == {}  # fmt: skip
    assert contents(folder) == before


def test_with_json_a_refusal_is_json_too(folder: Path) -> None:
    [(code, err, out)] = answers_in(folder, ["show none --json"])
    refusal = json.loads(out)
    assert (code, refusal["exit_code"]) == (2, 2)
    assert err == f"seqclass: {refusal['error']}\n"
