"""Answers without a command: over HTTP, from exports, in Python."""

import json
import math
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pandas as pd
import pytest

from tests.journeys.journey import Copy, Journey, refused_argument
from tests.journeys.made import strokes

READY = r'"url": "([^"]+)"'
JSON = {"Content-Type": "application/json"}


def request(url: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
    """Send a request, POST if it has a body; its status and the body of the reply."""
    sent = urllib.request.Request(url, body, headers)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(sent, timeout=60) as reply:  # noqa: S310 - loopback
            return reply.status, reply.read()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read()


def inputs(series: list[list[float | None]], datatype: str = "FP32") -> bytes:
    """Return the body of a request for series of one channel."""
    tensor = {
        "name": "series", "datatype": datatype, "shape": [len(series), len(series[0]), 1],
        "data": [[[value] for value in steps] for steps in series],
    }  # fmt: skip
    return json.dumps({"inputs": [tensor]}).encode()


@pytest.mark.system
@pytest.mark.timeout(600)
def test_http(journey: Journey, press: Copy) -> None:
    """A server answers, refuses, and follows a new champion without a restart."""
    press(journey)
    strokes(journey.folder / "june.csv", range(150, 153), seed=7)
    rows = pd.read_csv(journey.folder / "june.csv").groupby("series_id")["force"].apply(list)
    series = [*rows, [1e5] * len(rows.iloc[0])]
    with journey.started("seqclass serve press --port 0 --json", READY) as url:
        token = (journey.store / ".service" / "token").read_text().strip()
        access = {"Authorization": f"Bearer {token}"}
        infer = f"{url}/v2/models/press/infer"

        def answers(body: bytes) -> dict:
            status, reply = request(infer, body, **access, **JSON)
            assert status == 200, reply
            return json.loads(reply)

        reply = answers(inputs(series))
        outputs = {output["name"]: output["data"] for output in reply["outputs"]}
        journey.keep({name: reply[name] for name in ("model_name", "model_version")})
        journey.keep(outputs)
        journey.run("seqclass score press june.csv --out answers.csv", only=("model",))
        scored = pd.read_csv(journey.folder / "answers.csv")["answer"].to_list()
        journey.keep(outputs["answer"][:3] == scored, "same answers as seqclass score")
        metadata = json.loads(request(f"{url}/v2/models/press", **access)[1])
        journey.keep(metadata, "metadata")
        right = inputs(series)
        refusals = {
            "no token": request(infer, right, **JSON),
            "another's page": request(infer, right, **access, **JSON, Origin="http://example.org"),
            "another's host": request(infer, right, **access, **JSON, Host="example.org"),
            "no JSON": request(infer, b"series", **access, **JSON),
            "NaN": request(infer, inputs([[math.nan, 1.0]]), **access, **JSON),
            "no input": request(infer, b'{"inputs": []}', **access, **JSON),
            "integers": request(infer, inputs(series, "INT32"), **access, **JSON),
            "another shape": request(infer, right.replace(b"[4, ", b"[5, "), **access, **JSON),
            "no such output": request(
                infer, right[:-1] + b', "outputs": [{"name": "lable"}]}', **access, **JSON
            ),
            "no such model": request(f"{url}/v2/models/pres/infer", right, **access, **JSON),
            "no such version": request(f"{url}/v2/models/press/versions/v9/infer", right, **access),
            "no such method": request(infer, **access),
            "too many series": request(infer, inputs([[0.0]] * 5000), **access, **JSON),
        }
        for name, (status, reply) in refusals.items():
            [(key, line)] = json.loads(reply).items()
            journey.keep([status, key, refused_argument(line)], name)
        journey.keep(
            [request(f"{url}/v2/health/{name}")[0] for name in ("live", "ready")], "health"
        )
        journey.keep(request(f"{url}/metrics", **access)[0], "metrics")
        (journey.folder / "steps.json").write_text('{"seeds": 1, "members": ["steps"]}')
        journey.run("seqclass train press --spec steps.json", only=("model", "verdict"))
        journey.keep(answers(right)["model_version"], "who answers")
        journey.run("seqclass promote press@v2 --force --reason 'hand over'")
        while (version := answers(right)["model_version"]).startswith("v1"):
            time.sleep(0.2)
        journey.keep(version, "who answers")


ALONE = """
import sys, json, pandas as pd
sys.modules["tensorflow"] = sys.modules["seqclass"] = None
import decide
rows = pd.read_csv("../june.csv").groupby("series_id")["force"].apply(lambda x: x.to_numpy())
answers = decide.Classifier().answers([series[:, None] for series in rows])
print(json.dumps({
    "answer": answers["answer"], "reason": answers["reason"], "possible": answers["possible"],
    "confidence": [float(share) for share in answers["confidence"]],
    "nearest": [list(near) for near in answers["nearest"]],
}))
"""


def test_onnx(journey: Journey, press: Copy) -> None:
    """An export answers with NumPy and ONNX Runtime, without TensorFlow and without the project."""
    pytest.importorskip("onnxruntime")
    press(journey)
    strokes(journey.folder / "june.csv", range(150, 153), seed=7)
    journey.run("seqclass export press --to onnx --out exported")
    journey.keep(sorted(path.name for path in (journey.folder / "exported").iterdir()), "exported")
    journey.python(ALONE, "exported")
    journey.refused("seqclass export press --to onnx --out exported")


MLFLOW = """
import json, sys, mlflow, pandas as pd
rows = pd.read_csv("june.csv").groupby("series_id")["force"].apply(list)
model = mlflow.pyfunc.load_model("exported")
answers = model.predict(pd.DataFrame({"force": rows.tolist()}))
assert not {"tensorflow", "seqclass"} & sys.modules.keys()
print(json.dumps({
    "inputs": model.metadata.get_input_schema().input_names(),
    "columns": list(answers), "answer": answers["answer"].tolist(),
    "confidence": answers["confidence"].tolist(),
}))
"""


@pytest.mark.system
@pytest.mark.timeout(900)
def test_mlflow(journey: Journey, press: Copy) -> None:
    """An export is loaded by MLflow in an environment that has what its files name."""
    press(journey)
    strokes(journey.folder / "june.csv", range(150, 153), seed=7)
    journey.run("seqclass export press --to mlflow --out exported", only=("model", "kind"))
    clean = journey.folder / "clean"
    requirements = journey.folder / "exported" / "requirements.txt"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clean], check=True)
    install = ["install", "--quiet", "mlflow-skinny==3.17.2", "--requirement", requirements]
    pip = [sys.executable, "-m", "pip", "--python", clean / "bin" / "python", *install]
    try:
        subprocess.run(pip, capture_output=True, text=True, check=True, timeout=300)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"MLflow can't be installed here: {str(error.stderr)[-200:]}")
    journey.python(MLFLOW, interpreter=clean / "bin" / "python")


def test_stored_model(journey: Journey, press: Copy) -> None:
    """A registered version in Python: its answers, its rows, what there is."""
    press(journey)
    journey.python("""
import json
from seqclass import load_model, open_store
store = open_store()
series, labels = store.dataset("press")
champion = load_model("press")
print(json.dumps({
    "models": store.models(), "champion": store.champion("press"),
    "series": list(series.shape), "labels": sorted(set(labels)),
    "right": float((champion.predict(series) == labels).mean()),
    "probabilities": list(champion.predict_proba(series[:3]).shape),
    "v1": load_model("press@v1").predict(series[:2]).tolist(),
}))
""")
