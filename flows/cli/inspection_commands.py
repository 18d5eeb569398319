"""Commands that change nothing but pages: datasets, models, show, verify and others."""

from typing import Annotated

import typer

from flows.cli.command_line import (
    LONGEST_LINE,
    REFUSED,
    JsonFlag,
    RootOption,
    existing,
    existing_writable,
    name_damaged,
)
from flows.cli.dataset_printing import dataset_summary, show_dataset_summary
from flows.cli.printing import add_row, new_table, print_json, print_rows, span
from flows.cli.study_printing import show_search, show_study
from flows.cli.training_printing import show_model
from seqclass.store.references import ModelRef
from seqclass.store.root import Damages, printable


def datasets(root: RootOption = None, as_json: JsonFlag = False) -> None:
    """List the datasets."""
    from seqclass.store.catalogue import list_datasets

    store, bad = existing(root), Damages()
    found = list_datasets(store, bad)
    name_damaged(bad)
    if as_json:
        print_json({"datasets": [dataset_summary(m) for m in found], "damaged": bad})
        return
    table = new_table("dataset", "series", "steps", "channels", "classes", "made")
    for m in found:
        add_row(table,
            f"{m['name']}@{m['version']}", str(m["n_series"]), span(m["n_steps"]),
            str(len(m["channels"])), str(len(m["classes"])), m["created"][:10],
        )  # fmt: skip
    makers = "'seqclass run' or 'seqclass import PATH --name NAME'"
    print_rows(table, found, f"no datasets yet: {makers} makes one")


def models(root: RootOption = None, as_json: JsonFlag = False) -> None:
    """List the models and mark their champions."""
    from seqclass.store.catalogue import list_models

    store, bad = existing(root), Damages()
    found = list_models(store, bad)
    name_damaged(bad)
    if as_json:
        print_json({"models": found, "damaged": bad})
        return
    table = new_table("model", "", "macro F1", "accuracy", "log-loss", "dataset", "made")
    for m in found:
        own = m["metrics"]
        scores = [f"{x:.4f}" for x in (own["macro_f1"], own["accuracy"], own["log_loss"])]
        mark = "champion" if m["champion"] else "refused" if m["refused"] else ""
        dataset, _, digest = m["dataset"].removeprefix("datasets/").partition("@")
        made = m["created"][:10]
        add_row(
            table, f"{m['name']}@{m['version']}", mark, *scores, f"{dataset}@{digest[:8]}", made
        )
    print_rows(table, found, "no models yet: 'seqclass run' or 'seqclass train DATASET' makes one")


def show(
    ref: Annotated[str, typer.Argument(help="A model, dataset, studies/NAME or searches/NAME.")],
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a model, a dataset, a study or a search.

    A name that is both a model's and a dataset's means the model.
    """
    store = existing(root)
    if ref.startswith("searches/"):
        show_search(store, ref, as_json)
        return
    if ref.startswith("studies/"):
        show_study(store, ref, as_json)
        return
    name = ModelRef.parse(ref.rpartition("/")[2]).name
    is_model = ref.startswith("models/") or store.exists("models", name)
    if ref.startswith("datasets/") or not is_model:
        from seqclass.store.datasets import open_dataset

        manifest = open_dataset(store, ref).manifest
        print_json(manifest) if as_json else show_dataset_summary(store, manifest)
        return
    show_model(store, ref, as_json)


def pages(root: RootOption = None, as_json: JsonFlag = False) -> None:
    """Update all HTML pages."""
    from seqclass.pages.index_pages import write_all

    path = write_all(store := existing_writable(root))
    print_json({"index": path}) if as_json else typer.echo(f"catalogue: {store.address(path)}")


def verify(
    ref: Annotated[str | None, typer.Argument(help="A model or dataset (default: all).")] = None,
    key: Annotated[
        str | None, typer.Option(help="Public key (PEM) that every model version is signed with.")
    ] = None,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check every stored file against its digest."""
    from seqclass.store.catalogue import verify_tree

    found = verify_tree(existing(root), ref, key)
    if as_json:
        print_json(found)
    else:
        for item in found["bad"]:
            typer.echo(printable(f"{item['path']}: {item['problem']}", LONGEST_LINE))
        typer.echo(f"{found['checked']} files checked, {len(found['bad'])} bad")
    if found["bad"]:
        raise typer.Exit(REFUSED)


def sign(
    model: Annotated[str, typer.Argument(help="A model version: NAME@vN, or NAME: its champion.")],
    key: Annotated[str, typer.Option(help="Private key (PEM, Ed25519) without a password.")],
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Sign a version with your key; 'verify --key' checks it."""
    from seqclass.store.registry import open_model
    from seqclass.store.signatures import sign_version

    version = open_model(existing(root), model)
    outcome = {"model": version.ref, "signature": sign_version(version, key)}
    print_json(outcome) if as_json else typer.echo(f"{version.ref}: {outcome['signature']}")


def doctor(root: RootOption = None, as_json: JsonFlag = False) -> None:
    """Check installation, storage and server, and advise."""
    from flows.service.diagnosis import diagnose

    findings = diagnose(root)
    healthy = all(finding["ok"] for finding in findings)
    if as_json:
        print_json({"healthy": healthy, "findings": findings})
    else:
        for f in findings:
            advice = "" if f["ok"] else f"; {f['advice']}"
            typer.echo(f"{'ok  ' if f['ok'] else 'BAD '} {f['what']}: {f['found']}{advice}")
    if not healthy:
        raise typer.Exit(REFUSED)
