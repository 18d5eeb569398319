"""Texts of a model for other tools: a card in Markdown, which Hugging Face reads, and the files by
which MLflow loads a folder as a Python function.
"""

import json
import platform
from collections.abc import Mapping
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from seqclass.export.export_check import ExportAgreement
from seqclass.store.few_references import ambiguity_rule, too_few_references
from seqclass.store.manifests import ModelDescription
from seqclass.store.models import Model
from seqclass.store.references import DatasetRef

CARD = "README.md"
METRICS = {"accuracy": "accuracy", "macro_f1": "f1", "balanced_accuracy": "balanced_accuracy"}
"""Scores of a manifest, and Hugging Face's names of them."""
USES = {
    "onnx": """```python
import decide  # from this folder; needs numpy and onnxruntime

classifier = decide.Classifier()
classifier.answers([series])  # arrays (steps, channels), NaN where a value is missing
```

`model.onnx` takes `series` float32 `(n, steps, channels)`, with NaN for missing values and after \
the end of shorter series. `python decide.py` checks the folder.""",
    "mlflow": """```python
import mlflow  # mlflow-skinny will do, beside what requirements.txt names

model = mlflow.pyfunc.load_model("this-folder")
model.predict(frame)  # a row for each series, a column for each channel with its list of values
```

`python decide.py` checks the folder without MLflow.""",
    "savedmodel": """```python
import tensorflow as tf

model = tf.saved_model.load("this-folder/{version}")
model.serve(series)  # float32 (n, steps, channels), NaN where missing and after the end
```

`decide.py` turns its outputs into answers, and `python decide.py` checks the folder. The folder \
is what TensorFlow Serving takes as a model's base path.""",
}

VERSION_USE = """```python
from seqclass import load_model

model = load_model("{name}")  # the champion of this root; "{name}@v3" is version 3
model.predict([series])  # arrays (steps, channels), NaN where a value is missing
```

`mlflow.pyfunc.load_model` loads this folder where it lies, in an environment with seqclass \
and mlflow-skinny; `seqclass export` makes a folder that works alone."""
LOADER = {"loader_module": "seqclass.export.mlflow_loader"}
PACKAGES = ("numpy", "onnxruntime", "pandas")
"""Packages that an exported folder needs in MLflow's environment."""


def card_of(model: Model, kind: str, agreement: ExportAgreement) -> str:
    """Return the text of ``README.md`` for an exported folder."""
    number = model.version.removeprefix("v")
    references = model.read_json("metrics.json")["references"]
    return "\n\n".join(
        [
            _head(model.name, model.manifest, "keras" if kind == "savedmodel" else "onnx"),
            f"# {model.name}, version {number}",
            f"An LSTM classifier of sequences, `{model.ref}`, exported by seqclass.",
            _facts(model.manifest, references),
            "## Use",
            USES[kind].replace("{version}", number),
            "## Checked",
            f"{_told(agreement)}\n",
        ]
    )


def _head(name: str, manifest: ModelDescription, library: str) -> str:
    """Return the front matter: YAML whose values are written as JSON, which is YAML too."""
    dataset = DatasetRef.parse(manifest["dataset"])
    metrics: Mapping[str, object] = manifest["metrics"]
    scores = [
        {"type": kind, "value": metrics[metric]}
        for metric, kind in METRICS.items()
        if metric in metrics
    ]
    result = {
        "task": {"type": "other", "name": "time series classification"},
        "dataset": {"type": dataset.name, "name": dataset.name, "split": "test",
                    "revision": manifest["dataset_digest"]},
        "metrics": scores,
    }  # fmt: skip
    fields = {
        "library_name": library,
        "pipeline_tag": "other",
        "tags": ["time-series-classification", "lstm", "seqclass"],
        "datasets": [dataset.name],
        "metrics": [score["type"] for score in scores],
        "model-index": [{"name": name, "results": [result]}],
    }
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "\n".join(["---", *lines, "---"])


def _facts(manifest: ModelDescription, references: int) -> str:
    rule = manifest["decision"]
    few = too_few_references(references, rule["unfamiliar"])
    by_p_value = "" if few else f"p-value up to {rule['unfamiliar']:g}"
    reasons = filter(None, (ambiguity_rule(rule), by_p_value))
    auxiliary = manifest["spec"].get("auxiliary")
    scores = "; ".join(f"{name} {value:.4f}" for name, value in manifest["metrics"].items())
    rows = {
        "classes": ", ".join(manifest["classes"]),
        "channels": ", ".join(manifest["channels"]),
        "trained on": manifest["dataset"] + (f"; auxiliary: {auxiliary}" if auxiliary else ""),
        "on test rows": scores,
        "`unknown`": "; ".join(filter(None, (", or ".join(reasons), few))),
    }
    cells = {name: text.replace("|", "\\|") for name, text in rows.items()}
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {cells[name]} |" for name in cells)])


def _told(agreement: ExportAgreement) -> str:
    text = (
        f"{agreement.series} series, half of them test rows and half the same with gaps and cut "
        f"ends: the same answers and reasons, probabilities at most {agreement.gap:.2g} apart."
    )
    if not agreement.unsettled:
        return text
    return (
        f"{text} Not among them are {agreement.unsettled} series whose answers hang on rounding, "
        "as with stretches of one value: the last bits of their values move the original's own "
        f"probabilities too. They are at most {agreement.unsettled_gap:.2g} apart."
    )


def version_files(
    name: str, description: ModelDescription, now: datetime, references: int
) -> dict[str, str]:
    """Return the texts of a version that is about to get its number, by their names in its folder.

    references: number of the training rows that series are compared with.
    """
    card = "\n\n".join(
        [
            _head(name, description, "keras"),
            f"# {name}",
            "An LSTM classifier of sequences, trained and judged by seqclass.",
            _facts(description, references),
            "## Use",
            f"{VERSION_USE.replace('{name}', name)}\n",
        ]
    )
    record = {"model": f"models/{name}", **description}
    return {CARD: card, "MLmodel": mlmodel(record, LOADER, now.isoformat())}


def write_mlflow(folder: Path, record: Mapping[str, Any], created: str) -> None:
    """Write ``MLmodel`` and what an environment for it needs, beside ``model.onnx``."""
    needs = [f"{name}=={metadata.version(name)}" for name in PACKAGES]
    (folder / "requirements.txt").write_text("\n".join(needs) + "\n")
    python = {
        "python": platform.python_version(),
        "build_dependencies": [],
        "dependencies": ["-r requirements.txt"],
    }
    (folder / "python_env.yaml").write_text(_yaml(python))
    flavor = {"code": ".", "env": {"virtualenv": "python_env.yaml"}, "loader_module": "decide"}
    (folder / "MLmodel").write_text(mlmodel(record, flavor, created))


def mlmodel(record: Mapping[str, Any], loader: Mapping[str, Any], created: str) -> str:
    """Return the text of ``MLmodel`` for a model of the ``classes`` and ``channels`` of a record.

    loader: the module with ``_load_pyfunc``, and what MLflow needs for it.
    """
    values = {"type": "array", "items": {"type": "double"}}
    inputs = [{"name": name, "required": True, **values} for name in record["channels"]]
    text, number, maybe = {"type": "string"}, {"type": "float"}, {"required": False}
    texts = {"type": "array", "items": text}
    outputs = [
        {"name": "prediction", **text},
        {"name": "answer", **text},
        {"name": "reason", **text, **maybe},
        {"name": "confidence", **number},
        {"name": "familiarity", **number, **maybe},
        {"name": "possible", **texts, **maybe},
        {"name": "nearest", **texts, **maybe},
        *({"name": f"probability_{name}", **number} for name in record["classes"]),
    ]
    function = {"data": ".", "python_version": platform.python_version(), **loader}
    return _yaml({
        "flavors": {"python_function": function},
        "metadata": {"seqclass_model": record["model"]},
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs)},
        "utc_time_created": created,
    })  # fmt: skip


def _yaml(content: Mapping[str, Any]) -> str:
    """JSON, which every reader of YAML reads."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
