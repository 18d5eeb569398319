"""The text files by which MLflow loads a folder as a Python function."""

import json
import platform
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "onnxruntime", "pandas")


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
    own = {"code": ".", "env": {"virtualenv": "python_env.yaml"}, "loader_module": "decide"}
    (folder / "MLmodel").write_text(mlmodel(record, own, created))


def mlmodel(record: Mapping[str, Any], loader: Mapping[str, Any], created: str) -> str:
    """Return the text of ``MLmodel`` for a model of the ``classes`` and ``channels`` of a record.

    loader: the module with ``_load_pyfunc``, and what MLflow needs for it.
    """
    values = {"type": "array", "items": {"type": "double"}}
    inputs = [{"name": name, "required": True, **values} for name in record["channels"]]
    text, number, maybe = {"type": "string"}, {"type": "float"}, {"required": False}
    texts = {"type": "array", "items": text}
    outputs = [
        {"name": "label", **text},
        {"name": "answer", **text},
        {"name": "reason", **text, **maybe},
        {"name": "confidence", **number},
        {"name": "p_value", **number, **maybe},
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
