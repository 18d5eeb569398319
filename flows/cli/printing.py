"""What the commands print: one JSON object, or tables for people."""

import json
import shlex
import sys
from collections.abc import Mapping
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqclass.store.manifests import DatasetManifest
from seqclass.store.references import DatasetRef
from seqclass.store.root import Bad, Root, open_root, shown


def show_dataset(store: Root, ref: str, as_json: bool) -> None:
    from seqclass.store.datasets import open_dataset

    manifest = open_dataset(store, ref).manifest
    if as_json:
        print_json(dataset_summary(manifest))
        return
    show_dataset_summary(store, manifest)
    typer.echo(f"next: seqclass train {manifest['name']}@{manifest['version']}")


def show_import(store: Root, outcome: dict[str, Any], as_json: bool) -> None:
    from seqclass.store.datasets import open_dataset

    if as_json:
        manifest = open_dataset(store, outcome["dataset"]).manifest
        print_json({**dataset_summary(manifest), **outcome})
        return
    for kind, count in outcome["quarantined"].items():
        typer.echo(f"set aside, {kind}: {count:,} series")
    if outcome["quarantine"]:
        typer.echo(f"quarantine: {outcome['quarantine']}")
    if outcome["repeats"]:
        typer.echo(f"there already: {outcome['repeats']:,} series")
    if outcome["parent"]:
        old = outcome["parent"]
        added = f"{outcome['added']:,} series" if outcome["added"] else "nothing new"
        typer.echo(f"added to {old}: {added}")
    show_dataset(store, outcome["dataset"], as_json)


def dataset_summary(manifest: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("n_series", "n_steps", "channels", "classes", "unlabelled", "splits", "rejected")
    ref = str(DatasetRef(manifest["name"], manifest["version"]))
    return {"dataset": ref, **{key: manifest[key] for key in keys}}


def show_dataset_summary(store: Root, manifest: DatasetManifest) -> None:
    table = new_table("datasets/" + manifest["name"], manifest["version"])
    add_row(table, "series", f"{manifest['n_series']:,}")
    add_row(table, "steps", span(manifest["n_steps"]))
    add_row(table, "channels", shown(", ".join(manifest["channels"])))
    for label, count in manifest["classes"].items():
        add_row(table, shown(f"class {label}"), f"{count:,}")
    if manifest["unlabelled"]:
        add_row(table, "without a label", f"{manifest['unlabelled']:,} (neither train nor test)")
    for part, count in manifest["splits"].items():
        add_row(table, f"split {part}", f"{count:,}")
    if "group" in manifest["columns"]:
        kept = "kept together by the column 'group'"
        n_groups = manifest.get("groups")
        add_row(table, "groups", f"{n_groups:,}, {kept}" if n_groups is not None else kept)
    for channel, share in manifest.get("missing", {}).items():
        if share:
            add_row(table, f"missing in {channel}", f"{share:.2%} of the values")
    print_table(table)
    typer.echo(f"files: {store.join('datasets', manifest['name'], manifest['version'])}")


def show_overview(found: dict[str, Any], as_json: bool) -> None:
    """How files are understood, and what looks wrong."""
    if as_json:
        print_json(found)
        return
    for path, file in found["files"].items():
        table = new_table(shown(path), "")
        for name, value in file.items():
            if name != "columns":
                add_row(table, name, value)
        for column, role in file["columns"].items():
            add_row(table, f"column {shown(column)}", role)
        print_table(table)
    low, typical, high = found["n_steps"]
    table = new_table("found", "")
    add_row(table, "series", f"{found['n_series']:,}")
    add_row(table, "steps", f"{low:,} to {high:,}, typically {typical:,}")
    for label, count in found["classes"].items():
        add_row(table, f"class {shown(label)}", f"{count:,}")
    for name in ("unlabelled", "groups", "copies", "flat"):
        if found[name]:
            add_row(table, name, f"{found[name]:,}")
    for name, channel in found["channels"].items():
        limits = f"{channel['lowest']:g} to {channel['highest']:g}"
        add_row(table, f"channel {shown(name)}", f"{limits}, {channel['missing']:.1%} missing")
    print_table(table)
    for amiss in found["amiss"]:
        typer.echo(f"look: {shown(amiss)}")


def show_training(store: Root, outcome: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(training_summary(store, outcome))
    else:
        show_model(store, outcome["model"], False, outcome["decision"])
        typer.echo(f"catalogue: {store.join('index.html')}")


def training_summary(store: Root, outcome: dict[str, Any]) -> dict[str, Any]:
    from seqclass.store.registry import open_model

    model = open_model(store, outcome["model"])
    keys = ("seed", "accuracy", "macro_f1", "restarts", "seconds", "weights_sha256")
    metrics = model.read_json("metrics.json")
    return {
        "dataset": outcome["dataset"],
        "model": model.ref,
        "promoted": outcome["promoted"],
        "refused": outcome["refused"],
        "decision": outcome["decision"],
        "metrics": model.manifest["metrics"],
        "seeds": [{k: s[k] for k in keys} for s in model.read_json("stability.json")["seeds"]],
        "ensemble": metrics["ensemble"],
        "baselines": {
            n: {k: s[k] for k in ("accuracy", "macro_f1")} for n, s in metrics["baselines"].items()
        },
        "report": f"{model.folder}/report.html",
    }


def show_model(store: Root, ref: str, as_json: bool, decision: str = "") -> None:
    from seqclass.store.audit import read_audit
    from seqclass.store.registry import champion_of, open_model

    model = open_model(store, ref)
    found, spread = model.read_json("metrics.json"), model.read_json("stability.json")
    champion = champion_of(store, model.name)
    bad = Bad()
    audit = read_audit(store, model.name, bad)
    for item in bad:
        print(f"seqclass: left out, damaged: {item['path']}: {item['problem']}", file=sys.stderr)
    if as_json:
        print_json({**model.manifest, "model": model.ref, "champion": champion, "audit": audit,
                     "baselines": found["baselines"], "stability": spread})  # fmt: skip
        return
    print_scores(model.ref + (" (champion)" if champion == model.version else ""), found)
    print_seeds(spread["seeds"], found["registered_seed"])
    if found.get("ensemble"):
        typer.echo(ensemble_gain(found["ensemble"]["gain"], len(spread["seeds"])))
    typer.echo(seeds_line(spread, found["test_rows"]))
    if found.get("split"):
        typer.echo(split_line(found["split"]))
    print_leaks(found)
    if found.get("where"):
        typer.echo(where_line(found["where"]))
    then = f"when it was trained: {model.read_json('comparison.json')['reason']}"
    typer.echo(f"champion: {champion or 'none yet'}; {decision or then}")
    typer.echo(f"dataset:  {store.path}/{model.manifest['dataset'].replace('@', '/')}")
    typer.echo(f"model:    {model.folder}/model.keras")
    typer.echo(f"report:   {model.folder}/report.html")


def split_line(split: dict[str, Any]) -> str:
    """Which share of the series tests, and the class of which fewest do."""
    fewest = min(split["test_rows"], key=split["test_rows"].get)
    whose = "by the dataset's own split" if split["official"] else "held back"
    said = [f"{split['share']:.1%} of the series test, {whose}",
            f"fewest of class {fewest}: {split['test_rows'][fewest]}", *split["amiss"]]  # fmt: skip
    return f"split: {'; '.join(said)}"


def seeds_line(spread: dict[str, Any], n_rows: int) -> str:
    """How a recipe's seeds spread; of one seed, that nothing is known of it."""
    if len(spread["seeds"]) == 1:
        return "one seed: how far another would differ is not known; train more with --seeds"
    f1 = spread["spread"]["macro_f1"]
    return (
        f"macro F1 over seeds: mean {f1['mean']:.4f}, sd {f1['sd']:.4f}, lowest {f1['min']:.4f}; "
        f"{spread['flipping_rows']} of {n_rows} test rows flip between seeds"
    )


def print_leaks(found: dict[str, Any]) -> None:
    leaks = found.get("leaks")
    if leaks and (leaks["exact"] or leaks["near"]):
        pair = leaks["examples"][0]
        typer.echo(
            f"leaks: {leaks['exact']} test series are copies of training series and "
            f"{leaks['near']} near copies, such as {pair['test']} of {pair['train']}"
        )


def print_scores(title: str, found: dict[str, Any]) -> None:
    table = new_table(title, "accuracy", "macro F1", "balanced accuracy")
    rows = {"this model": found["metrics"], **found["baselines"]}
    for label, scores in rows.items():
        cells = [f"{scores[k]:.4f}" for k in ("accuracy", "macro_f1", "balanced_accuracy")]
        add_row(
            table,
            label.replace("_", " "),
            *cells,
            style="bold" if scores is found["metrics"] else "",
        )
    print_table(table)
    metrics = found["metrics"]
    low, high = metrics["intervals"]["macro_f1"]
    typer.echo(
        f"macro F1 {metrics['macro_f1']:.4f}, 95% interval {low:.4f} to {high:.4f}, "
        f"log-loss {metrics['log_loss']:.4f}, calibration error {metrics['ece']:.4f} "
        f"on {found['test_rows']} test rows"
    )
    if "abstention" in found:
        _print_abstention(found["abstention"], found["without_offsets"])


def _print_abstention(found: dict[str, Any], without_offsets: dict[str, float] | None) -> None:
    right = found["accuracy_answered"]
    typer.echo(
        f"unknown below a confidence of {found['threshold']:.3f}: {found['unknown']} test rows"
        + ("" if right is None else f"; accuracy of the others {right:.4f}")
    )
    if without_offsets:
        typer.echo(
            "rare classes answer below one half; the largest probability alone would reach macro "
            f"F1 {without_offsets['macro_f1']:.4f}, balanced accuracy "
            f"{without_offsets['balanced_accuracy']:.4f}"
        )


def ensemble_gain(gain: dict[str, dict[str, float]], n_seeds: int) -> str:
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
        f"where: the step that speaks most for an answer lies within the event in {hits:.4f} of "
        f"{n_rows} test rows answered rightly (chance {chance:.4f}), "
        f"least of all {worst}: {where[worst]['hits']:.4f}"
    )


def print_seeds(seeds: list[dict[str, Any]], registered: int | None) -> None:
    table = new_table("seed", "macro F1", "validation log-loss", "updates", "restarts", "seconds")
    for s in seeds:
        add_row(table,
            f"{s['seed']}{' (registered)' if s['seed'] == registered else ''}",
            f"{s['macro_f1']:.4f}", f"{s['validation']['log_loss']:.4f}",
            str(s["updates"]), str(s["restarts"]), f"{s['seconds']:.1f}",
        )  # fmt: skip
    print_table(table)


def show_study(store: Root, ref: str, as_json: bool, trained: int | None = None) -> None:
    """``trained``: runs that were not there before, where the study was made just now."""
    from seqclass.store.studies import open_study

    study = open_study(store, ref)
    variants = study.read_json("stability.json")["variants"]
    if as_json:
        print_json({
            "study": study.ref, "dataset": study.manifest["dataset"], "trained": trained,
            "variants": variants, "table": f"{study.folder}/runs.parquet",
            "report": f"{study.folder}/report.html",
        })  # fmt: skip
        return
    table = new_table("recipe", "architecture", "seeds", "mean macro F1", "sd", "lowest", "highest",
                      "balanced accuracy", "log-loss", "validation log-loss", "restarts",
                      "seconds", "gate")  # fmt: skip
    for v in variants:
        f1 = [_four(v["spread"]["macro_f1"][name]) for name in ("mean", "sd", "min", "max")]
        losses = [f"{v[name]:.4f}" for name in ("log_loss_mean", "validation_log_loss_mean")]
        recall, one = v["spread"]["balanced_accuracy"], v["n_seeds"] == 1
        balanced = _four(recall["mean"]) + ("" if one else f" ± {_four(recall['sd'])}")
        add_row(table, v["recipe"], v["architecture"], str(v["n_seeds"]), *f1, balanced, *losses,
                str(v["restarts"]), f"{v['seconds_median']:.1f}",
                "refused" if v["refused"] else "passed")  # fmt: skip
    print_table(table)
    for v in variants:
        if v["refused"]:
            typer.echo(f"{v['recipe']}, {v['architecture']}: {v['refused']}")
    typer.echo(f"{study.ref} on {study.manifest['dataset']}")
    if trained is not None:
        done = sum(v["n_seeds"] for v in variants)
        typer.echo(f"trained: {trained} runs, {done - trained} were there already")
    typer.echo(f"table:  {study.folder}/runs.parquet")
    typer.echo(f"report: {study.folder}/report.html")


def show_search(store: Root, ref: str, as_json: bool, trained: int | None = None) -> None:
    """``trained``: runs that were not there before, where the search was made just now."""
    from seqclass.store.studies import open_study

    search = open_study(store, ref)
    found, dataset = search.read_json("search.json"), search.manifest["dataset"]
    spec = f"{search.folder}/spec.json"
    following = next_training(store, dataset, spec)
    if as_json:
        print_json({
            "search": search.ref, "dataset": dataset, **found, "spec": spec, "trained": trained,
            "table": f"{search.folder}/runs.parquet", "next": following,
        })  # fmt: skip
        return
    print_candidates(found)
    typer.echo(f"{search.ref} on {dataset}: {found['rule']}")
    typer.echo(reach(found))
    if trained is not None:
        done = sum(candidate["folds"] for candidate in found["candidates"])
        typer.echo(f"trained: {trained} runs, {done - trained} were there already")
    typer.echo(f"table: {search.folder}/runs.parquet")
    typer.echo(f"spec:  {spec}")
    typer.echo(f"next:  {following}")


def _four(value: float | None) -> str:
    return "one seed" if value is None else f"{value:.4f}"


def print_candidates(found: dict[str, Any]) -> None:
    table = new_table("architecture", "", "log-loss", "better by", "standard error",
                      "log-loss of fold 1", "folds", "seconds", "")  # fmt: skip
    for number, c in enumerate(found["candidates"]):
        names = ("log_loss", "gain", "standard_error", "first_fold_log_loss")
        numbers = ["" if c[name] is None else f"{c[name]:z.4f}" for name in names]
        marks = [
            mark for mark, holds in (("default", not number), ("chosen", c["chosen"])) if holds
        ]
        add_row(table, c["candidate"], ", ".join(marks), *numbers, str(c["folds"]),
                f"{c['seconds']:.1f}", "" if c["state"] == "complete" else c["state"],
                style="bold" if c["chosen"] else "")  # fmt: skip
    print_table(table)


def reach(found: dict[str, Any]) -> str:
    """How far a search came, and what it left out."""
    states = [candidate["state"] for candidate in found["candidates"]]
    counts = {state: states.count(state) for state in ("dropped", "unfinished", "not reached")}
    left = [f"{count} {state}" for state, count in counts.items() if count]
    return (
        f"{states.count('complete')} of {len(states)} candidates trained on all {found['folds']} "
        f"folds{', ' if left else ''}{', '.join(left)}; {found['spent']:.0f} of "
        f"{found['seconds']:g} s spent (the default and the second always run)"
    )


def next_training(store: Root, dataset: str, spec: str) -> str:
    words = ["seqclass", "train", DatasetRef.parse(dataset).short, "--spec", spec]
    elsewhere = [] if open_root().url == store.url else ["--root", store.url]
    return shlex.join([*words, *elsewhere])


def new_table(first: str, *others: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column(Text(first), no_wrap=True)
    for heading in others:
        table.add_column(Text(heading), overflow="fold")
    return table


def print_table(table: Table) -> None:
    """Print a table as wide as the terminal, or wide enough for a file or a pipe."""
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def add_row(table: Table, *cells: str, style: str = "") -> None:
    """Cells are names that users chose: what looks like markup in them is text."""
    table.add_row(*(Text(cell) for cell in cells), style=style)


def print_rows(table: Table, found: list[Any], empty: str) -> None:
    print_table(table) if found else typer.echo(empty)


def span(n_steps: list[int]) -> str:
    low, high = n_steps
    return str(low) if low == high else f"{low} to {high}"


def print_json(content: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False))
