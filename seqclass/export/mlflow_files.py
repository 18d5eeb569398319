"""The text files by which MLflow loads an exported folder as a Python function."""

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
    (folder / "MLmodel").write_text(_yaml(_description(record, created)))


def _description(record: Mapping[str, Any], created: str) -> dict[str, Any]:
    values = {"type": "array", "items": {"type": "double"}}
    inputs = [{"name": name, "required": True, **values} for name in record["channels"]]
    texts = [{"name": name, "type": "string"} for name in ("label", "answer")]
    reason = {"name": "reason", "type": "string", "required": False}
    numbers = ["confidence", *(f"probability_{name}" for name in record["classes"])]
    outputs = [*texts, reason, *({"name": name, "type": "float"} for name in numbers)]
    return {
        "flavors": {
            "python_function": {
                "code": ".",
                "data": ".",
                "env": {"virtualenv": "python_env.yaml"},
                "loader_module": "decide",
                "python_version": platform.python_version(),
            }
        },
        "metadata": {"seqclass_model": record["model"]},
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs)},
        "utc_time_created": created,
    }


def _yaml(content: Mapping[str, Any]) -> str:
    """JSON, which every reader of YAML reads."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
