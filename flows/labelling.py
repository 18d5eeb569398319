"""Flow: take labels that people gave into the dataset of a model."""

from prefect import flow

from seqclass.flows.run_context import resolve_root
from seqclass.labelling.relabelling import LabelsSpec, Relabelled, dataset_name
from seqclass.store.references import DatasetRef
from seqclass.store.registry import open_model
from seqclass.tasks.compute.assets import materializing
from seqclass.tasks.data import take_labels as take_labels_of
from seqclass.tasks.events import notify


@flow(name="take-labels", flow_run_name="labels of {model}")
def take_labels(model: str, spec: LabelsSpec, root: str | None = None) -> Relabelled:
    """Correct labels in a new version of the model's dataset.

    Args:
        model: The model whose queue was asked, NAME or NAME@vN.
        spec: The file of labels, and who gave them.
    """
    store = resolve_root(root)
    name = dataset_name(open_model(store, model))
    outcome = materializing(take_labels_of, DatasetRef(name), store)(model, spec, store)
    if outcome["changed"]:
        notify(outcome["dataset"], outcome["changed"], store)
    return outcome
