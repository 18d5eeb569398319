"""Commands that change nothing but pages: datasets, models, show, history, verify and others."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqclass.flows.cli.command_line import (
    REFUSED,
    JsonFlag,
    RootOption,
    conclude,
    existing,
    existing_writable,
    name_damaged,
)
from seqclass.flows.cli.printing import print_json, print_result, print_table
from seqclass.flows.cli.views import (
    dataset_facts,
    dataset_summary,
    show_model,
    show_series,
    show_study,
    show_wrong,
)
from seqclass.store.references import ModelRef
from seqclass.store.root import (
    DamagedError,
    Damages,
    Root,
    did_you_mean,
    is_name,
    note,
    printable,
)

if TYPE_CHECKING:
    from seqclass.monitoring.decide import FinalVerdict
    from seqclass.pages.comparison import Comparison
    from seqclass.pages.digest import Digest

MAX_COLUMNS = 4
"""Number of versions up to which a terminal shows every class."""
STANDING = {
    "promoted": "is the champion",
    "refused": "does not pass the gate",
    "awaits_approval": "awaits approval",
    "registered": "passes the gate, and is not the champion",
}
"""The standing of a version, by the verdict on it."""


def datasets(root: RootOption = None, as_json: JsonFlag = False) -> None:
    """List the datasets."""
    from seqclass.store.catalogue import list_datasets

    store, bad = existing(root), Damages()
    manifests = list_datasets(store, bad)
    name_damaged(bad)
    if as_json:
        print_json({"datasets": [dataset_summary(m) for m in manifests], "damaged": bad})
        return
    rows = [
        {"dataset": f"{m['name']}@{m['version']}", "n_series": m["n_series"],
         "n_steps": m["n_steps"], "channels": len(m["channels"]), "classes": len(m["classes"]),
         "made": m["created"][:10]}
        for m in manifests
    ]  # fmt: skip
    makers = "'seqclass run' or 'seqclass import PATH --name NAME'"
    print_table(rows, empty=f"no datasets yet: {makers} makes one")


def models(
    root: RootOption = None,
    as_json: JsonFlag = False,
    questions: Annotated[
        bool, typer.Option("--open", help="List the versions that await approval instead.")
    ] = False,
) -> None:
    """List the models and mark their champions."""
    from seqclass.store.catalogue import list_models

    store, bad = existing(root), Damages()
    if questions:
        _list_questions(store, as_json)
        return
    listed = list_models(store, bad)
    name_damaged(bad)
    if as_json:
        print_json({"models": listed, "damaged": bad})
        return
    rows = [
        {"model": f"{m['name']}@{m['version']}",
         "": "champion" if m["champion"] else "refused" if m["refused"] else "",
         **{key: m["metrics"][key] for key in ("macro_f1", "accuracy", "log_loss")},
         "dataset": m["dataset"].removeprefix("datasets/").partition("@")[0],
         "made": m["created"][:10]}
        for m in listed
    ]  # fmt: skip
    makers = "'seqclass run' or 'seqclass train DATASET'"
    print_table(rows, empty=f"no models yet: {makers} makes one")


def _list_questions(store: Root, as_json: bool) -> None:
    """Print the open questions, the oldest first."""
    from seqclass.policies import policy_of
    from seqclass.store.approvals import Question, open_question

    waiting, bad = list[tuple[Question, str, str]](), Damages()
    for name in store.names("models"):
        try:
            if question := open_question(store, name):
                policy = policy_of(store, name)
                waiting.append(
                    (question, f"{name}@{question.version}", policy.owner if policy else "")
                )
        except DamagedError as error:
            note(bad, store.join("models", name), error)
    waiting.sort(key=lambda item: item[0].asked)
    name_damaged(bad)
    now = datetime.now(UTC)
    ages = [timedelta(seconds=round((now - item[0].asked).total_seconds())) for item in waiting]
    questions = [
        {"model": f"models/{ref}", "asked": question.asked.isoformat(),
         "age_s": age.total_seconds(), "until": question.until.isoformat(), "owner": owner,
         "reason": question.reason}
        for (question, ref, owner), age in zip(waiting, ages, strict=True)
    ]  # fmt: skip
    if as_json:
        print_json({"questions": questions, "damaged": bad})
    else:
        print_table(questions, empty="no version awaits approval")


def show(
    ref: Annotated[str, typer.Argument(help="A model, dataset or studies/NAME.")],
    wrong: Annotated[
        bool, typer.Option("--wrong", help="List the test rows that the model answers wrongly.")
    ] = False,
    series: Annotated[
        str | None, typer.Option(help="Show and draw the dataset's series of this id.")
    ] = None,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a model, a dataset or a study.

    A name that is both a model's and a dataset's means the model, unless --series is given.
    """
    if wrong and series is not None:
        raise ValueError("--series: expected it without --wrong, got both; leave one of them out")
    store = existing(root)
    kind = _kind_of(store, ref, "datasets" if series is not None else "")
    if (wrong and kind != "models") or (series is not None and kind != "datasets"):
        option, means = ("--series", "a dataset") if series is not None else ("--wrong", "a model")
        raise ValueError(f"{option}: expected {means}, got {ref!r}; name one, or leave it out")
    if kind == "datasets":
        _show_dataset(store, ref, series, as_json)
    elif wrong:
        show_wrong(store, ref, as_json)
    elif kind == "models":
        show_model(store, ref, as_json)
    else:
        show_study(store, ref, as_json)


def _show_dataset(store: Root, ref: str, series: str | None, as_json: bool) -> None:
    from seqclass.store.datasets import open_dataset

    dataset = open_dataset(store, ref)
    if series is not None:
        show_series(dataset, series, as_json)
    else:
        manifest = dataset.manifest
        print_result(manifest, as_json, people=dataset_facts(store, manifest))


def _kind_of(store: Root, ref: str, preferred: str) -> str:
    """Return the kind that a reference means; without its kind, a model is preferred."""
    kind, _, _ = ref.rpartition("/")
    if kind in ("models", "datasets", "studies"):
        return kind
    name = ModelRef.parse(ref).name
    names = {kind: store.names(kind) for kind in ("models", "datasets")}
    kinds = [kind for kind in names if name in names[kind]]
    if kinds:
        return preferred if preferred in kinds else kinds[0]
    models, datasets = (", ".join(of_kind) or "none yet" for of_kind in names.values())
    meant = did_you_mean(name, [*names["models"], *names["datasets"]])
    raise ValueError(
        f"NAME: expected a model ({models}) or a dataset ({datasets}), got {ref!r}; {meant}"
        "'seqclass models' and 'seqclass datasets' list them"
    )


def pages(root: RootOption = None, as_json: JsonFlag = False) -> None:
    """Update all HTML pages."""
    from seqclass.pages.index_pages import write_all

    store, bad = existing_writable(root), Damages()
    path = write_all(store, bad)
    name_damaged(bad)
    print_result({"index": path}, as_json, people={"catalogue": store.address(path)})


def verify(
    ref: Annotated[str | None, typer.Argument(help="A model or dataset (default: all).")] = None,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check every stored file against its digest."""
    from seqclass.store.catalogue import verify_tree

    result = verify_tree(existing(root), ref)
    print_result(result, as_json, f"{len(result['bad'])} bad")
    if result["bad"]:
        raise typer.Exit(REFUSED)


def doctor(root: RootOption = None, as_json: JsonFlag = False) -> None:
    """Check installation, storage and server, and advise."""
    from seqclass.flows.service.diagnosis import diagnose

    findings = diagnose(root)
    healthy = all(finding["ok"] for finding in findings)
    rows = [
        {"": "ok" if f["ok"] else "BAD", "what": f["what"], "found": f["found"],
         "advice": "" if f["ok"] else f["advice"]}
        for f in findings
    ]  # fmt: skip
    record = {"healthy": healthy, "findings": findings}
    print_result(record, as_json, people={"healthy": healthy, "findings": rows})
    if not healthy:
        raise typer.Exit(REFUSED)


def history(
    model: Annotated[str, typer.Argument(help="A model: NAME.")],
    at: Annotated[
        str | None, typer.Option(help="A day or a time in UTC: who answered then, and why.")
    ] = None,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show which versions answered or were refused when, and why."""
    from seqclass.store.log import LOG
    from seqclass.store.registry import (
        check_model,
        moments,
        plain_name,
        refusal_of_newest,
        refusals_of,
        tenures_of,
    )

    store, bad = existing(root), Damages()
    span = None if at is None else moments("--at", at)
    name = plain_name(model, "every version")
    if not is_name(name) or not store.exists(LOG, "models", name):
        check_model(store, name)
    terms = tenures_of(store, name, bad)
    name_damaged(bad)
    answered = terms if span is None else [term for term in terms if term.overlaps(*span)]
    every = refusals_of(store, name)
    refused = every if span is None else [r for r in every if span[0] <= r.time < span[1]]
    tenures = [{**asdict(t), "since": t.since.isoformat(),
                "until": t.until and t.until.isoformat()} for t in answered]  # fmt: skip
    others = [{**asdict(r), "time": r.time.isoformat()} for r in refused]
    if as_json:
        print_json({"model": name, "at": at, "answered": tenures, "refused": others})
        return
    if not answered:
        barred = None if terms or every else refusal_of_newest(store, name)
        why = f"; the newest was refused: {printable(barred)}" if barred else ""
        typer.echo(f"{name}: no version answered{'' if at is None else f' at {at}'}{why}")
    events = [{**tenure, "until": tenure["until"] or "now"} for tenure in tenures]
    events += [{**refusal, "since": refusal["time"]} for refusal in others]
    events.sort(key=itemgetter("since"), reverse=True)
    fields = ("version", "since", "until", "what", "actor", "reason")
    print_table([{field: event.get(field) for field in fields} for event in events])


def compare(
    models: Annotated[
        list[str], typer.Argument(metavar="A B [C …]", help="Versions: NAME@vN, or NAME.")
    ],
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Compare versions on the test rows that all of them answered.

    Takes 2 to 20 versions and compares each with the first. The verdict is what 'promote' would
    say of the last one.
    """
    from seqclass.pipeline.side_by_side import put_side_by_side

    store = existing_writable(root)
    comparison, verdict, reasons, page = put_side_by_side(store, models)
    if as_json:
        print_json({**asdict(comparison), "verdict": verdict, "reasons": reasons, "page": page})
    else:
        _show_comparison(comparison, verdict, store.address(page))
    conclude(verdict, "; ".join(reasons) or f"{comparison.versions[-1]} awaits approval")


def digest(
    days: Annotated[int, typer.Option(help="How many days to look back.")] = 7,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Summarise what arrived and was decided in the last days."""
    if not 1 <= days <= 36_500:
        raise ValueError(f"--days: expected 1 to 36500, got {days}; correct the number")
    store, now = existing_writable(root), datetime.now(UTC)
    from seqclass.pages.digest import digest as look_back
    from seqclass.pages.digest import write_digest

    summary = look_back(store, now - timedelta(days=days), now)
    page = write_digest(store, summary)
    people = {**_people_of(summary), "page": store.address(page)}
    print_result({**asdict(summary), "page": page}, as_json, people=people)


def _show_comparison(comparison: "Comparison", verdict: "FinalVerdict", page: str) -> None:
    fields = ("version", "macro_f1", "difference", "interval", "won", "lost", "verdict")
    standings = [asdict(standing) for standing in comparison.standings]
    print_table([{key: standing[key] for key in fields} for standing in standings])
    if len(standings) <= MAX_COLUMNS:
        recalls = [{"recall of class": label, "rows": count,
                    **{s["version"]: s["recalls"][label] for s in standings}}
                   for label, count in comparison.rows.items()]  # fmt: skip
        print_table(recalls)
    last = comparison.versions[-1]
    typer.echo(f"{last} {STANDING[verdict]}")
    typer.echo(f"page: {page}")


def _people_of(summary: "Digest") -> dict[str, Any]:
    """Return what people are told of some days: of a move or a check its most important fields."""
    decided = [{"time": move.time, "model": name, "what": move.what,
                "version": move.candidate or move.after, "reason": move.reason}
               for name, move in summary.decided]  # fmt: skip
    looked = [{"time": look.time, "model": name, "decision": look.decision, "seen": look.seen}
              for name, look in summary.looked]  # fmt: skip
    return {**asdict(summary), "decided": decided, "looked": looked}
