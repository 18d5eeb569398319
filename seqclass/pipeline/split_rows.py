"""Split the rows of a dataset into training and test rows."""

import logging
from dataclasses import replace

from seqclass.auxiliary_rows import find_auxiliary
from seqclass.pipeline.candidates import Candidate
from seqclass.pipeline.expectation import fit_window, size_of
from seqclass.row_split import deciding_columns, describe_split, select_rows
from seqclass.store.capacity import free_bytes
from seqclass.store.datasets import open_dataset
from seqclass.store.root import Root
from seqclass.store.split import write_split
from seqclass.training.spec import TrainingSpec

logger = logging.getLogger(__name__)


def split_rows(dataset_ref: str, spec: TrainingSpec, workspace: str, root: Root) -> Candidate:
    """Store which rows train and which test, once; every later step of the candidate reads that.

    The digests of the dataset's files are checked here, so that later steps need not do it again.
    The candidate's window is one for which the memory suffices that is free now.
    """
    dataset = open_dataset(root, dataset_ref)
    table = deciding_columns(dataset)
    split = select_rows(dataset, spec, table)
    write_split(root, workspace, split, table["series_id"])
    for amiss in describe_split(dataset, split, spec)["amiss"]:
        logger.warning("split: %s", amiss)
    auxiliary = find_auxiliary(dataset, split, spec)
    spec = fit_window(size_of(dataset, split, auxiliary), spec, free_bytes())
    if auxiliary is not None:
        auxiliary.check_window(len(split.train), spec.window)
        logger.info("%s", auxiliary.remark)
        spec = replace(spec, auxiliary=auxiliary.dataset.ref)
    return Candidate(replace(dataset, is_checked=True), split, spec, workspace)
