"""Questions to people about a model's rows, and their labels, taken into its dataset."""

from datetime import UTC, datetime

from typing_extensions import TypedDict

from seqclass.labelling.label_queue import check_limit, keep_queue, queue_of
from seqclass.labelling.relabelling import LabelsSpec, Relabelled, take_in
from seqclass.labelling.sheets import check_sheet, write_sheet
from seqclass.pages.index_pages import refresh
from seqclass.store.garbage import collect_garbage
from seqclass.store.models import Model
from seqclass.store.root import Damages


class Asked(TypedDict):
    """Questions that were written.

    questions: number of them. reasons: numbers by the kind of reason. left: number of other rows
    that are worth a question. written: paths of the files.
    """

    model: str
    questions: int
    reasons: dict[str, int]
    left: int
    written: list[str]


def ask_people(model: Model, out: str, limit: int, again: bool, bad: Damages) -> Asked:
    """Write the rows that a person should label, least sure first, and store that they were asked.

    again: ask also what was asked and has no answer. bad: takes what is damaged and left out.
    ValueError, and nothing is written, if the file can't be.
    """
    most, ending = check_limit(limit), check_sheet(model.root, out)
    queue = queue_of(model, most, again, bad)
    written = list[str]()
    if queue.questions:
        written = write_sheet(queue, ending, out)
        keep_queue(model, queue, datetime.now(UTC))
    return {
        "model": queue.model,
        "questions": len(queue.questions),
        "reasons": queue.reasons,
        "left": queue.left,
        "written": written,
    }


def take_labels(model: Model, spec: LabelsSpec) -> Relabelled:
    """Correct labels in a new version of the model's dataset.

    Pages are brought up to date. ValueError, and nothing is stored, if the file can't be read, or
    names other series or classes.
    """
    collect_garbage(model.root)
    outcome = take_in(model, spec, datetime.now(UTC))
    refresh(model.root, [outcome["dataset"], outcome["model"]])
    return outcome
