"""Task: take the files of an inbox into a dataset, each exactly once."""

from datetime import UTC, datetime

from prefect import get_run_logger, task

from seqclass.pipeline.ingest import Inbox, collect_arrivals
from seqclass.screening.incoming import ArrivalSpec
from seqclass.store.inbox import Sweep
from seqclass.store.root import open_root
from tasks.data.notify import announce_arrival, announce_refusal


@task(name="ingest inbox")
def ingest_inbox(name: str, inbox_url: str, spec: ArrivalSpec, root_url: str) -> Sweep:
    """Add the files that have arrived to a dataset, announce them, and return the outcomes."""
    root, logger = open_root(root_url), get_run_logger()
    sweep = collect_arrivals(
        Inbox(root, name, open_root(inbox_url)), spec, datetime.now(UTC),
        lambda ref, added: announce_arrival(root, ref, added),
    )  # fmt: skip
    for file in sweep["files"]:
        logger.info("%s: %s %s", file["file"], file["became"], file["reason"])
        if file["became"] == "quarantined":
            announce_refusal(root, name, file["file"], file["reason"])
    return sweep
