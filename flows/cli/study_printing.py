"""Output of the commands on studies and searches."""

from typing import TYPE_CHECKING, cast

import typer

from flows.cli.printing import add_row, command_line, new_table, print_json, print_table
from seqclass.store.references import DatasetRef
from seqclass.store.root import Root

if TYPE_CHECKING:
    from seqclass.stored_records import SearchSummary


def _four(value: float | None) -> str:
    return "one seed" if value is None else f"{value:.4f}"


def show_study(store: Root, ref: str, as_json: bool, trained: int | None = None) -> None:
    """Print a study. trained: number of new runs, if the study was made just now."""
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
    table = new_table("recipe", "architecture", "seeds", "LSTM alone", "sd", "lowest",
                      "mean macro F1", "sd", "lowest", "highest", "balanced accuracy", "log-loss",
                      "validation log-loss", "restarts", "seconds", "gate")  # fmt: skip
    for v in variants:
        lstm = lstm["spread"]["macro_f1"] if (lstm := v.get("lstm")) else None
        alone = [_four(lstm[name]) if lstm else "none" for name in ("mean", "sd", "min")]
        f1 = [_four(v["spread"]["macro_f1"][name]) for name in ("mean", "sd", "min", "max")]
        losses = [f"{v[name]:.4f}" for name in ("log_loss_mean", "validation_log_loss_mean")]
        recall, one = v["spread"]["balanced_accuracy"], v["n_seeds"] == 1
        balanced = _four(recall["mean"]) + ("" if one else f" ± {_four(recall['sd'])}")
        add_row(table, v["recipe"], v["architecture"], str(v["n_seeds"]), *alone, *f1, balanced,
                *losses, str(v["restarts"]), f"{v['seconds_median']:.1f}",
                "refused" if v["refused"] else "passed")  # fmt: skip
    print_table(table)
    for v in variants:
        if v["refused"]:
            typer.echo(f"{v['recipe']}, {v['architecture']}: {v['refused']}")
    typer.echo(f"{study.ref} on {study.manifest['dataset']}")
    print_trained(trained, sum(v["n_seeds"] for v in variants))
    folder = store.address(study.folder)
    typer.echo(f"table:  {folder}/runs.parquet")
    typer.echo(f"report: {folder}/report.html")


def show_search(store: Root, ref: str, as_json: bool, trained: int | None = None) -> None:
    """Print a search. trained: number of new runs, if the search was made just now."""
    from seqclass.store.studies import open_study

    search = open_study(store, ref)
    found = cast("SearchSummary", search.read_json("search.json"))
    dataset = search.manifest["dataset"]
    spec = f"{search.folder}/spec.json"
    following = command_line(store, "train", DatasetRef.parse(dataset).short, "--spec", spec)
    if as_json:
        print_json({
            "search": search.ref, "dataset": dataset, **found, "spec": spec, "trained": trained,
            "table": f"{search.folder}/runs.parquet", "next": following,
        })  # fmt: skip
        return
    print_candidates(found)
    typer.echo(f"{search.ref} on {dataset}: {found['rule']}")
    typer.echo(reach(found))
    print_trained(trained, sum(candidate["folds"] for candidate in found["candidates"]))
    typer.echo(f"table: {store.address(search.folder)}/runs.parquet")
    typer.echo(f"spec:  {spec}")
    typer.echo(f"next:  {following}")


def print_trained(trained: int | None, done: int) -> None:
    if trained is not None:
        typer.echo(f"trained: {trained} runs, {done - trained} were there already")


def print_candidates(found: "SearchSummary") -> None:
    table = new_table("architecture", "", "log-loss", "better by", "standard error",
                      "log-loss of fold 1", "folds", "seconds", "")  # fmt: skip
    for number, c in enumerate(found["candidates"]):
        known = (c["log_loss"], c["gain"], c["standard_error"], c["first_fold_log_loss"])
        numbers = ["" if value is None else f"{value:z.4f}" for value in known]
        marks = [
            mark for mark, holds in (("default", not number), ("chosen", c["chosen"])) if holds
        ]
        add_row(table, c["candidate"], ", ".join(marks), *numbers, str(c["folds"]),
                f"{c['seconds']:.1f}", "" if c["state"] == "complete" else c["state"],
                style="bold" if c["chosen"] else "")  # fmt: skip
    print_table(table)


def reach(found: "SearchSummary") -> str:
    """Return how far a search came, and what it left out."""
    states = [candidate["state"] for candidate in found["candidates"]]
    counts = {state: states.count(state) for state in ("dropped", "unfinished", "not reached")}
    left = [f"{count} {state}" for state, count in counts.items() if count]
    return (
        f"{states.count('complete')} of {len(states)} candidates trained on all {found['folds']} "
        f"folds{', ' if left else ''}{', '.join(left)}; {found['spent']:.0f} of "
        f"{found['seconds']:g} s spent (the default and the second always run)"
    )
