"""Output of the commands on trainings and models."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import typer
from typing_extensions import TypedDict

from seqclass.flows.cli.command_line import name_damaged
from seqclass.flows.cli.printing import add_row, new_table, print_json, print_rows, print_table
from seqclass.store.manifests import ShownScores
from seqclass.store.root import Damages, Root, printable

if TYPE_CHECKING:
    from seqclass.evaluation.goals import GoalScores
    from seqclass.evaluation.intervals import Accuracy
    from seqclass.evaluation.leaks import Leaks
    from seqclass.evaluation.lstm_alone import LstmSpread
    from seqclass.labelling.truth import Truth
    from seqclass.monitoring.decide import FinalVerdict
    from seqclass.monitoring.first_champion import FirstEvidence
    from seqclass.pipeline.training import Trained
    from seqclass.row_split import SplitSummary
    from seqclass.store.models import Model
    from seqclass.stored_records import EnsembleRecord, Gain, Metrics, Stability

AUTHOR = (0.999, 0.493, 0.842)
"""Macro F1 of the runs that the author of the first repository recorded."""
MAX_CLASSES = 12
"""Number of classes up to which the scores of each are printed; the report shows all."""
ONE_SEED = (
    "one seed can't disagree with itself, so the stability gate has no evidence: how far another "
    "would differ is not known; train more with --seeds"
)
FEW_ROWS = 100
"""Number of test rows below which the 95% interval of an accuracy of 0.9 is wider than 0.1."""


class TrainingSummary(TypedDict):
    """The output of ``--json`` for a training; ``seeds``, ``baselines``: their figures by name."""

    dataset: str
    model: str
    verdict: "FinalVerdict"
    promoted: bool
    refused: str | None
    decision: str
    lstm: "LstmSpread | None"
    metrics: ShownScores
    seeds: list[dict[str, float | str]]
    leaks: "Leaks | None"
    ensemble: "EnsembleRecord | None"
    baselines: dict[str, dict[str, float]]
    report: str


def show_training(store: Root, outcome: "Trained", as_json: bool, by_author: bool = False) -> None:
    """Print what a training registered; by_author: whether the data are the author's families."""
    if as_json:
        print_json(training_summary(store, outcome))
        return
    show_model(store, outcome["model"], False, outcome["decision"])
    typer.echo(f"catalogue: {store.address(store.join('index.html'))}")
    if by_author:
        answer_author(store, outcome["model"])


def training_summary(store: Root, outcome: "Trained") -> TrainingSummary:
    from seqclass.store.registry import open_model

    model = open_model(store, outcome["model"])
    keys = ("seed", "accuracy", "macro_f1", "restarts", "seconds", "weights_sha256")
    metrics = cast("Metrics", model.read_json("metrics.json"))
    return {
        "dataset": outcome["dataset"],
        "model": model.ref,
        "verdict": outcome["verdict"],
        "promoted": outcome["promoted"],
        "refused": outcome["refused"],
        "decision": outcome["decision"],
        "lstm": model.read_json("stability.json")["lstm"],
        "metrics": model.manifest["metrics"],
        "seeds": [{k: s[k] for k in keys} for s in model.read_json("stability.json")["seeds"]],
        "leaks": metrics["leaks"],
        "ensemble": metrics["ensemble"],
        "baselines": {
            name: {key: scores[key] for key in ("accuracy", "macro_f1")}
            for name, scores in metrics["baselines"].items()
        },
        "report": f"{model.folder}/report.html",
    }


def show_model(store: Root, ref: str, as_json: bool, decision: str = "") -> None:
    from seqclass.store.approvals import how_to_answer, open_question
    from seqclass.store.log import read_log
    from seqclass.store.models import COMPARISON
    from seqclass.store.registry import champion_of, open_model

    model = open_model(store, ref)
    metrics = cast("Metrics", model.read_json("metrics.json"))
    spread = cast("Stability", model.read_json("stability.json"))
    champion = champion_of(store, model.name)
    bad = Damages()
    audit = read_log(store, model.name, bad)
    name_damaged(bad)
    question = None if bad else open_question(store, model.name)
    truth = _truth_told(store, model.name)
    waits = question and {"version": question.version, "until": question.until.isoformat()}
    if as_json:
        print_json({**model.manifest, "model": model.ref, "champion": champion, "audit": audit,
                     "awaits_approval": waits, "truth": truth and asdict(truth),
                     "baselines": metrics["baselines"], "stability": spread,
                     "leaks": metrics["leaks"]})  # fmt: skip
        return
    print_lstm(model.ref, spread)
    _print_training_rows(model, metrics, spread)
    typer.echo(metrics["committee"]["lstm"])
    print_scores(model.ref + (" (champion)" if champion == model.version else ""), metrics)
    print_seeds(spread, metrics["registered_seed"])
    if ensemble := metrics["ensemble"]:
        typer.echo(ensemble_gain(ensemble["gain"], len(spread["seeds"])))
    typer.echo(seeds_line(spread, metrics["test_rows"]))
    typer.echo(split_line(metrics["split"]))
    print_leaks(metrics)
    if where := metrics["where"]:
        typer.echo(where_line(where))
    print_truth(model.version, truth)
    then = f"when it was trained: {model.read_json(COMPARISON)['reason']}"
    typer.echo(f"champion: {champion or 'none yet'}; {decision or then}")
    if question and not decision:
        typer.echo(how_to_answer(model.name, question))
    folder = store.address(model.folder)
    typer.echo(f"dataset:  {store.url.rstrip('/')}/{model.manifest['dataset'].replace('@', '/')}")
    typer.echo(f"model:    {folder}/model.keras")
    typer.echo(f"report:   {folder}/report.html")


def show_wrong(store: Root, ref: str, as_json: bool) -> None:
    """Print the test rows that a version answers wrongly, the surest answer first."""
    from seqclass.store.models import ANSWERS
    from seqclass.store.registry import open_model
    from seqclass.store.tables import read_table

    model = open_model(store, ref)
    if not model.has(ANSWERS):
        raise ValueError(
            f"--wrong: expected a version that keeps its answers, {model.ref} has none; train again"
        )
    columns = ["series_id", "label", "prediction", "answer", "confidence"]
    rows = read_table(store, model.path(ANSWERS), columns).to_pylist()
    wrong = sorted(
        (row for row in rows if row["prediction"] != row["label"]),
        key=lambda row: -row["confidence"],
    )
    if as_json:
        print_json({"model": model.ref, "rows": len(rows), "wrong": wrong})
        return
    table = new_table("series", "label", "prediction", "probability", "answer")
    for row in wrong:
        texts = (printable(row[name]) for name in ("series_id", "label", "prediction", "answer"))
        series_id, label, prediction, answer = texts
        add_row(table, series_id, label, prediction, f"{row['confidence']:.4f}", answer)
    print_rows(table, wrong, "no wrong answer")
    typer.echo(f"{len(wrong):,} of {len(rows):,} test rows are answered wrongly by {model.ref}")


def _print_training_rows(model: "Model", metrics: "Metrics", spread: "Stability") -> None:
    from seqclass.auxiliary_rows import auxiliary_line

    if line := limit_line(spread):
        typer.echo(line)
    if line := seen_line(spread, metrics["train_rows"]):
        typer.echo(line)
    if auxiliary := model.manifest["spec"].get("auxiliary"):
        typer.echo(f"auxiliary: {auxiliary_line(auxiliary, spread['seeds'])}")


def _truth_told(store: Root, name: str) -> "Truth | None":
    from seqclass.store.scores import SCORES

    if not store.names(SCORES, name):
        return None
    from seqclass.pages.model_summary import truth_told  # with what draws pages, which takes 0.3 s

    return truth_told(store, name)


def print_truth(version: str, truth: "Truth | None") -> None:
    """Print the estimated accuracy of a version's answers beside the one that labels showed."""
    for v in truth.versions if truth else ():
        if v.version == version and v.like:
            every = v.like.every
            low, high = every.interval
            typer.echo(
                f"answers whose labels came later: {every.rows:,}, accuracy {every.realised:.4f} "
                f"(95%: {low:.4f} to {high:.4f}), {every.estimated:.4f} was estimated"
            )


def print_lstm(ref: str, spread: "Stability") -> None:
    """Print precision, recall and F1 of the LSTM alone on the test rows, by seed and class."""
    lstm_spread = spread.get("lstm")
    if not lstm_spread:
        return
    table = new_table(f"LSTM alone ({ref})", "precision", "recall", "macro F1", "accuracy",
                      "log-loss", "updates", "networks")  # fmt: skip
    keys = ("macro_precision", "macro_recall", "macro_f1", "accuracy", "log_loss")
    for seed in spread["seeds"]:
        [lstm] = [member for member in seed["members"] if member["name"] == "conv-lstm"]
        alone = cast("Mapping[str, float]", seed["lstm"])
        scores = [f"{alone[key]:.4f}" for key in keys]
        add_row(table, f"seed {seed['seed']}", *scores, str(lstm["updates"]), str(lstm["networks"]))
    if len(spread["seeds"]) > 1:
        spreads = [lstm_spread["spread"][key] for key in keys]
        worst = [s["max" if k == "log_loss" else "min"] for k, s in zip(keys, spreads, strict=True)]
        means, sds = [s["mean"] for s in spreads], [cast(float, s["sd"]) for s in spreads]
        for label, values in (("mean", means), ("sd", sds), ("worst", worst)):
            add_row(table, label, *(f"{value:.4f}" for value in values), "", "", style="bold")
    print_table(table)
    if len(lstm_spread["per_class"]) <= MAX_CLASSES:
        print_lstm_classes(lstm_spread)


def print_lstm_classes(lstm_spread: "LstmSpread") -> None:
    """Print the same scores by class: the mean over the seeds, and the worst seed."""
    names = ("precision", "recall", "F1")
    table = new_table("LSTM alone, by class", *(f"{n}{w}" for n in names for w in ("", ", worst")))
    for label, scores in lstm_spread["per_class"].items():
        cells = [f"{scores[name][which]:.4f}" for name in ("precision", "recall", "f1")
                 for which in ("mean", "min")]  # fmt: skip
        add_row(table, label, *cells)
    print_table(table)


def answer_author(store: Root, ref: str) -> None:
    """Answer the question with which this project began: does an LSTM learn with every seed?"""
    from seqclass.store.registry import open_model

    spread = cast("Stability", open_model(store, ref).read_json("stability.json"))
    lstm = [scores for seed in spread["seeds"] if (scores := seed.get("lstm"))]
    if not lstm:
        return
    rows = ", ".join(
        f"{s['macro_precision']:.3f} / {s['macro_recall']:.3f} / {s['macro_f1']:.3f}" for s in lstm
    )
    typer.echo(f"the LSTM alone on {len(lstm)} seeds, macro precision / recall / F1: {rows}")
    recorded = ", ".join(f"{value:.3f}" for value in AUTHOR)
    typer.echo(f"beside it, three runs of the original author's own LSTM, macro F1: {recorded}")


def limit_line(spread: "Stability") -> str | None:
    """Return at which limit LSTMs still learnt, and what takes them further; None if none did."""
    members = [member for seed in spread["seeds"] for member in seed["members"]]
    limits = [member["limit"] for member in members if member["why"] == "still learning"]
    if not limits:
        return None
    longest = json.dumps({"recipe": {"longest": 2 * max(limits)}})
    return (
        f"the LSTM of {len(limits)} of {len(spread['seeds'])} seeds still learnt at its limit of "
        f"{max(limits):,} updates; {longest} in the file of --spec takes it further"
    )


def seen_line(spread: "Stability", train_rows: int) -> str | None:
    """Return how many of the training rows the LSTMs saw, or None if they saw all of them."""
    members = [member for seed in spread["seeds"] for member in seed["members"]]
    lstms = [member for member in members if member["name"] == "conv-lstm"]
    least = min((lstm["seen"] for lstm in lstms), default=train_rows)
    if all(lstm["seen"] + lstm["rows"] >= train_rows for lstm in lstms):
        return None
    return f"the LSTM saw {least:,} of {train_rows:,} training rows before its training ended"


def split_line(split: "SplitSummary") -> str:
    """Return the share of test series, and the class with the smallest share."""
    fewest = min(split["test_rows"], key=lambda label: split["test_rows"][label])
    whose = "by the dataset's own split" if split["official"] else "held back"
    facts = [f"{split['share']:.1%} of the series test, {whose}",
             f"smallest class among them: {fewest}, {split['test_rows'][fewest]}",
             *split["amiss"]]  # fmt: skip
    return f"split: {'; '.join(facts)}"


def seeds_line(spread: "Stability", n_rows: int) -> str:
    """Return how a recipe's seeds spread; a single seed has no spread."""
    if len(spread["seeds"]) == 1:
        return ONE_SEED
    f1 = spread["spread"]["macro_f1"]
    return (
        f"macro F1 over seeds: mean {f1['mean']:.4f}, sd {f1['sd']:.4f}, lowest {f1['min']:.4f}; "
        f"{spread['flipping_rows']} of {n_rows} test rows flip between seeds"
    )


def print_leaks(metrics: "Metrics") -> None:
    leaks = metrics["leaks"]
    for amiss in leaks["amiss"]:
        typer.echo(f"leaks: {amiss}")
    if leaks["exact"] or leaks["near"]:
        pair = leaks["examples"][0]
        typer.echo(
            f"leaks: {leaks['exact']} test series are copies of training series and "
            f"{leaks['near']} near copies, such as {pair['test']} of {pair['train']}"
        )


def print_scores(title: str, record: "Metrics") -> None:
    from seqclass.store.split import of_groups

    table = new_table(title, "accuracy", "macro F1", "balanced accuracy")
    rows = {"this model": record["metrics"], **record["baselines"]}
    for label, scores in rows.items():
        cells = [f"{scores[k]:.4f}" for k in ("accuracy", "macro_f1", "balanced_accuracy")]
        add_row(
            table,
            label.replace("_", " "),
            *cells,
            style="bold" if scores is record["metrics"] else "",
        )
    print_table(table)
    metrics = record["metrics"]
    low, high = metrics["intervals"]["macro_f1"]
    typer.echo(
        f"macro F1 {metrics['macro_f1']:.4f}, 95% interval {low:.4f} to {high:.4f}, "
        f"log-loss {metrics['log_loss']:.4f}, calibration error {metrics['ece']:.4f} "
        f"on {record['test_rows']} test rows{of_groups(record)}"
    )
    if record["test_rows"] < FEW_ROWS:
        typer.echo(out_of_fold_line(record["out_of_fold"], record["test_rows"]))
    if record["evidence"]["held_rows"]:
        typer.echo(evidence_line(record["evidence"]))
    typer.echo(unknown_line(record))
    print_goals("answers for each goal", record["by_goal"], record["goal"])


def out_of_fold_line(out_of_fold: "Accuracy", n_test: int) -> str:
    """Return the out-of-fold accuracy on training rows, which helps if test rows are few."""
    low, high = cast("list[float]", out_of_fold["interval"])
    return (
        f"{n_test} test rows say little. Members that were not fitted to them answer "
        f"{out_of_fold['accuracy']:.4f} of {out_of_fold['rows']} training rows correctly, 95% "
        f"interval {low:.4f} to {high:.4f}; this is a little optimistic, since these rows weigh "
        "the members"
    )


def evidence_line(evidence: "FirstEvidence") -> str:
    """Return the evidence for a first champion if test rows are few."""
    from seqclass.monitoring.first_champion import words_of_rows

    low, high = evidence["interval"]
    return (
        f"a first champion is judged by {words_of_rows(evidence)}, each answered by what had not "
        f"learnt from it: balanced accuracy {evidence['balanced_accuracy']:.4f}, "
        f"{1 - evidence['significance']:.0%} interval {low:.4f} to {high:.4f}"
    )


def unknown_line(metrics: "Metrics") -> str:
    """Return how many test rows are answered with ``unknown``, and why."""
    from seqclass.store.few_references import ambiguity_rule, too_few_references

    abstention, why = metrics["abstention"], metrics["unknown"]
    right = abstention["accuracy_answered"]
    few = too_few_references(metrics["references"], metrics["decision"]["unfamiliar"])
    rule = ambiguity_rule(metrics["decision"])
    return (
        f"unknown: {sum(why.values())} of {metrics['test_rows']} test rows; {why['ambiguous']} are "
        f"ambiguous{f' ({rule})' if rule else ''}, {why['unfamiliar']} unfamiliar"
        + ("" if right is None else f"; accuracy of those not ambiguous {right:.4f}")
        + (f"; {few}" if few else "")
    )


def print_goals(title: str, by_goal: "dict[str, GoalScores]", goal: str) -> None:
    """Print what answers for each goal would reach, with the same probabilities."""
    costs = [f"{name} cost" for name in ("expected", "mean")] if goal == "costs" else []
    table = new_table(title, "accuracy", "macro F1", "balanced accuracy", *costs)
    for name, row in by_goal.items():
        scores = row["accuracy"], row["macro_f1"], row["balanced_accuracy"]
        cells = [*scores, *((row["expected_cost"], row["cost"]) if costs else ())]
        label = f"{name.replace('_', ' ')}{' (chosen)' if name == goal else ''}"
        add_row(
            table, label, *(f"{cell:.4f}" for cell in cells), style="bold" if name == goal else ""
        )
    print_table(table)


def ensemble_gain(gain: "dict[str, Gain]", n_seeds: int) -> str:
    f1, loss = gain["macro_f1"], gain["log_loss"]
    return (
        f"ensemble of {n_seeds} seeds: macro F1 {f1['ensemble']:.4f} against "
        f"{f1['mean_of_seeds']:.4f} of a seed on average, log-loss {loss['ensemble']:.4f} against "
        f"{loss['mean_of_seeds']:.4f}"
    )


def where_line(where: dict[str, dict[str, float]]) -> str:
    n_rows = sum(row["rows"] for row in where.values())
    hits, chance = (
        sum(row["rows"] * row[name] for row in where.values()) / n_rows
        for name in ("hits", "chance")
    )
    worst = min(where, key=lambda label: where[label]["hits"])
    return (
        f"where: the step that matters most lies within the event in {hits:.4f} of {n_rows} "
        f"correctly answered test rows (chance {chance:.4f}; lowest for {worst}: "
        f"{where[worst]['hits']:.4f})"
    )


def print_seeds(spread: "Stability", registered: int | None) -> None:
    """Print the scores of what each seed would register: a committee, or the LSTM alone."""
    table = new_table("classifier to register, by seed", "macro F1", "validation log-loss",
                      "updates", "restarts", "seconds")  # fmt: skip
    for s in spread["seeds"]:
        add_row(table,
            f"seed {s['seed']}{' (registered)' if s['seed'] == registered else ''}",
            f"{s['macro_f1']:.4f}", f"{s['validation']['log_loss']:.4f}",
            str(s["updates"]), str(s["restarts"]), f"{s['seconds']:.1f}",
        )  # fmt: skip
    print_table(table)
