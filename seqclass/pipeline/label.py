"""Labels of people, taken into the dataset of a model."""

from datetime import UTC, datetime

from seqclass.labelling.relabelling import LabelsSpec, Relabelled, take_in
from seqclass.pages.index_pages import refresh
from seqclass.store.garbage import collect_garbage
from seqclass.store.models import Model


def take_labels(model: Model, spec: LabelsSpec) -> Relabelled:
    """Correct labels in a new version of the model's dataset.

    Pages are brought up to date. ValueError, and nothing is stored, if the file can't be read, or
    names other series or classes.
    """
    collect_garbage(model.root)
    outcome = take_in(model, spec, datetime.now(UTC))
    refresh(model.root, [outcome["dataset"], outcome["model"]])
    return outcome
