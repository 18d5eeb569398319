"""Simulation of weeks of arriving rows: the real flows, a temporary root, a simulated clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NotRequired

import pyarrow as pa
import pyarrow.parquet as pq
from typing_extensions import TypedDict

from seqclass.flows.cli.simulation_spec import SimulationSpec
from seqclass.flows.ingestion import import_dataset
from seqclass.flows.retraining import retrain_model
from seqclass.flows.training import train_classifier
from seqclass.pipeline.decision import Outcome
from seqclass.pipeline.promote import promote_version, roll_back
from seqclass.pipeline.training import Trained
from seqclass.screening.contract import Policy
from seqclass.screening.incoming import ImportSpec
from seqclass.store.root import Root
from seqclass.store.rows import from_dense
from seqclass.synthesis.arrival_scenarios import SCENARIOS, ArrivalWeek, draw_week

NAME = "plant"
OPEN_DOOR = Policy(other_unit="accept", out_of_range="accept", frozen="accept")
"""Policy that accepts shifted rows, so that they are found by the checks of drift and quality."""
BACKLOG = 3
"""Missed runs that all start at once when the server is back."""


class Week(TypedDict):
    """An event of a week, its outcome and reason; of a flow's run also drift and quality."""

    week: int
    event: str
    decision: str
    why: str
    drifted: NotRequired[list[str]]
    dropped: NotRequired[bool]
    model: NotRequired[str]
    challenger: NotRequired[str | None]


def run_simulation(spec: SimulationSpec, store: Root, inbox: Path) -> Iterator[Week]:
    """Yield the events, a row per decision: week, event, outcome, and reason."""
    began, replay = datetime.now(UTC), _Replay(spec, store, inbox)
    replay.take_in(0, ArrivalWeek(), append=False)
    first = train_classifier(NAME, NAME, spec.training, store.url)
    yield _began(first)
    waiting: dict[int, list[tuple[int, ArrivalWeek]]] = {}
    for number in range(1, spec.weeks + 1):
        week, now = SCENARIOS[spec.scenario](number), began + timedelta(weeks=number)
        comes = number + 2 * week.late + week.down
        waiting.setdefault(comes, []).append((number, week))
        if week.down:
            waiting[comes] = waiting.pop(number, []) + waiting[comes]
            yield {"week": number, "event": "server and worker are down", "decision": "", "why": ""}
            continue
        yield from replay.live_a_week(number, waiting.pop(number, []), now)


@dataclass(frozen=True)
class _Replay:
    """A scenario, the root in which it is replayed, and the folder from which files arrive."""

    spec: SimulationSpec
    store: Root
    inbox: Path

    def live_a_week(
        self, number: int, deliveries: list[tuple[int, ArrivalWeek]], now: datetime
    ) -> Iterator[Week]:
        for drawn, week in deliveries:
            self.take_in(drawn, week, append=True)
        phrases = (_words(number, drawn, week) for drawn, week in deliveries)
        event = ", ".join(phrases) or "no rows came"
        runs = BACKLOG if any(week.down for _, week in deliveries) else 1
        for run in range(runs):
            moment = now + timedelta(minutes=run)
            outcome: Any = retrain_model(NAME, self.spec.retraining, self.store.url, moment)
            yield _looked(number, event if not run else "a missed run", outcome)
            if outcome["challenger"] and any(week.by_hand for _, week in deliveries):
                yield from _meddle(self.store, number, outcome["challenger"], now)

    def take_in(self, number: int, week: ArrivalWeek, append: bool) -> None:
        x, labels = draw_week(self.spec.arrivals, number, week)
        table = pa.table(
            {
                "series_id": [f"week{number:02d}-{row:05d}" for row in range(len(x))],
                "label": labels,
                "value": from_dense(x),
            }
        )
        path = self.inbox / f"week{number:02d}.parquet"
        pq.write_table(table, path)
        spec = ImportSpec((str(path),), policy=OPEN_DOOR, append=append)
        import_dataset(NAME, spec, self.store.url)


def _meddle(store: Root, number: int, challenger: str, now: datetime) -> Iterator[Week]:
    """Let a person promote a refused version, notice the mistake, and roll back."""
    by_hand = now + timedelta(hours=1)
    promote_version(store, challenger, "I know better", force=True, now=by_hand)
    yield _by_hand(number, "promoted", f"{challenger}: I know better")
    moved = roll_back(store, NAME, "answers got worse", by_hand + timedelta(hours=1))
    yield _by_hand(number, "rolled back", f"to {moved['to']}: answers got worse")


def _by_hand(number: int, decision: str, why: str) -> Week:
    return {"week": number, "event": "by hand", "decision": decision, "why": why}


def _words(number: int, drawn: int, week: ArrivalWeek) -> str:
    what = ["shuffled labels"] * week.shuffled + ["turned sensor"] * week.turned
    what += [f"level {week.level:+.1f}"] * bool(week.level)
    late = f" of week {drawn}" if drawn != number else ""
    return f"rows{late}{', ' if what else ''}{', '.join(what)}"


def _began(first: Trained) -> Week:
    return {
        "week": 0,
        "event": "first delivery",
        "decision": "promoted" if first["promoted"] else "refused",
        "why": first["decision"],
        "drifted": [],
        "dropped": False,
        "model": first["model"],
        "challenger": None,
    }


def _looked(number: int, event: str, outcome: Outcome) -> Week:
    drift, quality = outcome.get("drift"), outcome.get("quality")
    return {
        "week": number,
        "event": event,
        "decision": outcome["decision"],
        "why": "; ".join(outcome["reasons"]),
        "drifted": drift["drifted"] if drift else [],
        "dropped": quality["dropped"] if quality else False,
        "model": outcome["model"],
        "challenger": outcome.get("challenger"),
    }
