"""What commands print of stored records: of datasets, models and studies."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import typer

from seqclass.flows.cli.command_line import name_damaged
from seqclass.flows.cli.printing import (
    command_line,
    print_json,
    print_record,
    print_result,
    print_table,
)
from seqclass.store.manifests import DatasetManifest
from seqclass.store.references import DatasetRef
from seqclass.store.root import DamagedError, Damages, Root, printable

if TYPE_CHECKING:
    import numpy as np

    from seqclass.labelling.truth import LaterTruth
    from seqclass.pipeline.training import Trained
    from seqclass.store.approvals import Question
    from seqclass.store.datasets import Dataset
    from seqclass.store.models import Model
    from seqclass.stored_records import Metrics, Stability, Verdict

LSTM_SCORES = ("macro_precision", "macro_recall", "macro_f1", "accuracy", "log_loss")
SCORES = ("accuracy", "macro_f1", "balanced_accuracy")
LISTED = ("n_series", "n_steps", "channels", "classes", "unlabelled", "splits", "rejected")
EVIDENCE = {"rows": "rows", "held_rows": "held-back rows",
            "balanced_accuracy": "balanced accuracy", "interval": "interval"}  # fmt: skip
"""Shown keys of the evidence for a first champion if test rows are few, and their headings."""
MAX_CHANNELS = 8
WIDTH, HEIGHT = 72, 6
"""Size of the picture of a channel, in characters."""
BLANK, DOTS = 0x2800, ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The blank character of Braille, and the bits of its two columns of dots, from the top."""


def dataset_summary(manifest: DatasetManifest) -> dict[str, Any]:
    """Return the fields of a version that lists print."""
    shown = {key: cast("Any", manifest)[key] for key in LISTED}
    return {"dataset": str(DatasetRef(manifest["name"], manifest["version"])), **shown}


def dataset_facts(store: Root, manifest: DatasetManifest) -> dict[str, Any]:
    """Return what people are shown of a dataset version."""
    facts = dataset_summary(manifest)
    if "group" in manifest["columns"]:
        facts["groups"] = f"{manifest.get('groups') or 0:,}, each on one side of every split"
    shares = {name: channel["missing"] for name, channel in manifest["profile"].items()}
    facts["missing"] = {name: f"{share:.2%}" for name, share in shares.items() if share}
    folder = store.join("datasets", manifest["name"], manifest["version"])
    return {**facts, "files": store.address(folder)}


def show_dataset(store: Root, ref: str, as_json: bool) -> None:
    """Print a new dataset version, and the command that follows."""
    from seqclass.store.datasets import open_dataset

    manifest = open_dataset(store, ref).manifest
    following = f"next: {command_line(store, *_next(store, manifest))}"
    people = dataset_facts(store, manifest)
    print_result(dataset_summary(manifest), as_json, following, people=people)


def _next(store: Root, manifest: DatasetManifest) -> tuple[str, str]:
    """Return what follows: a retraining where a champion of that name learnt from the dataset."""
    from seqclass.store.manifests import known_dataset
    from seqclass.store.registry import champion_of, open_model

    name = manifest["name"]
    try:
        if champion_of(store, name):
            dataset = DatasetRef.parse(known_dataset(open_model(store, name).manifest))
            if dataset.name == name:
                return "retrain", name
    except DamagedError:  # 'verify' names it
        pass
    return "train", f"{name}@{manifest['version']}"


def print_facts(records: Sequence[Mapping[str, Any]]) -> None:
    """Print what was read of files beside their rows."""
    from seqclass.store.formats.file_format import facts_of

    for record in records:
        if facts := facts_of(record):
            summary = facts.summary(record)
            print_record({summary.name: summary.subtitle, **dict(summary.lines)})


def show_series(dataset: "Dataset", series_id: str, as_json: bool) -> None:
    """Print a series of a dataset by its id, with a picture."""
    import numpy as np
    import pyarrow.compute as pc

    labels = dataset.labels()
    row = pc.index(labels["series_id"], series_id).as_py()
    if row < 0:
        some = ", ".join(labels["series_id"][:3].to_pylist())
        raise ValueError(
            f"--series: expected an id of {dataset.ref}, such as {printable(some)}, got "
            f"{series_id!r}; correct it"
        )
    [facts] = labels.slice(row, 1).to_pylist()
    values = dataset.values(np.array([row]))[0, : facts["n_steps"]].T
    if as_json:
        by_channel = {
            name: [value if math.isfinite(value) else None for value in channel.tolist()]
            for name, channel in zip(dataset.channels, values, strict=True)
        }
        print_json({"dataset": dataset.ref, **facts, "values": by_channel})
        return
    print_record({"dataset": dataset.ref, **facts})
    for name, channel in zip(dataset.channels[:MAX_CHANNELS], values, strict=False):
        typer.echo(drawn_channel(printable(name), channel))
    if (left := len(dataset.channels) - MAX_CHANNELS) > 0:
        typer.echo(f"{left} channels more: --json has all values")


def drawn_channel(name: str, values: "np.ndarray") -> str:
    """Return the finite values ``(steps,)`` of a channel as a line of dots, with their ends."""
    import numpy as np

    finite = np.isfinite(values)
    if not finite.any():
        return f"{name}: no value"
    low, high = float(values[finite].min()), float(values[finite].max())
    steps, last = np.arange(len(values)), len(values) - 1
    places = np.union1d(steps, np.linspace(0, last, 2 * WIDTH))
    points = np.interp(places, steps, values)
    is_there = np.isfinite(points)
    columns = (places[is_there] / max(last, 1) * (2 * WIDTH - 1)).round().astype(int)
    heights = (high - points[is_there]) / ((high - low) or 1.0) * (4 * HEIGHT - 1)
    lines, dots = np.divmod(heights.round().astype(int), 4)
    cells = np.zeros((HEIGHT, WIDTH), int)
    np.bitwise_or.at(cells, (lines, columns // 2), np.array(DOTS)[columns % 2, dots])
    drawn = "\n".join("".join(chr(BLANK + cell) for cell in line) for line in cells)
    missing = f", {(~finite).mean():.1%} missing" if not finite.all() else ""
    return f"{name}: {low:.4g} to {high:.4g}, {len(values):,} steps{missing}\n{drawn}"


def show_training(
    store: Root, outcome: "Trained", as_json: bool, beside: tuple[float, ...] = ()
) -> None:
    """Print what a training registered. beside: macro F1 of other LSTMs on data of this kind."""
    from seqclass.store.registry import open_model

    model = open_model(store, outcome["model"])
    if as_json:
        print_json(training_summary(model, outcome))
        return
    print_model(model, outcome["decision"])
    typer.echo(f"pages:    {store.address(store.join('index.html'))}")
    if beside:
        recorded = ", ".join(f"{value:.3f}" for value in beside)
        typer.echo(f"beside it, three runs of the original author's own LSTM, macro F1: {recorded}")


def training_summary(model: "Model", outcome: "Trained") -> dict[str, Any]:
    """Return the output of ``--json`` for a training."""
    keys = ("seed", "accuracy", "macro_f1", "restarts", "seconds", "weights_sha256")
    metrics, stability = _records(model)
    return {
        "dataset": outcome["dataset"],
        "model": model.ref,
        "repeated": outcome["repeated"],
        "verdict": outcome["verdict"],
        "promoted": outcome["promoted"],
        "refused": outcome["refused"],
        "decision": outcome["decision"],
        "lstm": stability["lstm"],
        "metrics": model.manifest["metrics"],
        "seeds": [{key: cast("Any", s)[key] for key in keys} for s in stability["seeds"]],
        "leaks": metrics["leaks"],
        "ensemble": metrics["ensemble"],
        "baselines": {
            name: {key: scores[key] for key in ("accuracy", "macro_f1")}
            for name, scores in metrics["baselines"].items()
        },
        "report": f"{model.folder}/report.html",
    }


def _records(model: "Model") -> "tuple[Metrics, Stability]":
    metrics, stability = map(model.read_json, ("metrics.json", "stability.json"))
    return cast("Metrics", metrics), cast("Stability", stability)


def show_model(store: Root, ref: str, as_json: bool) -> None:
    from seqclass.store.log import read_log
    from seqclass.store.registry import champion_of, open_model

    model, bad = open_model(store, ref), Damages()
    audit = read_log(store, model.name, bad)
    if as_json:
        metrics, stability = _records(model)
        question = _question(model)
        waits = question and {"version": question.version, "until": question.until.isoformat()}
        truth = _truth(store, model.name)
        print_json({**model.manifest, "model": model.ref, "audit": audit,
                    "champion": champion_of(store, model.name), "awaits_approval": waits,
                    "truth": truth and asdict(truth), "baselines": metrics["baselines"],
                    "stability": stability, "leaks": metrics["leaks"]})  # fmt: skip
    else:
        print_model(model)
    name_damaged(bad)


def _question(model: "Model") -> "Question | None":
    from seqclass.store.approvals import open_question

    try:
        return open_question(model.root, model.name)
    except DamagedError:  # 'verify' names it
        return None


def _truth(store: Root, name: str) -> "LaterTruth | None":
    from seqclass.store.scores import SCORES

    if not store.names(SCORES, name):
        return None
    from seqclass.pages.model_summary import truth_told  # with what draws pages, which takes 0.3 s

    return truth_told(store, name)


def print_model(model: "Model", decision: str = "") -> None:
    """Print what people are told of a version; its report has the rest.

    decision: why a training has made it the champion, or not; else the stored reason.
    """
    from seqclass.pages.trust import trust_of
    from seqclass.store.approvals import how_to_answer
    from seqclass.store.models import COMPARISON
    from seqclass.store.registry import champion_of

    root, comparison = model.root, model.read_json(COMPARISON)
    metrics, stability = _records(model)
    print_table([*_lstm_rows(stability, metrics["registered_seed"])], f"LSTM alone ({model.ref})")
    champion = champion_of(root, model.name)
    mark = " (champion)" if champion == model.version else ""
    scored = {"this model": metrics["metrics"], **metrics["baselines"]}
    print_table([{"": name.replace("_", " "), **{key: cast("Any", scores)[key] for key in SCORES}}
                 for name, scores in scored.items()], f"{model.ref}{mark}")  # fmt: skip
    trust = trust_of(metrics, stability, model.manifest["refused"], cast("Verdict", comparison))
    evidence = metrics["evidence"]
    judged = {shown: cast("Any", evidence)[key] for key, shown in EVIDENCE.items()}
    then = f"when it was trained: {comparison['reason']}"
    question = None if decision else _question(model)
    print_record({
        "unknown": metrics["unknown"],
        "test_rows": metrics["test_rows"],
        "accuracy_answered": metrics["abstention"]["accuracy_answered"],
        "judged_by": judged if evidence["held_rows"] else None,
        "auxiliary": model.manifest["spec"].get("auxiliary"),
        "champion": champion or "none yet",
        "decision": decision or then,
        "dataset": f"{root.url.rstrip('/')}/{model.manifest['dataset'].replace('@', '/')}",
        "model": f"{root.address(model.folder)}/model.keras",
        "report": f"{root.address(model.folder)}/report.html",
        "trust": [trust.sentence, *trust.doubts],
        "lstm": [metrics["committee"]["lstm"]],
        "question": [how_to_answer(model.name, question)] if question else None,
    })  # fmt: skip
    name = model.name if mark else f"{model.name}@{model.version}"
    typer.echo(f"next: {command_line(root, 'score', name, 'PATH')}")


def _lstm_rows(stability: "Stability", registered: int | None) -> Iterator[dict[str, Any]]:
    """Yield the scores of the LSTM alone on the test rows, by seed, and how they spread."""
    spread = stability.get("lstm")
    if not spread:
        return
    for seed in stability["seeds"]:
        [lstm] = [member for member in seed["members"] if member["name"] == "conv-lstm"]
        name = f"seed {seed['seed']}{' (registered)' if seed['seed'] == registered else ''}"
        scores = {key: cast("Any", seed["lstm"])[key] for key in LSTM_SCORES}
        yield {"": name, **scores, "updates": lstm["updates"], "networks": lstm["networks"]}
    if len(stability["seeds"]) > 1:
        for name in ("mean", "sd", "worst"):
            row = {"": name}
            for key in LSTM_SCORES:
                worst = "max" if key == "log_loss" else "min"
                row[key] = cast("Any", spread["spread"][key])[worst if name == "worst" else name]
            yield row


def show_wrong(store: Root, ref: str, as_json: bool) -> None:
    """Print the test rows that a version answers wrongly, the surest answer first."""
    from seqclass.store.models import ANSWERS
    from seqclass.store.registry import open_model
    from seqclass.store.tables import read_table

    model = open_model(store, ref)
    columns = ["series_id", "label", "prediction", "answer", "confidence"]
    rows = read_table(store, model.path(ANSWERS), columns).to_pylist()
    wrong = sorted(
        (row for row in rows if row["prediction"] != row["label"]),
        key=lambda row: -row["confidence"],
    )
    if as_json:
        print_json({"model": model.ref, "rows": len(rows), "wrong": wrong})
        return
    print_table(wrong)
    typer.echo(f"{len(wrong):,} of {len(rows):,} test rows are answered wrongly by {model.ref}")


def show_study(store: Root, ref: str, as_json: bool, trained: int | None = None) -> None:
    """Print a study. trained: number of new runs, if the study was made just now."""
    from seqclass.store.studies import open_study

    study = open_study(store, ref)
    variants = study.read_json("stability.json")["variants"]
    record = {
        "study": study.ref, "dataset": study.manifest["dataset"], "trained": trained,
        "variants": variants, "table": f"{study.folder}/runs.parquet",
        "report": f"{study.folder}/report.html",
    }  # fmt: skip
    rows = [{
        "recipe": v["recipe"], "architecture": v["architecture"], "seeds": v["n_seeds"],
        "LSTM alone": v["lstm"]["spread"]["macro_f1"]["mean"] if v.get("lstm") else "none",
        **{name: v["spread"]["macro_f1"][value] for name, value in
           (("macro F1", "mean"), ("sd", "sd"), ("lowest", "min"), ("highest", "max"))},
        "validation log-loss": v["validation_log_loss_mean"], "restarts": v["restarts"],
        "gate": v["refused"] or "passed",
    } for v in variants]  # fmt: skip
    places = {key: store.address(record[key]) for key in ("table", "report")}
    print_result(record, as_json, people={**record, "variants": rows, **places})
