"""The pages: what they show, and that every number and link on them leads somewhere."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jinja2 import TemplateNotFound

from seqclass.pages import index_pages, version_report
from seqclass.pages.dataset_pages import MAX_CHANNELS, POINTS
from seqclass.pages.digest import digest
from seqclass.pages.model_summary import summarize
from seqclass.pages.rendering import render
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import Provenance, write_dataset, write_rows
from seqclass.store.log import next_turn
from seqclass.store.registry import MoveReason, move_champion, open_model, write_refusal
from seqclass.store.retrainings import commit_retraining, write_suspect_labels
from seqclass.store.root import Root
from seqclass.store.staging import staging
from tests.support.commands import Command
from tests.support.page_trees import HOSTILE, PAGES, SCORES, page_path, text_of
from tests.support.places import NOW
from tests.support.stored import (
    DECIDED,
    newest_entry_of,
    store_again,
    store_series,
    store_version,
)


def test_pages_name_what_they_are_of_and_say_why(tree: Root) -> None:
    first, second = (text_of(tree, f"models/toy/v{number}/report.html") for number in (1, 2))
    assert "<title>toy v1: report</title>" in first
    assert "<title>toy v2: report</title>" in second
    assert '<span class="mark good">champion</span>' in first
    assert '<span class="mark good">champion</span>' not in second
    assert "Trust it with care" in first
    assert "One seed says nothing" in first
    model = text_of(tree, "models/bare/index.html")
    text = re.sub(r"\s+", " ", re.sub("<[^>]*>", "", model))
    now, before = "to now: v2 answers (promote, before: v1)", "v1 answered (promote, before: none)"
    assert text.index("v3 was refused, v2 stayed") < text.index(now) < text.index(before)
    assert "<dt>the LSTM</dt><dd>No LSTM was trained" in text_of(tree, "models/toy/index.html")


def test_names_are_text_on_every_page_and_only_the_first_has_a_script(tree: Root) -> None:
    for page in PAGES:
        assert HOSTILE not in text_of(tree, page)
        assert ("<script" in text_of(tree, page)) == (page == "index.html")
    assert "&lt;script&gt;" in text_of(tree, "datasets/hostile/index.html")
    assert "&lt;script&gt;" in text_of(tree, "models/bare/index.html")


def test_verify_is_content_with_pages_and_links_lead_somewhere(tree: Root) -> None:
    assert verify_tree(tree)["bad"] == []
    for page in PAGES:
        file = page_path(tree, page)
        links = re.findall(r'href="([^"]+)"', file.read_text())
        assert links
        for link in links:
            path, _, place = link.partition("#")
            target = file.parent / path if path else file
            assert target.is_file(), (page, link)
            assert not place or f'id="{place}"' in target.read_text(), (page, link)


def numbers_of(content: Any) -> Iterator[float]:
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list):
        for item in content:
            yield from numbers_of(item)
    elif isinstance(content, int | float) and not isinstance(content, bool):
        yield float(content)


def test_every_number_stands_in_a_json_that_the_page_names(tree: Root) -> None:
    for page in PAGES:
        path, text = page_path(tree, page), text_of(tree, page)
        named = re.findall(r'href="([^"]+\.json)"', text)
        beside = [json.loads((path.parent / file).read_text()) for file in named]
        beside += [pq.read_table(file).to_pylist() for file in path.parent.glob("runs.parquet")]
        numbers = [abs(number) for content in beside for number in numbers_of(content)]
        words = re.sub(r"<(svg|pre|style|script).*?</\1>|<[^>]*>", " ", text, flags=re.S)
        for shown, stored in (
            (r"(?<![\d.])(\d\.\d{4})(?!\d)", {f"{number:.4f}" for number in numbers}),
            (r"(?<![\d.])(\d+\.\d)%", {f"{100 * number:.1f}" for number in numbers}),
        ):
            assert set(re.findall(shown, words)) - stored == set(), page
        assert re.search(r"\d\.\d{4}", words) or "datasets" in page


def test_a_promotion_changes_the_standing_on_both_reports(tree: Root, seqclass: Command) -> None:
    assert seqclass("promote", "toy@v2", "--force", "--root", tree.path)[0] == 0
    for version, mark in (("v1", 0), ("v2", 1)):
        page = text_of(tree, f"models/toy/{version}/report.html")
        assert page.count('<span class="mark good">champion</span>') == mark
    assert "toy@v2" in text_of(tree, "index.html")
    assert "(promote: by hand)" in text_of(tree, "models/toy/v2/report.html")
    assert "by the gate, run by" in (before := text_of(tree, "models/toy/v1/report.html"))
    assert "is so no longer" in before
    home = text_of(tree, "models/toy/index.html")
    assert re.search(r"v2 answers \(promote, before: v1\), by \S+, by hand, forced", home)
    assert verify_tree(tree)["bad"] == []
    assert seqclass("rollback", "toy", "--root", tree.path)[0] == 0
    assert "toy@v1" in text_of(tree, "index.html")


def test_a_refusal_is_told_on_the_report_of_the_version(tree: Root) -> None:
    write_refusal(next_turn(tree, "toy"), "v2", MoveReason("me", "worse on old rows", {}, NOW))
    index_pages.refresh(tree, ["models/toy@v2"])
    sentence = "It was refused on 2026-"
    assert sentence in text_of(tree, "models/toy/v2/report.html")
    assert "worse on old rows" in text_of(tree, "models/toy/v2/report.html")
    assert sentence not in text_of(tree, "models/toy/v1/report.html")


def test_the_five_lines_of_a_report_answer(tree: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    import html

    blocks = re.findall(r"<pre>(.*?)</pre>", text_of(tree, "models/toy/v1/report.html"), re.S)
    code = next(html.unescape(block) for block in blocks if "load_model" in block)
    assert len([line for line in code.splitlines() if line]) == 5
    monkeypatch.setenv("SEQCLASS_STORAGE", tree.path)
    names: dict[str, Any] = {"X": np.zeros((2, 12, 1), np.float32)}
    exec(compile(code, "report", "exec"), names)  # noqa: S102 - what the page tells people to run
    assert names["shares"].shape == (2, 2)
    assert len(names["labels"]) == len(names["answers"]) == 2


def test_a_dataset_says_what_it_is_like_and_what_has_changed(root: Root) -> None:
    first = store_series(root, n=40)
    index_pages.refresh(root, [])
    rows = [pa.concat_tables(first.tables())]
    twin = rows[0].slice(0, 1).set_column(0, "series_id", pa.array(["twin"]))
    parents = {"parents": [first.ref], "quarantined": {"out_of_range": 3}}
    later = write_rows(
        root, "toy", [*rows, twin], Provenance({}, NOW.replace(hour=9), lambda: parents)
    )
    assert "newest version" in text_of(root, f"datasets/toy/{first.manifest['version']}.html")
    index_pages.refresh(root, [later.ref])
    old, new = (text_of(root, f"datasets/toy/{dataset.manifest['version']}.html")
                for dataset in (first, later))  # fmt: skip
    assert text_of(root, "datasets/toy/index.html") == new
    assert "What changed" not in old
    assert ("newest version" in old, "newest version" in new) == (False, True)
    assert re.search(r"</a>: \+1 series\. down \+1", new)
    assert "1 of the series repeat the values of another" in new
    assert "3 out of range" in new
    profiled = json.loads(text_of(root, f"datasets/toy/{later.manifest['version']}.json"))
    values = later.values()
    channel = later.manifest["profile"]["value"]
    assert channel["low"] == pytest.approx(float(values.min()))
    assert channel["mean"] == pytest.approx(float(values.mean()), abs=1e-6)
    assert channel["sd"] == pytest.approx(float(values.std()), rel=1e-5)
    assert sum(profiled["lengths"].values()) == 41


def test_rows_chosen_for_a_retraining_say_so_and_arrive_once(root: Root) -> None:
    whole = store_series(root, "whole", n=30)
    source = {"chosen_from": whole.ref, "window_rows": None, "doubted": 4}
    write_dataset(root, "whole.chosen", whole.tables(), source, NOW)
    digested = digest(root, NOW - timedelta(days=1), datetime.now(UTC) + timedelta(days=1))
    assert [(arrival.dataset, arrival.added) for arrival in digested.arrived] == [
        (whole.ref.removeprefix("datasets/"), 30)
    ]
    page = text_of(root, "datasets/whole.chosen/index.html")
    assert "chosen for a retraining; 4 series whose labels were doubted are left out" in page


def test_a_retraining_shows_its_drift_and_the_labels_in_doubt(root: Root) -> None:
    version = store_version(root, "m", metrics=SCORES).version
    move_champion(next_turn(root, "m"), version, MoveReason("me", "why", {}, NOW))
    shifts = [
        {"what": "value: mean", "shift": 0.75, "adjusted_p": 1e-9, "drifted": True},
        {"what": "value: spread", "shift": 0.125, "adjusted_p": 0.4, "drifted": False},
    ]
    more = {"reasons": ["worse on old rows"], "challenger": "models/m@v2", "new_rows": 40}
    description = {**DECIDED, **more}
    with staging(root, "retraining") as folder:
        pq.write_table(pa.Table.from_pylist(shifts), f"{folder}/drift.parquet")
        write_suspect_labels(root, folder, [("s1", "up"), ("s2", None)])
        commit_retraining(root, folder, "m", description, NOW.replace(second=9))
    index_pages.refresh(root, [])
    page, index = text_of(root, "models/m/index.html"), text_of(root, "index.html")
    assert "worse on old rows" in page
    assert "2 labels were doubted" in page
    [entry] = re.findall(r'labels of new rows are doubted \(<a href="#([^"]+)">which', page)
    assert f'<h3 id="{entry}">' in page
    assert "<code>s1</code> (up), <code>s2</code>; all of them in" in page
    assert '<div class="bar hot" aria-hidden="true"><i style="width:75.00%">' in page
    assert '<span class="care">value: mean</span>' in index
    assert '<a class="care" href="models/m/index.html#retrainings">2 about labels</a>' in index


def test_a_model_s_page_shows_its_policy(root: Root, seqclass: Command, tmp_path: Path) -> None:
    store_version(root, "m", metrics=SCORES)
    index_pages.refresh(root, [])
    assert "It has none: retrainings go by their own spec" in text_of(root, "models/m/index.html")
    policy = {"owner": "<ann>", "retraining": {"approval": True, "gate": {"worse": 0.01}}}
    (file := tmp_path / "policy.json").write_text(json.dumps(policy))
    assert seqclass("policy", "m", "--set", str(file))[0] == 0
    page = text_of(root, "models/m/index.html")
    assert "<dt>owner</dt><dd><code>&#34;&lt;ann&gt;&#34;</code></dd>" in page
    assert "<dt>retraining.gate.worse</dt><dd><code>0.01</code></dd>" in page
    assert page.count("<dt>retraining.") == 2
    (entry := Path(newest_entry_of(root, "m"))).write_text("{")
    summary = summarize(root, "m")
    assert summary.policy is None
    assert {str(entry) in damage["problem"] for damage in summary.damaged} == {True}


def test_a_version_whose_scores_have_another_shape_keeps_its_model_s_page(
    tree: Root, root: Root, seqclass: Command
) -> None:
    """Its report is missing, and named on standard error and on the first page."""
    store_again(root, open_model(tree, "toy@v1"), "m", committee={"members": []})
    code, _, err = seqclass("pages", "--root", root.path)
    assert code == 0
    report = Path(root.path, "models/m/v1/report.html")
    assert not report.exists()
    assert "v1" in text_of(root, "models/m/index.html")
    assert err.startswith(f"seqclass: left out, damaged: {report}: ")
    assert err.count("\n") == 1
    assert str(report) in text_of(root, "index.html")


def test_a_fault_of_a_template_is_no_damage(
    tree: Root, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_none(_: str, *place: str, **content: Any) -> str:
        return render("none", *place, **content)

    store_again(root, open_model(tree, "toy@v1"), "m")
    monkeypatch.setattr(version_report, "render", of_none)
    with pytest.raises(TemplateNotFound):
        index_pages.write_all(root)


def test_a_report_that_is_lost_or_another_s_is_drawn_again(
    tree: Root, root: Root, seqclass: Command
) -> None:
    for _ in range(2):
        store_again(root, open_model(tree, "toy@v1"), "toy")
    index_pages.write_all(root)
    report, beside = (
        page_path(root, f"models/toy/{version}/report.html") for version in ("v1", "v2")
    )
    drawn = without_time(report)
    for other in (None, beside, page_path(tree, PAGES[3])):
        report.unlink()
        if other:
            report.write_bytes(other.read_bytes())
        index_pages.refresh(root, ["models/toy@v2"])
        assert seqclass("pages", "--root", root.path)[0] == 0
        assert without_time(report) == drawn


def without_time(page: Path) -> str:
    """A page without the moment at which it was drawn."""
    return re.sub(r"<footer.*?</footer>", "", page.read_text(), flags=re.S)


def test_the_largest_report_stays_below_half_a_megabyte(tree: Root, root: Root) -> None:
    """Eighty-six classes, nine series of as many channels and points as are drawn, ten seeds."""
    trained = open_model(tree, "toy@v1")
    drawings, metrics = trained.read_json("report.json"), trained.read_json("metrics.json")
    names = [f"a class of some length {n}" for n in range(86)]
    values = np.random.default_rng(0).normal(size=(MAX_CHANNELS, POINTS)).round(4).tolist()
    long = {"series_id": "s", "n_steps": 500,
            "values": {f"channel {n}": points for n, points in enumerate(values)}}  # fmt: skip
    row = {**drawings["hardest"][0], "series": long, "nearest": [["up", long]],
           "speaks": np.linspace(0, 1, POINTS).tolist()}  # fmt: skip
    drawings["hardest"] = [row] * 9
    scores = {**metrics["metrics"], "per_class": dict.fromkeys(names, CLASS),
              "confusion": np.full((86, 86), 7).tolist()}  # fmt: skip
    decision = {**metrics["decision"], "possible": [0.1] * 86}
    store_again(root, trained, "m", drawings, classes=names, metrics=scores, decision=decision)
    index_pages.write_all(root)
    page = text_of(root, "models/m/v1/report.html")
    assert 250_000 < len(page) <= 500_000
    assert "The 40 most frequent mistakes" in page


CLASS = {"precision": 0.9, "recall": 0.9, "f1": 0.9, "support": 100}


def test_a_first_training_that_was_refused_says_so_and_names_commands_that_work(
    tree: Root, root: Root, seqclass: Command
) -> None:
    why = "balanced accuracy 0.605 may be chance"
    store_again(root, open_model(tree, "toy@v1"), "m", verdict={"better": False, "reasons": [why]})
    index_pages.write_all(root)
    page, index = text_of(root, "models/m/index.html"), text_of(root, "index.html")
    assert page.count(why) == 2
    assert f"v1 refused: {why}" in index
    assert "seqclass promote m@v1 --force" in page
    commands = re.findall(r"^(?:<pre>)?seqclass (.*?) +#", page, re.M)
    assert [line.split() for line in commands] == [["show", "m@v1"], ["reproduce", "m@v1"]]
    assert seqclass("show", "m@v1", "--root", root.path)[0] == 0
    history = seqclass("history", "m", "--root", root.path)[1]
    assert f"no version answered; the newest was refused: {why}" in history


def test_a_champion_s_report_does_not_offer_to_promote_it(tree: Root) -> None:
    assert "seqclass promote" not in text_of(tree, "models/toy/v1/report.html")
    assert "seqclass promote toy@v2" in text_of(tree, "models/toy/v2/report.html")
