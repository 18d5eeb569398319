"""MLflow's loader of a version: its folder where it lies in a root."""

from functools import partial
from pathlib import Path

from seqclass.export.exporting import record_of
from seqclass.export.standalone import Classifier, PythonFunction
from seqclass.network_process import Network
from seqclass.store.models import Model
from seqclass.store.registry import open_model
from seqclass.store.root import open_root


class _Version(Classifier):
    def __init__(self, model: Model) -> None:
        self.folder = Path(model.folder)
        self.record = record_of(model)
        self.ask = partial(Network(model.read("model.keras"), model.ref).ask, "outputs")


def _load_pyfunc(path: str) -> PythonFunction:
    folder = Path(path).resolve()
    root = open_root(folder.parents[2])
    return PythonFunction(_Version(open_model(root, f"{folder.parent.name}@{folder.name}")))
