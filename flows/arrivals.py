"""Flow: take the files that have arrived in the inboxes into the datasets."""

from typing import Any

from prefect import flow
from prefect.futures import wait
from prefect.states import Completed, State
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from seqclass.flows.run_context import check_place, label_run, resolve_root
from seqclass.pages.index_pages import refresh
from seqclass.pipeline.ingest import SWEEPS_AT_ONCE, Arrivals, arrivals_of, inbox_places
from seqclass.screening.incoming import ArrivalSpec
from seqclass.store.garbage import collect_garbage
from seqclass.store.inbox import Sweep
from seqclass.store.references import DatasetRef
from seqclass.store.root import Root, printable
from seqclass.tasks.compute.steps import as_task
from seqclass.tasks.data import ingest_inbox

BESIDE_EACH_OTHER: TaskRunner[Any] = ThreadPoolTaskRunner(max_workers=SWEEPS_AT_ONCE)


@flow(name="ingest", flow_run_name="ingest", task_runner=BESIDE_EACH_OTHER)
def ingest_arrivals(
    dataset: str | None = None,
    inbox: str | None = None,
    spec: ArrivalSpec | None = None,
    root: str | None = None,
) -> Any:
    """Sweep a dataset's inbox, or every one of the root; each file is taken exactly once.

    If another run is sweeping an inbox and does not finish soon, it is skipped; the others are
    swept. Ends in a state named Quarantined if a file was set aside, else TakenIn, or NothingNew if
    no series is new.

    Args:
        dataset: Name of the dataset whose inbox is swept; none sweeps every inbox.
        inbox: Folder or prefix to sweep instead of inbox/<dataset> of the root.
        spec: How files are read, and what becomes of rows that break the contract.
    """
    store, spec = resolve_root(root), spec or ArrivalSpec()
    check_place(store, "inbox", inbox)
    as_task(collect_garbage)(store)
    places = inbox_places(store, dataset, inbox)
    states = _sweep(places, spec, store)
    failed = [state for state in states if not state.is_completed()]
    reports = [state.result() for state in states if state.is_completed()]
    outcome = arrivals_of(store, reports, dataset)
    if not failed and not any(report["files"] for report in reports):
        return _ended("NothingNew", "no file has arrived", outcome)
    as_task(refresh)(store, [f"datasets/{name}" for name, _ in places])
    gained = _gained(reports)
    label_run(f"ingest {gained}" if gained else None, dataset=[name for name, _ in places])
    if failed:
        return failed[0]
    aside = [f["file"] for r in reports for f in r["files"] if f["became"] == "quarantined"]
    if aside:
        message = f"{len(aside)} files went to quarantine: {', '.join(aside[:5])}"
        return _ended("Quarantined", printable(message), outcome)
    if not gained:
        return _ended("NothingNew", "no series is new", outcome)
    return _ended("TakenIn", gained, outcome)


def _ended(name: str, message: str, outcome: Arrivals) -> Any:
    return Completed(name=name, message="; ".join([message, *outcome["amiss"]]), data=outcome)


def _sweep(places: list[tuple[str, str]], spec: ArrivalSpec, store: Root) -> list[State[Sweep]]:
    """Sweep all inboxes concurrently; returns their final states."""
    sweeps = [ingest_inbox.submit(name, place, spec, store) for name, place in places]
    wait(sweeps)
    return [sweep.state for sweep in sweeps]


def _gained(reports: list[Sweep]) -> str:
    """Return the number of new series by dataset, as in ``60 series to press``; may be empty."""
    return ", ".join(
        f"{report['added']} series to {DatasetRef.parse(report['dataset']).name}"
        for report in reports
        if report["added"] and report["dataset"]
    )
