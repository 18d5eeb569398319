"""Output of the commands on studies."""

import typer

from seqclass.flows.cli.printing import add_row, new_table, print_json, print_table
from seqclass.store.root import Root


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
        recall, has_one_seed = v["spread"]["balanced_accuracy"], v["n_seeds"] == 1
        balanced = _four(recall["mean"]) + ("" if has_one_seed else f" ± {_four(recall['sd'])}")
        add_row(table, v["recipe"], v["architecture"], str(v["n_seeds"]), *alone, *f1, balanced,
                *losses, str(v["restarts"]), f"{v['seconds_median']:.1f}",
                "refused" if v["refused"] else "passed")  # fmt: skip
    print_table(table)
    for v in variants:
        if v["refused"]:
            typer.echo(f"{v['recipe']}, {v['architecture']}: {v['refused']}")
    typer.echo(f"{study.ref} on {study.manifest['dataset']}")
    if trained is not None:
        there = sum(v["n_seeds"] for v in variants) - trained
        typer.echo(f"trained: {trained} runs, {there} were there already")
    folder = store.address(study.folder)
    typer.echo(f"table:  {folder}/runs.parquet")
    typer.echo(f"report: {folder}/report.html")
