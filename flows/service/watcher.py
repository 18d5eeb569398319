"""A watcher for files in inboxes, which need not wait for the schedule, and for failed runs."""

import contextlib
import os
import threading
from datetime import UTC, datetime
from typing import Any

from seqclass.flows.service.server import Service, client_of, server_may_be_away
from seqclass.store.inbox import arrivals, inbox_of, inboxes
from seqclass.store.root import Root, printable

SWEEP, UPKEEP = "ingest/local", "upkeep/local"
AGAIN_S, MAX_ASKS, STALLED_S, LISTED_S = 30.0, 3, 40.0, 60.0
"""Seconds until a file that is still there is reported again, the most reports of a file, and
seconds between two reports of stalled retrainings, and between two listings of an object store."""
RESUMED = {"CRASHED": ("retrain-model", "ingest", "upkeep"), "FAILED": ("retrain-model",)}
"""Flows whose work the upkeep resumes, by the state in which their run ended."""

File = tuple[str, str, tuple[Any, ...]]


class Watcher:
    """Look-out for files that are complete in the inboxes of a root.

    Folders are looked at with each call. An object store is listed once a minute, in a thread of
    its own, since one that is away keeps its caller waiting; its files are complete once listed.

    problem: why the last look found no inboxes, or None.
    """

    def __init__(self, store: Root) -> None:
        self.store = store
        self.there: set[File] = set()
        self.told: dict[File, tuple[int, float]] = {}
        self.looked = self.looking = datetime.now(UTC)
        self.asked_s = self.listed_s = float("-inf")
        self.listing: threading.Thread | None = None
        self.listed: list[File] = []
        self.problem: str | None = None

    def has_news(self, now_s: float) -> bool:
        """Check whether a complete file is there that was not reported lately."""
        if self.store.is_local:
            before, self.there = self.there, set(self._look())
            complete = self.there & before
        elif self._has_listed(now_s):
            self.there = complete = set(self.listed)
        else:
            return False
        self.told = {file: asked for file, asked in self.told.items() if file in self.there}
        is_due = False
        for file in complete:
            asks, last_s = self.told.get(file, (0, float("-inf")))
            if asks < MAX_ASKS and now_s - last_s >= AGAIN_S:
                self.told[file], is_due = (asks + 1, now_s), True
        return is_due

    def has_stalled(self, service: Service, now_s: float) -> bool:
        """Check whether a run crashed or a retraining failed; False if that was reported lately."""
        if now_s - self.asked_s < STALLED_S:
            return False
        self.looking = datetime.now(UTC)
        return has_failed_run(service, self.looked)

    def note_told(self, now_s: float) -> None:
        """Record that the findings of the last look were reported."""
        self.looked, self.asked_s = self.looking, now_s

    def _has_listed(self, now_s: float) -> bool:
        """Check whether a listing of an object store has ended; begin the next when it is time."""
        if self.listing and not self.listing.is_alive():
            self.listing = None
            return True
        if self.listing is None and now_s - self.listed_s >= LISTED_S:
            self.listed_s, self.listing = now_s, threading.Thread(target=self._list, daemon=True)
            self.listing.start()
        return False

    def _list(self) -> None:
        self.listed = []
        self.listed = self._look()

    def _look(self) -> list[File]:
        """Return the files; none of a folder that can't be read, which the sweep reports."""
        try:
            if self.store.is_local:
                os.stat(self.store.path)
            files = list[File]()
            for name in inboxes(self.store):
                with contextlib.suppress(OSError):
                    arrived = arrivals(inbox_of(self.store, name))
                    files += [(name, file.name, file.stamp) for file in arrived]
        except Exception as error:  # each store has errors of its own
            self.problem = printable(" ".join(str(error).split()) or type(error).__name__)
            return []
        self.problem = None
        return files


def start_run(service: Service, deployment: str) -> bool:
    """Start a run of a deployment; False if the server is down."""
    with server_may_be_away(), client_of(service) as client:
        client.create_flow_run_from_deployment(client.read_deployment_by_name(deployment).id)
        return True
    return False


def has_failed_run(service: Service, since: datetime) -> bool:
    """Check whether a run has ended since as ``RESUMED`` says; False if the server is down."""
    from prefect.client.schemas import filters

    with server_may_be_away(), client_of(service) as client:
        return any(
            client.read_flow_runs(
                flow_filter=filters.FlowFilter(name=filters.FlowFilterName(any_=list(names))),
                flow_run_filter=filters.FlowRunFilter.model_validate(
                    {"state": {"type": {"any_": [state]}}, "end_time": {"after_": since}}
                ),
                limit=1,
            )
            for state, names in RESUMED.items()
        )
    return False
