"""The command line ``seqclass``.

Prefect and TensorFlow are imported only by the commands that need them.
"""

import contextlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from flows import arrival_commands, model_commands, server_commands
from flows.command_line import (
    BAD_INPUT,
    FAULT,
    PREFECT_SETTINGS,
    REFUSED,
    ClassesOption,
    JsonFlag,
    NameOption,
    NoiseOption,
    RootOption,
    SeedOption,
    WeightsOption,
    complain,
    numbers,
    prepare_prefect,
    span_of,
    training_spec,
    words,
    writable,
)
from flows.interruption import INTERRUPTED, INTERRUPTION
from flows.printing import (
    add_row,
    dataset_summary,
    new_table,
    print_json,
    print_rows,
    show_dataset,
    show_dataset_summary,
    show_import,
    show_model,
    show_search,
    show_study,
    show_training,
    span,
)
from flows.raga_commands import generate_ragas, listen
from flows.voting_commands import vote
from storage.root import Root, open_root

REMOTE_STORES = {"botocore", "aiobotocore", "aiohttp", "s3fs"}
UsageProblem: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")
"""Typer's base of usage errors: Click's own, or that of the Click it carries."""
OWN_FOLDERS = tuple(
    f"{Path(__file__).parent.parent / package}/" for package in ("flows", "tasks", "storage")
)

app = typer.Typer(
    name="seqclass",
    help="Turn labelled sequences into a trusted LSTM classifier.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
generate = typer.Typer(help="Make a dataset with a generator.", no_args_is_help=True)
app.add_typer(generate, name="generate")
for command in (
    model_commands.score,
    model_commands.retrain,
    model_commands.promote,
    model_commands.rollback,
    model_commands.simulate,
    arrival_commands.ingest,
    server_commands.up,
):
    app.command()(command)
generate.command("ragas")(generate_ragas)
app.command()(listen)


@app.command()
def run(
    name: NameOption = "signals",
    preset: Annotated[str, typer.Option(help="Signals to draw: author or hard.")] = "author",
    n_series: Annotated[int, typer.Option(help="Series to draw.")] = 5000,
    n_steps: Annotated[int, typer.Option(help="Steps of each series.")] = 100,
    seeds: Annotated[int, typer.Option(help="Seeds to train.")] = 5,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Generate the author's families, train, evaluate, register and report: the main job."""
    signals = _signal_spec(preset, n_series=n_series, n_steps=n_steps)
    training = training_spec({"seeds": seeds})
    store = writable(root)
    prepare_prefect("run", "flows.demonstration", workers=True)
    from flows.demonstration import run as flow

    _conclude(store, flow(name, signals, training, store.url), as_json)


@generate.command("signals")
def generate_signals(
    name: NameOption = "signals",
    preset: Annotated[str, typer.Option(help="author or hard.")] = "author",
    n_series: Annotated[int, typer.Option(help="Series to draw.")] = 5000,
    n_steps: Annotated[int, typer.Option(help="Steps of each series.")] = 100,
    seed: SeedOption = 0,
    classes: ClassesOption = None,
    weights: WeightsOption = None,
    noise: NoiseOption = 1.0,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw common cause, change point and burst series."""
    chosen = {"n_series": n_series, "n_steps": n_steps, "seed": seed, "noise": noise}
    spec = _signal_spec(preset, **chosen, **_shares(classes, weights))
    store = writable(root)
    prepare_prefect("generate", "flows.generation")
    from flows.generation import generate_signals as flow

    show_dataset(store, flow(name, spec, store.url), as_json)


@generate.command("iot")
def generate_iot(
    name: NameOption = "iot",
    n_series: Annotated[int, typer.Option(help="Series to draw.")] = 5000,
    n_steps: Annotated[str, typer.Option(help="Steps of a series: 100, or 60..140.")] = "100",
    n_channels: Annotated[int, typer.Option(help="Sensors of each series.")] = 3,
    seed: SeedOption = 0,
    classes: ClassesOption = None,
    weights: WeightsOption = None,
    noise: NoiseOption = 1.0,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw sensor series: trends, shifts, drift, faults and more, and where they happen."""
    from tasks.synthesis.iot import IotSpec

    steps, shares = span_of("--n-steps", n_steps), _shares(classes, weights)
    spec = IotSpec(n_series, steps, n_channels, seed, noise=noise, **shares)
    store = writable(root)
    prepare_prefect("generate", "flows.generation")
    from flows.generation import generate_iot as flow

    show_dataset(store, flow(name, spec, store.url), as_json)


@app.command("import")
def import_files(
    paths: Annotated[
        list[str], typer.Argument(help="Parquet, CSV, .ts, .tsv, .npz or .npy files.")
    ],
    name: Annotated[str, typer.Option(help="Name of the dataset.")],
    test: Annotated[
        list[str] | None, typer.Option(help="Files of the official test rows; repeatable.")
    ] = None,
    series_id_column: Annotated[str, typer.Option(help="Column of the series' id.")] = "series_id",
    label_column: Annotated[str, typer.Option(help="Column of the label.")] = "label",
    step_column: Annotated[
        str | None, typer.Option(help="Column of the step, in long form (default: step).")
    ] = None,
    append: Annotated[bool, typer.Option("--append", help="Add to the newest version.")] = False,
    policy: Annotated[
        list[str] | None,
        typer.Option(help="KIND=ACTION where rows break the contract; repeatable."),
    ] = None,
    new_contract: Annotated[
        bool, typer.Option("--new-contract", help="Don't compare with the newest version.")
    ] = False,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Read your own series into a dataset, or add them to one."""
    from storage.formats import ColumnNames, expand
    from storage.root import check_name
    from tasks.monitoring.policy import policy_of

    check_name(name)
    answers = policy_of(policy or [])
    expand(paths, "PATH")
    expand(test or [], "--test")
    store = writable(root)
    prepare_prefect("import", "flows.ingestion", store)
    from flows.ingestion import import_dataset as flow
    from tasks.ingest import ImportSpec

    columns = ColumnNames(series_id_column, label_column, step_column)
    spec = ImportSpec(tuple(paths), tuple(test or ()), columns, answers, append, new_contract)
    show_import(store, flow(name, spec, store.url), as_json)


@app.command()
def train(
    dataset: Annotated[str, typer.Argument(help="A dataset: NAME or NAME@VERSION.")],
    seeds: Annotated[int, typer.Option(help="Seeds to train.")] = 5,
    first_seed: Annotated[int, typer.Option(help="The lowest seed.")] = 0,
    name: Annotated[
        str | None, typer.Option(help="Name of the model (default: dataset's).")
    ] = None,
    spec: Annotated[
        str | None, typer.Option(help="JSON file of training spec fields that differ.")
    ] = None,
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Register the average of all seeds.")
    ] = False,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Train a classifier on several seeds, evaluate it and register the best."""
    from storage.datasets import open_dataset
    from storage.root import check_name

    training = training_spec(
        {"seeds": seeds, "first_seed": first_seed, **({"ensemble": True} if ensemble else {})}, spec
    )
    store = writable(root)
    ref = open_dataset(store, dataset).ref
    if name is not None:
        check_name(name)
    prepare_prefect("train", "flows.training", workers=True)
    from flows.training import train_classifier as flow

    _conclude(store, flow(ref, name, training, store.url), as_json)


@app.command()
def stability(
    dataset: Annotated[str, typer.Argument(help="A dataset: NAME or NAME@VERSION.")],
    seeds: Annotated[int, typer.Option(help="Seeds to train of each recipe.")] = 20,
    first_seed: Annotated[int, typer.Option(help="The lowest seed.")] = 0,
    architectures: Annotated[
        str | None,
        typer.Option(help="Some of conv-lstm, bilstm, lstm, by comma (default: the recipe's)."),
    ] = None,
    recipes: Annotated[
        str, typer.Option(help="Recipes by comma: default, or JSON files as of train --spec.")
    ] = "default",
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell how recipes spread over seeds; a study that was stopped goes on where it was."""
    from storage.datasets import open_dataset

    study = _study_spec(seeds, first_seed, architectures, recipes)
    store = writable(root)
    ref = open_dataset(store, dataset).ref
    prepare_prefect("stability", "flows.stability", workers=True)
    from flows.stability import study_stability as flow

    outcome = flow(ref, study, store.url)
    show_study(store, outcome["study"], as_json, outcome["trained"])


@app.command()
def search(
    dataset: Annotated[str, typer.Argument(help="A dataset: NAME or NAME@VERSION.")],
    seconds: Annotated[float, typer.Option(help="Training time, earlier starts included.")] = 600,
    folds: Annotated[int, typer.Option(help="Folds of the training rows.")] = 3,
    spec: Annotated[
        str | None, typer.Option(help="JSON file as of train --spec; its architecture is default.")
    ] = None,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Choose an architecture by cross-validation on training rows; goes on where it stopped."""
    from storage.datasets import open_dataset
    from tasks.learning.ladder import SearchSpec

    wanted = SearchSpec(seconds, folds, training_spec({}, spec))
    store = writable(root)
    ref = open_dataset(store, dataset).ref
    prepare_prefect("search", "flows.searching", workers=True)
    from flows.searching import search_architecture as flow

    outcome = flow(ref, wanted, store.url)
    show_search(store, outcome["search"], as_json, outcome["trained"])


@app.command()
def datasets(root: RootOption = None, as_json: JsonFlag = False) -> None:
    """List the datasets."""
    from storage.catalogue import list_datasets

    found = list_datasets(open_root(root))
    if as_json:
        print_json({"datasets": [dataset_summary(manifest) for manifest in found]})
        return
    table = new_table("dataset", "series", "steps", "channels", "classes", "made")
    for m in found:
        add_row(table,
            f"{m['name']}@{m['version']}", str(m["n_series"]), span(m["n_steps"]),
            ", ".join(m["channels"][:3]) + (" …" if len(m["channels"]) > 3 else ""),
            str(len(m["classes"])), m["created"][:16].replace("T", " "),
        )  # fmt: skip
    print_rows(table, found, "no datasets yet: 'seqclass run' or 'seqclass import' makes one")


@app.command()
def models(root: RootOption = None, as_json: JsonFlag = False) -> None:
    """List the models; the champion is marked."""
    from storage.catalogue import list_models

    found = list_models(open_root(root))
    if as_json:
        keys = ("name", "version", "champion", "refused", "metrics", "dataset", "created")
        print_json({"models": [{key: m[key] for key in keys} for m in found]})
        return
    table = new_table("model", "", "macro F1", "accuracy", "log-loss", "dataset", "made")
    for m in found:
        scores = [f"{m['metrics'][key]:.4f}" for key in ("macro_f1", "accuracy", "log_loss")]
        mark = "champion" if m["champion"] else "refused" if m["refused"] else ""
        made = m["created"][:16].replace("T", " ")
        add_row(table, f"{m['name']}@{m['version']}", mark, *scores, m["dataset"], made)
    print_rows(table, found, "no models yet: 'seqclass run' or 'seqclass train' makes one")


@app.command()
def show(
    ref: Annotated[str, typer.Argument(help="A model, dataset, studies/NAME or searches/NAME.")],
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show a model, a dataset, a study or a search; a plain name of both means the model."""
    store = open_root(root)
    if ref.startswith("searches/"):
        show_search(store, ref, as_json)
        return
    if ref.startswith("studies/"):
        show_study(store, ref, as_json)
        return
    name = ref.rpartition("/")[2].partition("@")[0]
    is_model = ref.startswith("models/") or store.exists("models", name)
    if ref.startswith("datasets/") or not is_model:
        from storage.datasets import open_dataset

        manifest = open_dataset(store, ref).manifest
        print_json(manifest) if as_json else show_dataset_summary(store, manifest)
        return
    show_model(store, ref, as_json)


@app.command()
def verify(
    ref: Annotated[str | None, typer.Argument(help="A model or dataset (default: all).")] = None,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Check every digest in the tree, or in one part of it."""
    from storage.catalogue import verify_tree

    found = verify_tree(open_root(root), ref)
    if as_json:
        print_json(found)
    else:
        for item in found["bad"]:
            typer.echo(f"{item['path']}: {item['problem']}")
        typer.echo(f"{found['checked']} files checked, {len(found['bad'])} bad")
    if found["bad"]:
        raise typer.Exit(REFUSED)


@app.command()
def reproduce(
    model: Annotated[str, typer.Argument(help="A model: NAME or NAME@VERSION.")],
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Run a model's recorded training again and compare weights, predictions and scores."""
    from storage.registry import open_model
    from storage.root import DamagedError

    store = writable(root)
    with contextlib.suppress(DamagedError):  # the flow names the damage as the first difference
        open_model(store, model)
    prepare_prefect("reproduce", "flows.reproduction", workers=True)
    from flows.reproduction import reproduce_model as flow

    found = flow(model, store.url)
    if as_json:
        print_json(found)
    else:
        typer.echo(f"{found['model']}: {found['verdict']}")
        if found["first_difference"]:
            typer.echo(f"first difference: {found['first_difference']}")
        if found.get("changed_fingerprint"):
            typer.echo(f"changed since: {', '.join(found['changed_fingerprint'])}")
    if found["verdict"] == "different":
        raise typer.Exit(REFUSED)


@app.command()
def doctor(root: RootOption = None, as_json: JsonFlag = False) -> None:
    """Say what is wrong here, and what to do about it."""
    from flows.diagnosis import diagnose

    findings = diagnose(root, PREFECT_SETTINGS)
    healthy = all(finding["ok"] for finding in findings)
    if as_json:
        print_json({"healthy": healthy, "findings": findings})
    else:
        for f in findings:
            advice = "" if f["ok"] else f"; {f['advice']}"
            typer.echo(f"{'ok  ' if f['ok'] else 'BAD '} {f['what']}: {f['found']}{advice}")
    if not healthy:
        raise typer.Exit(REFUSED)


app.command()(vote)


def _conclude(store: Root, outcome: dict[str, Any], as_json: bool) -> None:
    show_training(store, outcome, as_json)
    if outcome["refused"]:
        raise typer.Exit(complain(outcome["refused"], REFUSED))


def _signal_spec(preset: str, **chosen: Any) -> Any:
    from tasks.synthesis.signals import PRESETS, SignalSpec

    if preset not in PRESETS:
        raise ValueError(
            f"--preset: expected one of {', '.join(PRESETS)}, got {preset!r}; choose one of them"
        )
    return SignalSpec(**{**PRESETS[preset], **chosen})


def _study_spec(seeds: int, first_seed: int, architectures: str | None, recipes: str) -> Any:
    from tasks.learning.spec import KINDS, StudySpec

    named = words(architectures or "")
    if strange := [word for word in named if word not in KINDS]:
        raise ValueError(
            f"--architectures: expected some of {', '.join(KINDS)}, got {strange[0]!r}; correct it"
        )
    kinds = tuple(kind for word in named for kind in KINDS if kind == word)
    paths = {Path(word).stem: None if word == "default" else word for word in words(recipes)}
    if len(paths) < len(words(recipes)):
        raise ValueError(f"--recipes: expected different names, got {recipes!r}; rename a file")
    specs = {name: training_spec({}, path, "--recipes") for name, path in paths.items()}
    return StudySpec(seeds, first_seed, kinds, specs)


def _shares(classes: str | None, weights: str | None) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    if classes is not None:
        chosen["classes"] = tuple(part.strip() for part in classes.split(","))
    if weights is not None:
        chosen["weights"] = numbers("--weights", weights)
    return chosen


def main() -> None:
    """Run a command; every failure that a user can cause is one line and exit code 2."""
    sys.exit(_guarded(lambda: app(prog_name="seqclass", standalone_mode=False)))


def _guarded(command: Callable[[], Any]) -> int:
    try:
        return command() or 0
    except UsageProblem as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            return BAD_INPUT
        return complain(_usage(error), BAD_INPUT)
    except (typer.Abort, KeyboardInterrupt):
        return complain(INTERRUPTION, INTERRUPTED)
    except MemoryError:
        return complain("memory: expected enough for this input, ran out; use less", BAD_INPUT)
    except (ValueError, OSError) as error:
        if os.environ.get("SEQCLASS_TRACEBACK") or not _is_ours(error):
            traceback.print_exc()
        return complain(_one_line(error), BAD_INPUT)
    except Exception as error:
        if type(error).__module__.partition(".")[0] in REMOTE_STORES:
            return complain(f"storage root: {_one_line(error)}; check address and keys", BAD_INPUT)
        traceback.print_exc()
        return complain(f"a fault of this program: {_one_line(error)}; please report it", FAULT)


def _usage(error: Any) -> str:
    """What is wrong with the words of a command, with the value that came."""
    given, options = sys.argv[1:], getattr(getattr(error, "param", None), "opts", [])
    values = [given[i + 1] for i, word in enumerate(given[:-1]) if word in options]
    got = f", got {values[-1]!r}" if values else ""
    return f"{error.format_message().rstrip('.')}{got}; see --help"


def _is_ours(error: BaseException) -> bool:
    """Whether this project or the system raised an error, so that it speaks for itself."""
    if isinstance(error, OSError):
        return True
    files = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(files) and files[-1].startswith(OWN_FOLDERS)


def _one_line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and error.errno:
        where = f"{error.filename}: " if error.filename else "storage: "
        return (
            f"{where}{error.strerror}; free space, correct the permissions or choose another --root"
        )
    return " ".join(str(error).split())


if __name__ == "__main__":
    main()
