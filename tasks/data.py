"""Tasks on datasets: the steps of the library, shown as assets of Prefect."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from prefect import task, unmapped

from seqclass.labelling.relabelling import LabelsSpec, Relabelled
from seqclass.pipeline import generate, ingest, label
from seqclass.pipeline import import_files as importing
from seqclass.pipeline.progress import trainings
from seqclass.screening.incoming import ArrivalSpec, ImportSpec
from seqclass.store.inbox import Sweep
from seqclass.store.manifests import Source
from seqclass.store.registry import open_model
from seqclass.store.root import Root, open_root
from seqclass.store.staging import staging
from seqclass.tasks.compute.assets import describe_asset
from seqclass.tasks.compute.runner import is_spread
from seqclass.tasks.compute.steps import AGAIN, results_of, shown_in_prefect
from seqclass.tasks.events import announce_arrival, announce_refusal


@task(name="import files")
def import_files(spec: ImportSpec, name: str, root: Root) -> importing.Imported:
    """Read every file into one dataset; returns its reference and the counts of its rows."""
    outcome = importing.import_files(root, name, spec)
    describe_asset(root, outcome["dataset"], added=outcome["added"])
    return outcome


@task(name="ingest inbox")
def ingest_inbox(name: str, inbox_url: str, spec: ArrivalSpec, root: Root) -> Sweep:
    """Add the files that have arrived to a dataset, announce them, and return the outcomes."""
    sweep = ingest.collect_arrivals(
        ingest.Inbox(root, name, open_root(inbox_url)), spec,
        lambda ref, added: announce_arrival(root, ref, added),
    )  # fmt: skip
    for file in sweep["files"]:
        if file["became"] == "quarantined":
            announce_refusal(root, name, file["file"], file["reason"])
    return sweep


@task(name="label")
def take_labels(ref: str, spec: LabelsSpec, root: Root) -> Relabelled:
    """Correct labels in a new version of the model's dataset."""
    outcome = label.take_labels(open_model(root, ref), spec)
    describe_asset(root, outcome["dataset"], labelled=outcome["changed"])
    return outcome


@task(name="generate")
def generate_dataset(generator: str, spec: Any, name: str, root: Root) -> str:
    """Draw the series of a spec into a dataset, on a cluster if there is one."""
    if is_spread():
        with staging(root, f"shards-{name}") as folder:
            ref = generate.generate_dataset(
                generator,
                spec,
                name,
                root,
                lambda source, n_series: _in_shards(source, n_series, folder, root),
            )
    else:
        ref = generate.generate_dataset(generator, spec, name, root)
    describe_asset(root, ref, series=spec.n_series)
    return ref


def _in_shards(source: Source, n_series: int, folder: str, root: Root) -> Iterator[pa.Table]:
    """Draw ranges of the series as task runs on the flow's task runner, and yield them in order."""
    bounds = generate.shards_of(n_series)
    labels = [f"shard {number} of {len(bounds)}" for number in range(1, len(bounds) + 1)]
    paths = [f"{folder}/{start}.arrow" for start, _ in bounds]
    with trainings(len(bounds), "shards of the series") as shown:
        fixed = unmapped(source), unmapped(root)
        results_of(draw_shard.map(labels, bounds, paths, *fixed), shown)
    for path in paths:
        with root.fs.open(path, "rb") as file, pa.ipc.open_stream(file) as stream:
            yield from (pa.Table.from_batches([batch]) for batch in stream)


@task(name="draw shard", task_run_name="{label}", **AGAIN)
def draw_shard(label: str, bounds: tuple[int, int], path: str, source: Source, root: Root) -> None:
    """Draw the series from the first bound up to the second into a file, if it isn't there."""
    with shown_in_prefect():
        generate.draw_shard(label, bounds, path, source, root)
