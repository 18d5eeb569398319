"""Every command that needs a champion and finds none says why there is none, and how to go on."""

import re

import pytest

from seqclass.store.approvals import ask
from seqclass.store.log import next_turn
from seqclass.store.registry import MoveReason, open_model, write_refusal
from seqclass.store.root import Root
from tests.support.commands import Command
from tests.support.evidence import first_evidence, stored
from tests.support.places import NOW
from tests.support.stored import store_version

FEW = "8 test rows are fewer than the 20"


@pytest.fixture
def refused(root: Root) -> Root:
    verdict = {**stored(None, first=first_evidence(rows=8)), "reasons": [FEW], "better": False}
    store_version(root, "m", verdict)
    return root


def test_a_command_says_why_and_names_a_version(refused: Root, seqclass: Command) -> None:
    for command in (
        "score m toy", "show m", "reproduce m", "serve m", "export m --to onnx --out new",
        "queue m --out q.csv", "label m answers.csv", "vote m toy", "name-raga song.wav --model m",
        "compare m m@v1",
    ):  # fmt: skip
        code, out, err = seqclass(*command.split())
        assert (code, out, err.count("\n")) == (2, "", 1), command
        assert f"got 'm', whose v1 was refused ({FEW}" in err
        assert "name a version (m@v1)" in err
        assert "'seqclass promote m@v1 --force --reason WHY'" in err


def test_one_that_takes_no_version_names_none_and_its_hint_leads_on(
    refused: Root, seqclass: Command
) -> None:
    for command in ("retrain", "rollback"):
        code, out, err = seqclass(command, "m")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert f"whose v1 was refused ({FEW}" in err
        assert "name a version" not in err
    [hint] = re.findall(r"'seqclass (promote [^']*)'", err)
    assert seqclass(*hint.split())[0] == 0
    assert open_model(refused, "m").version == "v1"


def test_what_waits_or_was_declined_is_said_as_the_audit_has_it(refused: Root) -> None:
    version = store_version(refused, "m", stored(None)).version
    with pytest.raises(ValueError, match=r"whose v2 was not promoted; name a version \(m@v2\)"):
        open_model(refused, "m")
    ask(next_turn(refused, "m"), version, MoveReason("me", "it passed", {}), NOW)
    with pytest.raises(ValueError, match=r"awaits approval \(it passed\).*'seqclass approve m@v2"):
        open_model(refused, "m@champion")
    write_refusal(next_turn(refused, "m"), version, MoveReason("me", "labels are odd", {}))
    with pytest.raises(ValueError, match=r"whose v2 was refused \(labels are odd\)"):
        open_model(refused, "m")
