"""Two machines on one bucket: together they train twice as much; one is lost, another sleeps.

These run with ``SEQCLASS_CHAOS`` set; the journey of two machines runs always.
"""

import os
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from seqclass.flows.service.server import SILENCE_S
from seqclass.store.catalogue import verify_tree
from seqclass.store.log import read_log
from seqclass.store.retrainings import retrainings_of
from seqclass.store.root import Root
from tests.support.candidates import make_candidate, register_champion
from tests.support.machines import asleep, in_hand, lose, machine
from tests.support.servers import kept_server
from tests.support.service import ended, started
from tests.support.stored import QUICK, store_series
from tests.support.waiting import until

pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not os.environ.get("SEQCLASS_CHAOS"), reason="needs SEQCLASS_CHAOS=1"),
]
MODELS = ("one", "two")
SLEEP_S = 120


def test_two_machines_train_side_by_side_and_one_goes_on_for_the_other(
    bucket: Root, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    with ExitStack() as stack:
        service = stack.enter_context(kept_server(tmp_path / "server"))
        candidate = make_candidate(tmp_path, QUICK)
        for name in MODELS:
            register_champion(bucket, candidate, QUICK, name)
        first, second = (
            stack.enter_context(machine(bucket, service, tmp_path / name)) for name in MODELS
        )
        for name in MODELS:
            store_series(bucket, name, n=210)
        asked = {str(first.ask("retrain-model/local", model=name)): name for name in MODELS}
        for run in asked:
            started(first, run)
        assert ended(first, first.ask("ingest/local")).is_completed()
        assert all(first.run(run).state.is_running() for run in asked)
        [lost] = in_hand(second) & set(asked)
        lose(second)
        began = time.monotonic()
        until(lambda: retrainings_of(bucket, asked[lost]), SILENCE_S + 240)
        with capsys.disabled():
            print(f"\nfrom the loss to the decision elsewhere: {time.monotonic() - began:.0f} s")
        assert [len(retrainings_of(bucket, name)) for name in MODELS] == [1, 1]
        assert verify_tree(bucket)["bad"] == []


def test_a_machine_that_sleeps_two_minutes_and_goes_on_decides_nothing_twice(
    bucket: Root, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        service = stack.enter_context(kept_server(tmp_path / "server"))
        register_champion(bucket, make_candidate(tmp_path, QUICK), QUICK, "one")
        machines = [
            stack.enter_context(machine(bucket, service, tmp_path / name)) for name in MODELS
        ]
        store_series(bucket, "one", n=210)
        run = started(machines[0], str(machines[0].ask("retrain-model/local", model="one")))
        [sleeper] = [up for up in machines if run in in_hand(up)]
        began = time.monotonic()
        with asleep(sleeper):
            until(lambda: retrainings_of(bucket, "one"), SILENCE_S + 240)
            until(lambda: time.monotonic() - began > SLEEP_S, SLEEP_S)
        until(lambda: not any(in_hand(up) for up in machines), 240)
        assert len(retrainings_of(bucket, "one")) == 1
        decisions = [entry["what"] for entry in read_log(bucket, "one") if entry.get("retraining")]
        assert len(decisions) == 1
        assert verify_tree(bucket)["bad"] == []
