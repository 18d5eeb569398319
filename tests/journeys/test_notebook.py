"""The notebook of the docs, from its first cell to its last."""

import shutil
from pathlib import Path

import pytest

from tests.journeys.journey import Journey

NOTEBOOK = Path(__file__).parents[2] / "docs" / "notebook.ipynb"


@pytest.mark.system
@pytest.mark.timeout(1500)
def test_notebook(journey: Journey) -> None:
    """It leaves pictures, a champion and an export."""
    shutil.copy(NOTEBOOK, journey.folder)
    journey.python("""
import json, os, nbformat
from nbclient import NotebookClient
notebook = nbformat.read("notebook.ipynb", as_version=4)
NotebookClient(notebook, timeout=900, startup_timeout=300).execute()
outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
print(json.dumps({
    "pictures": sum("image/png" in output.get("data", {}) for output in outputs),
    "exported": sorted(set(os.listdir("machines-onnx")) - {"__pycache__"}),
    "models": sorted(os.listdir("store/models")),
}))
""")
    journey.run("seqclass verify --root store")
