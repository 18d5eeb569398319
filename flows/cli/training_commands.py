"""Commands that train: run, train and stability."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqclass.flows.cli.command_line import (
    DatasetArgument,
    ModelName,
    comma_words,
    complain,
    conclude,
    new_name,
    prepare_prefect,
    remark,
    training_spec,
)
from seqclass.flows.cli.dataset_commands import SignalOptions
from seqclass.flows.cli.option_groups import SpreadPlace
from seqclass.flows.cli.spec_files import read_costs
from seqclass.flows.cli.views import show_study, show_training
from seqclass.store.root import Root

if TYPE_CHECKING:
    from seqclass.pipeline.expectation import Size
    from seqclass.pipeline.training import Trained
    from seqclass.store.datasets import Dataset
    from seqclass.store.split import Split
    from seqclass.training.spec import TrainingSpec
    from seqclass.training.study_spec import StudySpec

AUTHOR = (0.999, 0.493, 0.842)
"""Macro F1 of the runs that the author of the first repository recorded."""
ONE_SEED = (
    "one seed can't disagree with itself, so the stability gate has no evidence: how far another "
    "would differ is not known; train more with --seeds"
)


def run(
    signals: SignalOptions,
    place: SpreadPlace,
    name: Annotated[
        str, typer.Option(help="Name of the dataset and of the model.", callback=new_name)
    ] = "signals",
    seeds: Annotated[int, typer.Option(help="Seeds to train.")] = 5,
) -> None:
    """The main job: generate, train on five seeds, evaluate, report."""
    spec, training, store = signals.spec(), training_spec({"seeds": seeds}), place.new_store()
    prepare_prefect("run", "seqclass.flows.demonstration", store, workers=True)
    from seqclass.flows.demonstration import run as flow

    _conclude(store, flow(name, spec, training, store.url), place.as_json, AUTHOR)


@dataclass(frozen=True)
class TrainingOptions:
    """Options for training."""

    seeds: Annotated[int, typer.Option(help="Seeds to train.")] = 5
    first_seed: Annotated[int, typer.Option(help="The lowest seed.")] = 0
    spec: Annotated[
        str | None, typer.Option(help="JSON file of training spec fields that differ.")
    ] = None
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Register the average of all seeds.")
    ] = False
    budget: Annotated[
        float | None, typer.Option(help="Seconds after which no further network is begun.")
    ] = None
    auxiliary: Annotated[
        str | None,
        typer.Option(help="A dataset, such as a generated one, whose series only train."),
    ] = None
    goal: Annotated[
        str, typer.Option(help="macro_f1, accuracy, balanced_accuracy, or a CSV file of costs.")
    ] = "macro_f1"
    max_error: Annotated[
        float, typer.Option(help="Largest share of wrong answers, beside those that are unknown.")
    ] = 0.05

    def selected(self) -> "TrainingSpec":
        from seqclass.evaluation.goals import Abstention

        differing: dict[str, Any] = {"seeds": self.seeds, "first_seed": self.first_seed}
        is_file = self.goal.lower().endswith(".csv")
        differing["goal"] = read_costs("--goal", self.goal) if is_file else self.goal
        differing["abstention"] = Abstention(max_error=self.max_error)
        if self.ensemble:
            differing["ensemble"] = True
        if self.auxiliary is not None:
            differing["auxiliary"] = self.auxiliary
        if self.budget is not None:
            differing["budget_s"] = _seconds_of_a_seed(self.budget, self.seeds)
        return training_spec(differing, self.spec)


def train(
    dataset: DatasetArgument,
    options: TrainingOptions,
    place: SpreadPlace,
    name: ModelName = None,
    again: Annotated[
        bool, typer.Option("--again", help="Train also what a version of the model is already.")
    ] = False,
) -> None:
    """Train several seeds, evaluate them and register the best."""
    from seqclass.store.datasets import open_dataset

    training, store = options.selected(), place.store()
    stored = open_dataset(store, dataset)
    memory = _memory(_checked(stored, training), training)
    prepare_prefect("train", "seqclass.flows.training", store, workers=True)
    remark("train", memory)
    from seqclass.flows.training import train_classifier as flow

    _conclude(store, flow(stored.ref, name, training, store.url, again), place.as_json)


def _memory(size: "Size", training: Any) -> str:
    from seqclass.pipeline.expectation import fit_window, memory_line
    from seqclass.store.capacity import free_bytes

    free = free_bytes()
    return memory_line(size, fit_window(size, training, free), free)


def _checked(dataset: "Dataset", training: Any) -> "Size":
    """Return the size of the training; print problems, and refuse too few rows."""
    from seqclass.auxiliary_rows import find_auxiliary
    from seqclass.pipeline.expectation import size_of
    from seqclass.pipeline.replicas import folds_of
    from seqclass.row_split import describe_split, giveaways_of, select_rows, tested_draws
    from seqclass.training.splits import nested_folds

    split = select_rows(dataset, training)
    if auxiliary := find_auxiliary(dataset, split, training):
        auxiliary.check_window(len(split.train), training.window)
        remark("train", auxiliary.remark)
    folds = folds_of(split, training)
    for amiss in describe_split(dataset, split, training)["amiss"]:
        complain(f"split: {amiss}", 0)
    for amiss in giveaways_of(dataset, split):
        complain(f"leaks: {amiss}", 0)
    if training.seeds == 1:
        complain(ONE_SEED, 0)
    if tested_draws(split) < training.limits.min_test_rows:
        answered = folds[: min((training.networks or {}).values(), default=len(folds))]
        judging = [] if training.warm_start else nested_folds(answered, len(split.train))
        _tell_few(split, sum(len(held) for _, held in judging), training)
    return size_of(dataset, split, auxiliary)


def _tell_few(split: "Split", held: int, training: Any) -> None:
    """Say how a first champion is judged if test rows, or groups of them, are few."""
    from seqclass.monitoring.first_champion import can_show_skill

    tested, least = len(split.test), training.limits.min_test_rows
    if tested + held < least:
        complain(
            f"split: {tested} test rows are fewer than the {least} that a first champion needs; "
            "add series, or raise test_fraction in the file of --spec", 0,
        )  # fmt: skip
    elif held:
        enough = ", if the budget lasts for a network of each fold" if training.budget_s else ""
        remark("train", f"{tested} test rows and {held} training rows, each answered by what had "
               f"not learnt from it, judge a first champion{enough}")  # fmt: skip
    elif (groups := split.test_groups) is not None and not can_show_skill(
        split.codes[split.test], groups, training.limits
    ):
        complain(
            f"split: {tested} test rows of {len(set(groups.tolist()))} groups can't make a first "
            "champion, even if all are answered correctly; add groups, or raise test_fraction in "
            "the file of --spec", 0,
        )  # fmt: skip


def _seconds_of_a_seed(budget: float, seeds: int) -> float:
    """Return the seconds for one seed, if as many are trained at a time as there are cores."""
    from seqclass.workers import at_once

    if not 0 < budget < math.inf:
        raise ValueError(f"--budget: expected seconds above 0, got {budget:g}; correct it")
    return budget / math.ceil(max(seeds, 1) / at_once())


@dataclass(frozen=True)
class StudyOptions:
    """Options of a stability study."""

    seeds: Annotated[int, typer.Option(help="Seeds to train of each recipe.")] = 20
    first_seed: Annotated[int, typer.Option(help="The lowest seed.")] = 0
    architectures: Annotated[
        str | None,
        typer.Option(help="Some of conv-lstm, bilstm, lstm, by comma (default: the recipe's)."),
    ] = None
    recipes: Annotated[
        str, typer.Option(help="Recipes by comma: default, or JSON files as of train --spec.")
    ] = "default"


def stability(
    dataset: DatasetArgument,
    options: StudyOptions,
    place: SpreadPlace,
) -> None:
    """Show how scores spread over many seeds of each recipe.

    A study that was stopped goes on where it stopped.
    """
    from seqclass.store.datasets import open_dataset

    study, store = _study_spec(options), place.store()
    ref = open_dataset(store, dataset).ref
    prepare_prefect("stability", "seqclass.flows.stability", store, workers=True)
    from seqclass.flows.stability import study_stability as flow

    outcome = flow(ref, study, store.url)
    show_study(store, outcome["study"], place.as_json, outcome["trained"])


def _conclude(
    store: Root, outcome: "Trained", as_json: bool, beside: tuple[float, ...] = ()
) -> None:
    if outcome["repeated"]:
        shown = {key: outcome[key].partition("/")[2] for key in ("model", "dataset")}
        _tell_repeated(**shown)
    show_training(store, outcome, as_json, beside)
    conclude(outcome["verdict"], outcome["refused"] or outcome["decision"])


def _tell_repeated(model: str, dataset: str) -> None:
    command = f"seqclass train {dataset} --name {model.partition('@')[0]} --again"
    same = "is this training: the same rows, spec, software and machine"
    remark("train", f"{model} {same}. Nothing was trained; '{command}' trains it again")


def _study_spec(options: StudyOptions) -> "StudySpec":
    from seqclass.networks.architecture import KINDS
    from seqclass.training.study_spec import StudySpec

    named, recipes = comma_words(options.architectures or ""), options.recipes
    if strange := [word for word in named if word not in KINDS]:
        raise ValueError(
            f"--architectures: expected some of {', '.join(KINDS)}, got {strange[0]!r}; correct it"
        )
    kinds = tuple(kind for word in named for kind in KINDS if kind == word)
    paths = {Path(word).stem: None if word == "default" else word for word in comma_words(recipes)}
    if len(paths) < len(comma_words(recipes)):
        raise ValueError(f"--recipes: expected different names, got {recipes!r}; rename a file")
    specs = {name: training_spec({}, path, "--recipes") for name, path in paths.items()}
    return StudySpec(options.seeds, options.first_seed, kinds, specs)
