"""Commands that change nothing but pages: datasets, models, show, history, verify and others."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from seqclass.flows.cli.command_line import (
    LONGEST_LINE,
    REFUSED,
    JsonFlag,
    RootOption,
    conclude,
    existing,
    existing_writable,
    name_damaged,
)
from seqclass.flows.cli.dataset_printing import dataset_summary, show_stored_dataset
from seqclass.flows.cli.printing import (
    add_row,
    new_table,
    print_json,
    print_rows,
    print_table,
    span,
)
from seqclass.flows.cli.study_printing import show_study
from seqclass.flows.cli.training_printing import print_goals, show_model, show_wrong
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
    from seqclass.pages.comparison import Comparison
    from seqclass.pages.digest import Digest
    from seqclass.store.registry import Refusal, Tenure

MAX_COLUMNS = 4
"""Number of versions up to which a terminal shows every class."""


def datasets(root: RootOption = None, as_json: JsonFlag = False) -> None:
    """List the datasets."""
    from seqclass.store.catalogue import list_datasets

    store, bad = existing(root), Damages()
    manifests = list_datasets(store, bad)
    name_damaged(bad)
    if as_json:
        print_json({"datasets": [dataset_summary(m) for m in manifests], "damaged": bad})
        return
    table = new_table("dataset", "series", "steps", "channels", "classes", "made")
    for m in manifests:
        add_row(table,
            f"{m['name']}@{m['version']}", str(m["n_series"]), span(m["n_steps"]),
            str(len(m["channels"])), str(len(m["classes"])), m["created"][:10],
        )  # fmt: skip
    makers = "'seqclass run' or 'seqclass import PATH --name NAME'"
    print_rows(table, manifests, f"no datasets yet: {makers} makes one")


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
    table = new_table("model", "", "macro F1", "accuracy", "log-loss", "dataset", "made")
    for m in listed:
        scores = [f"{m['metrics'][key]:.4f}" for key in ("macro_f1", "accuracy", "log_loss")]
        mark = "champion" if m["champion"] else "refused" if m["refused"] else ""
        dataset, _, digest = m["dataset"].removeprefix("datasets/").partition("@")
        made = m["created"][:10]
        add_row(
            table, f"{m['name']}@{m['version']}", mark, *scores, f"{dataset}@{digest[:8]}", made
        )
    print_rows(table, listed, "no models yet: 'seqclass run' or 'seqclass train DATASET' makes one")


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
    if as_json:
        questions = [
            {"model": f"models/{ref}", "asked": question.asked.isoformat(),
             "age_s": age.total_seconds(), "until": question.until.isoformat(), "owner": owner,
             "reason": question.reason}
            for (question, ref, owner), age in zip(waiting, ages, strict=True)
        ]  # fmt: skip
        print_json({"questions": questions, "damaged": bad})
        return
    table = new_table("awaits approval", "for", "until (UTC)", "owner", "why it passed")
    for (question, ref, owner), age in zip(waiting, ages, strict=True):
        add_row(table, ref, str(age), f"{question.until:%Y-%m-%d %H:%M}", owner, question.reason)
    print_rows(table, waiting, "no version awaits approval")


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
        show_stored_dataset(store, ref, series, as_json)
    elif wrong:
        show_wrong(store, ref, as_json)
    elif kind == "models":
        show_model(store, ref, as_json)
    else:
        show_study(store, ref, as_json)


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

    path = write_all(store := existing_writable(root))
    print_json({"index": path}) if as_json else typer.echo(f"catalogue: {store.address(path)}")


def verify(
    ref: Annotated[str | None, typer.Argument(help="A model or dataset (default: all).")] = None,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check every stored file against its digest."""
    from seqclass.store.catalogue import verify_tree

    result = verify_tree(existing(root), ref)
    if as_json:
        print_json(result)
    else:
        for item in result["bad"]:
            typer.echo(printable(f"{item['path']}: {item['problem']}", LONGEST_LINE))
        typer.echo(f"{result['checked']} files checked, {len(result['bad'])} bad")
    if result["bad"]:
        raise typer.Exit(REFUSED)


def doctor(root: RootOption = None, as_json: JsonFlag = False) -> None:
    """Check installation, storage and server, and advise."""
    from seqclass.flows.service.diagnosis import diagnose

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
    if as_json:
        tenures = [{**asdict(t), "since": t.since.isoformat(),
                    "until": t.until and t.until.isoformat()} for t in answered]  # fmt: skip
        others = [{**asdict(r), "time": r.time.isoformat()} for r in refused]
        print_json({"model": name, "at": at, "answered": tenures, "refused": others})
        return
    if not answered:
        barred = None if terms or every else refusal_of_newest(store, name)
        why = f"; the newest was refused: {printable(barred)}" if barred else ""
        typer.echo(f"{name}: no version answered{'' if at is None else f' at {at}'}{why}")
    show_history(name, answered, refused)


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
    from seqclass.policies import present_verdict
    from seqclass.store.registry import open_model

    store = existing_writable(root)
    versions = [open_model(store, ref) for ref in models]
    from seqclass.pages.comparison import compare_versions, write_comparison

    comparison = compare_versions(versions)
    verdict, reasons = present_verdict(versions[-1])
    page = write_comparison(store, comparison)
    if as_json:
        print_json({**asdict(comparison), "verdict": verdict, "reasons": reasons, "page": page})
    else:
        show_comparison(comparison, verdict, store.address(page))
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
    if as_json:
        print_json({**asdict(summary), "page": page})
    else:
        show_digest(summary, store.address(page))


def show_history(name: str, terms: "list[Tenure]", refused: "list[Refusal]") -> None:
    """Print tenures and refusals, newest first."""
    texts = [(term.since, _tenure_lines(name, term)) for term in terms]
    texts += [(refusal.time, _refusal_lines(name, refusal)) for refusal in refused]
    for _, lines in sorted(texts, reverse=True):
        typer.echo("\n".join(lines))


def _tenure_lines(name: str, term: "Tenure") -> tuple[str, str]:
    until = "now" if term.until is None else f"{term.until:%Y-%m-%d %H:%M}"
    return (
        f"{name}@{term.version}: {term.since:%Y-%m-%d %H:%M} to {until} UTC",
        f"  {term.what} by {printable(term.actor)}: {printable(term.reason)}",
    )


def _refusal_lines(name: str, refusal: "Refusal") -> tuple[str, str]:
    words = {"refuse": "refused", "decline": "declined", "delete": "deleted"}[refusal.what]
    return (
        f"{name}@{refusal.version}: {words} {refusal.time:%Y-%m-%d %H:%M} UTC",
        f"  by {printable(refusal.actor)}: {printable(refusal.reason)}",
    )


def show_comparison(comparison: "Comparison", verdict: str, page: str) -> None:
    first = comparison.versions[0]
    typer.echo(f"{sum(comparison.rows.values()):,} common test rows; differences to {first}")
    table = new_table("version", "macro F1", "difference", "95% interval", "won", "lost")
    for standing in comparison.standings:
        beside = (f"{standing.difference:+.4f}", "{:+.3f} to {:+.3f}".format(*standing.interval),
                  str(standing.won), str(standing.lost))  # fmt: skip
        rest = beside if standing is not comparison.standings[0] else ("", "", "", "")
        add_row(table, standing.version, f"{standing.macro_f1:.4f}", *rest)
    print_table(table)
    for standing in comparison.standings[1:]:
        typer.echo(f"{standing.version}: {standing.verdict}")
    for standing in comparison.standings:
        if standing.goal:
            title = f"{standing.version}: answers for each goal"
            print_goals(title, standing.by_goal, standing.goal)
    if len(comparison.versions) <= MAX_COLUMNS:
        table = new_table("recall of class", "rows", *comparison.versions)
        for label, count in comparison.rows.items():
            recalls = (f"{standing.recalls[label]:.4f}" for standing in comparison.standings)
            add_row(table, printable(label, 30), f"{count:,}", *recalls)
        print_table(table)
    typer.echo(f"{comparison.versions[-1]} at present: {verdict.replace('_', ' ')}")
    typer.echo(f"page: {page}")


def show_digest(summary: "Digest", page: str) -> None:
    typer.echo(f"from {summary.since[:16]} to {summary.until[:16]} UTC")
    for arrival in summary.arrived:
        new = "the version before it is gone" if arrival.added is None else f"{arrival.added:+,}"
        typer.echo(f"arrived:  {arrival.dataset}, {arrival.n_series:,} series ({new})")
    for answered in summary.answered:
        rows, unknown = f"{answered.rows:,}", f"{answered.unknown:,}"
        typer.echo(f"answered: {rows} series by {answered.version}, {unknown} unknown")
    for made in summary.trained:
        refused = f", refused: {made.refused}" if made.refused else ""
        typer.echo(f"trained:  {made.version}, macro F1 {made.macro_f1:.4f}{refused}")
    for name, look in summary.looked:
        typer.echo(f"looked:   {name}: {'; '.join((look.decision, *look.seen))}")
    for name, move in summary.decided:
        version = move.candidate or move.after
        typer.echo(f"decided:  {move.what} {name}@{version}: {printable(move.reason)}")
    if summary.removed:
        typer.echo(f"removed:  {len(summary.removed):,} items, which the lines above do not count")
    typer.echo(f"page: {page}")
