"""Command that takes new data: ingest."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.command_line import (
    LONGEST_LINE,
    REFUSED,
    LimitOption,
    PolicyOption,
    prepare_prefect,
)
from flows.cli.option_groups import Place
from flows.cli.printing import print_json
from seqclass.store.root import printable

if TYPE_CHECKING:
    from flows.arrivals import Arrivals


def ingest(
    place: Place,
    dataset: Annotated[
        str | None, typer.Argument(help="A dataset's name (default: every inbox of the root).")
    ] = None,
    inbox: Annotated[
        str | None, typer.Option(help="Folder or prefix (default: inbox/DATASET in the root).")
    ] = None,
    policy: PolicyOption = None,
    limit: LimitOption = None,
) -> None:
    """Add the files of an inbox to its dataset, each once.

    Files that break the dataset's contract go to quarantine.
    """
    from seqclass.screening.actions import policy_of
    from seqclass.store.datasets import open_dataset
    from seqclass.store.formats import limits_of
    from seqclass.store.layout import check_inbox
    from seqclass.store.references import DatasetRef

    answers, limits = policy_of(policy or []), limits_of(limit or [])
    store = place.store()
    if dataset is not None:
        dataset = open_dataset(store, DatasetRef.parse(dataset).name).manifest["name"]
    elif inbox is not None:
        raise ValueError("DATASET: expected a name where --inbox is given, got none; name it")
    if inbox is not None:
        check_inbox(store, "--inbox", inbox)
    prepare_prefect("ingest", "flows.arrivals", store)
    from flows.arrivals import inbox_places, ingest_arrivals, outcome_of
    from seqclass.screening.incoming import ArrivalSpec

    for _, folder in inbox_places(store, dataset, inbox) if dataset else []:
        check_inbox(store, "--inbox", folder)
        _make(folder)
    found = ingest_arrivals(dataset, inbox, ArrivalSpec(policy=answers, limits=limits), store.url)
    _show(outcome_of(found), place.as_json)


def _make(place: str) -> None:
    """Create an inbox that is named for the first time."""
    from seqclass.store.inbox import DONE
    from seqclass.store.root import open_root

    folder = open_root(place)
    folder.fs.makedirs(folder.join(DONE), exist_ok=True)


def _show(outcome: "Arrivals", as_json: bool) -> None:
    files = [file for sweep in outcome["sweeps"] for file in sweep["files"]]
    if as_json:
        print_json(outcome)
    else:
        for file in files:
            gained = f"{file['added']:,} series" if file["became"] == "added" else ""
            what = gained + file["reason"]
            typer.echo(
                f"{file['became']:<12} {printable(file['file'])}: {printable(what, LONGEST_LINE)}"
            )
        for sweep in outcome["sweeps"]:
            where = f" to {sweep['dataset']}" if sweep["dataset"] else ""
            typer.echo(f"{sweep['place']}: {sweep['added']:,} series added{where}")
        if not files:
            typer.echo("nothing new")
    if any(file["became"] == "quarantined" for file in files):
        raise typer.Exit(REFUSED)
