"""The learning curve of many rows, from the flow to the command and the page."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from seqclass.evaluation.learning_curve import curve_line
from seqclass.row_split import select_rows, split_of
from seqclass.store.registry import open_model
from seqclass.store.root import Root
from seqclass.training.row_order import part_of
from tests.support.commands import Command
from tests.support.networks import BRIEF
from tests.support.stored import store_series

MANY = replace(BRIEF, seeds=1, curve_above=400)


def trained(root: Root, name: str, spec: object) -> str:
    from flows.training import train_classifier

    return train_classifier(name, spec=spec, root=root.path)["model"]


def test_many_rows_begin_with_their_curve(prefect: str, root: Root, seqclass: Command) -> None:
    store_series(root, n=600)
    model = open_model(root, trained(root, "toy", MANY))
    curve = model.read_json("metrics.json")["learning_curve"]
    rows = len(split_of(model).train)
    assert curve["rows"][2] == rows > MANY.curve_above
    assert curve["rows"][0] < curve["rows"][1] < rows
    assert not curve["is_enough"]
    code, out, _ = seqclass("show", model.ref, "--root", root.path)
    assert code == 0
    assert curve_line(curve) in out
    assert curve_line(curve) in Path(f"{model.folder}/report.html").read_text()
    code, out, _ = seqclass("show", model.ref, "--json", "--root", root.path)
    assert json.loads(out)["learning_curve"] == curve


def test_a_budget_ends_a_flat_curve_with_a_third_of_the_rows(
    prefect: str, root: Root, seqclass: Command
) -> None:
    label = np.random.default_rng(0).choice(["up", "down"], 600).tolist()
    dataset = store_series(root, n=600, label=label)
    whole = select_rows(dataset, MANY)
    model = open_model(root, trained(root, "toy", replace(MANY, budget_s=600.0)))
    found = model.read_json("metrics.json")
    assert found["learning_curve"]["is_flat"]
    assert found["learning_curve"]["is_enough"]
    split = split_of(model)
    third = part_of(whole.codes[whole.train], 3, MANY.split_seed)
    np.testing.assert_array_equal(split.train, whole.train[third])
    np.testing.assert_array_equal(split.test, whole.test)
    assert found["train_rows"] == found["learning_curve"]["rows"][1] == len(third)
    assert found["split"]["amiss"] == []
    assert len(dataset.labels()) == 600
    code, out, err = seqclass("reproduce", model.ref, "--root", root.path)
    assert code == 0, out + err


def test_parts_of_rare_classes_alone_have_no_curve(root: Root) -> None:
    from seqclass.pipeline.split_rows import split_rows
    from tasks.training.curve import add_curve

    dataset = store_series(root, n=60)
    spec = replace(MANY, curve_above=10)
    candidate = split_rows(dataset.ref, spec, root.join("candidate"), root)
    assert add_curve(candidate) == candidate


def test_a_threshold_below_none_is_refused(seqclass: Command, root: Root, tmp_path: Path) -> None:
    store_series(root)
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"curve_above": -1}))
    code, _, err = seqclass("train", "toy", "--spec", spec, "--root", root.path)
    assert code == 2
    assert "curve_above: expected a whole number" in err
