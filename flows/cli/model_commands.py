"""Commands that keep a registered model: retrain, promote, approve, policy and others."""

import contextlib
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqclass.flows.cli.command_line import (
    REFUSED,
    JsonFlag,
    ModelArgument,
    ReasonOption,
    RetrainSpecOption,
    SeedOption,
    can_announce,
    complain,
    conclude,
    existing,
    prepare_prefect,
    prepare_step,
    read_spec,
    remark,
    writable,
)
from seqclass.flows.cli.option_groups import OutputPlace, SpreadPlace
from seqclass.flows.cli.printing import print_json, print_result, print_table
from seqclass.store.root import Root
from seqclass.tasks.compute.runner import is_spread

if TYPE_CHECKING:
    from seqclass.flows.cli.simulation import Week
    from seqclass.monitoring.policy import ModelPolicy
    from seqclass.monitoring.retrain_spec import RetrainSpec
    from seqclass.pipeline.decision import Outcome
    from seqclass.pipeline.promote import Move


@dataclass(frozen=True)
class RetrainingOptions:
    """Options for training a challenger."""

    spec: RetrainSpecOption = None
    window_rows: Annotated[
        int | None, typer.Option(help="Newest rows to train on (default: all).")
    ] = None
    warm: Annotated[bool, typer.Option("--warm", help="Begin with the champion's weights.")] = False
    trust_labels: Annotated[
        bool, typer.Option("--trust-labels", help="Take new labels as they are.")
    ] = False
    again: Annotated[
        bool, typer.Option("--again", help="Try rows once more that were given up.")
    ] = False

    def selected(self, policy: "ModelPolicy | None") -> "RetrainSpec":
        """Return the policy's spec, overridden by these options."""
        from seqclass.monitoring.policy import spec_under
        from seqclass.monitoring.retrain_spec import RetrainSpec

        options = {
            "window_rows": self.window_rows,
            "start": "warm" if self.warm else None,
            "trust_labels": self.trust_labels or None,
            "again": self.again or None,
        }
        given = {name: value for name, value in options.items() if value is not None}
        defaults = vars(policy.retraining) if policy else {}
        spec = read_spec(RetrainSpec, {**defaults, **given}, self.spec)
        spec_under(policy, spec)
        return spec


def retrain(
    model: Annotated[str, typer.Argument(help="A model: NAME; its champion is the one to beat.")],
    options: RetrainingOptions,
    place: SpreadPlace,
) -> None:
    """Train a challenger on new rows; promote it or say why not."""
    from seqclass.policies import policy_of
    from seqclass.store.registry import need_champion, plain_name

    store = place.store()
    need_champion(store, name := plain_name(model, "the champion"))
    spec = options.selected(policy_of(store, name))
    prepare_prefect("retrain", "seqclass.flows.retraining", store)
    from seqclass.flows.retraining import retrain_model as flow

    outcome: Outcome = flow(name, spec, store.url)  # type: ignore[assignment]
    show_retraining(store, outcome, place.as_json)
    conclude(outcome["verdict"], "; ".join(outcome["reasons"]))


def promote(
    model: Annotated[str, typer.Argument(help="A model version: NAME@vN.")],
    place: OutputPlace,
    reason: ReasonOption = "by hand",
    force: Annotated[
        bool, typer.Option("--force", help="Overrule gate and approval; the audit says so.")
    ] = False,
) -> None:
    """Make a version the champion if it passes the gate."""
    from seqclass.store.approvals import question_about
    from seqclass.store.registry import open_version

    store = place.store()
    open_version(store, model)
    from seqclass.pipeline.promote import promote_version

    asked_before = question_about(store, model)
    outcome = promote_version(store, model, reason, force)
    if outcome["moved"]:
        tell_server(store, "seqclass.model.promoted", outcome, reason)
    elif outcome["verdict"] == "awaits_approval" and not asked_before:
        tell_server(store, "seqclass.approval.needed", outcome, str(outcome["refused"]))
    print_result(outcome, place.as_json)
    conclude(outcome["verdict"], f"{outcome['refused']}; --force promotes it")


def rollback(
    model: Annotated[str, typer.Argument(help="A model: NAME.")],
    place: OutputPlace,
    reason: ReasonOption = "by hand",
) -> None:
    """Make the champion before this one the champion again."""
    from seqclass.store.registry import check_rollback

    store = place.store()
    check_rollback(store, model)
    from seqclass.pipeline.promote import roll_back

    outcome = roll_back(store, model, reason)
    tell_server(store, "seqclass.model.rolled-back", outcome, reason)
    print_result(outcome, place.as_json)


def tell_server(store: Root, event: str, outcome: "Move", reason: str) -> None:
    """Emit an event if a server is configured, or runs for the root; it is not required."""
    if can_announce(store):
        from seqclass.tasks.events import announce_move

        announce_move(store, event, outcome["model"], {**outcome, "reason": reason})


def reproduce(model: ModelArgument, place: SpreadPlace) -> None:
    """Repeat a model's training; compare weights, answers and scores."""
    from seqclass.store.registry import open_model
    from seqclass.store.root import DamagedError

    store = place.store()
    with contextlib.suppress(DamagedError):  # the flow names the damage as the first difference
        open_model(store, model)
    if is_spread():
        prepare_prefect("reproduce", "seqclass.flows.reproduction", store, workers=True)
        from seqclass.flows.reproduction import reproduce_model as flow

        result = flow(model, store.url)
    else:
        from seqclass.pipeline.reproduce import reproduce as step

        prepare_step(store)
        result = step(model, store)
    print_result(result, place.as_json)
    if result["verdict"] == "different":
        raise typer.Exit(REFUSED)


@dataclass(frozen=True)
class KeptPlace:
    """Options for keeping the replayed root."""

    root: Annotated[
        str | None, typer.Option(help="Folder to keep the tree in (default: it is thrown away).")
    ] = None
    as_json: JsonFlag = False


def simulate(
    place: KeptPlace,
    scenario: Annotated[
        str,
        typer.Option(
            help="story, stable, slow drift, sudden change, poisoned batch, late batch or outage."
        ),
    ] = "story",
    weeks: Annotated[int, typer.Option(help="Weeks to replay.")] = 12,
    seed: SeedOption = 0,
    spec: RetrainSpecOption = None,
) -> None:
    """Replay weeks of arriving rows and print what the flows did."""
    from seqclass.flows.cli.simulation_spec import SimulationSpec
    from seqclass.monitoring.retrain_spec import RetrainSpec
    from seqclass.synthesis.arrival_scenarios import ScenarioSpec

    arrivals, retraining = ScenarioSpec(seed=seed), read_spec(RetrainSpec, {}, spec)
    simulation = SimulationSpec(scenario, weeks, arrivals, retraining=retraining)
    with tempfile.TemporaryDirectory() as folder:
        store = writable(place.root or f"{folder}/tree")
        prepare_prefect("simulate", "seqclass.flows.cli.simulation", store)
        from seqclass.flows.cli.simulation import run_simulation as replay

        show_weeks(list(replay(simulation, store, Path(folder))), place.as_json)


def show_retraining(store: Root, outcome: "Outcome", as_json: bool) -> None:
    fields = ("decision", "challenger", "model", "new_rows", "reasons", "seen")
    people = {field: outcome.get(field) for field in fields}
    if outcome.get("folder"):
        people["record"] = store.address(outcome["folder"])
    print_result(outcome, as_json, people=people)


def show_weeks(rows: "list[Week]", as_json: bool) -> None:
    if as_json:
        print_json({"weeks": rows})
        return
    fields = ("week", "event", "decision", "drifted", "why")
    print_table([{field: row.get(field) for field in fields} for row in rows])


VersionArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="The version that awaits approval: NAME@vN.")
]
WhyOption = Annotated[str, typer.Option(help="Why, for the audit.")]


def approve(model: VersionArgument, reason: WhyOption, place: OutputPlace) -> None:
    """Approve a version that waits: it becomes the champion."""
    from seqclass.pipeline.approve import answer_question

    store = place.store()
    move = answer_question(store, model, True, reason)
    if not move["moved"]:
        command = f"'seqclass decline {model} --reason WHY'"
        raise typer.Exit(complain(f"{move['refused']}; {command} declines it", REFUSED))
    tell_server(store, "seqclass.model.promoted", move, reason)
    print_result(move, place.as_json)


def decline(model: VersionArgument, reason: WhyOption, place: OutputPlace) -> None:
    """Decline a version that waits: the champion stays."""
    from seqclass.pipeline.approve import answer_question

    store = place.store()
    move = answer_question(store, model, False, reason)
    tell_server(store, "seqclass.model.refused", move, reason)
    print_result(move, place.as_json)


@dataclass(frozen=True)
class PolicyChange:
    """Options that change the policy, of which one may be given at a time, and the reason."""

    path: Annotated[
        str | None, typer.Option("--set", help="JSON file of policy fields that differ.")
    ] = None
    clear: Annotated[bool, typer.Option("--clear", help="Remove the policy.")] = False
    pause: Annotated[
        bool | None, typer.Option("--pause/--resume", help="Pause retrainings, or end the pause.")
    ] = None
    reason: ReasonOption = "by hand"

    def __bool__(self) -> bool:
        changes = (self.path is not None) + self.clear + (self.pause is not None)
        if changes > 1:
            raise ValueError(
                "--set, --clear, --pause, --resume: expected at most one of them, got several; "
                "leave the others out"
            )
        return bool(changes)


def policy(
    place: OutputPlace,
    change: PolicyChange,
    model: Annotated[str | None, typer.Argument(help="A model: NAME.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Do this for every model.")] = False,
) -> None:
    """Show, set or remove the rules for retrainings; pause them."""
    from seqclass.store.models import model_versions
    from seqclass.store.registry import check_model, plain_name

    if every == (model is not None) or (every and not change):
        raise ValueError(
            "MODEL: expected the name of a model, or --all with a change; give one of the two"
        )
    store = place.store() if change else existing(place.root)
    names = [name for name in store.names("models") if model_versions(store, name)]
    if model is not None:
        names = [check_model(store, plain_name(model, "every version"))]
    if change.pause is not None:
        _pause(store, names, change.pause, change.reason)
    elif change:
        _set_policies(store, names, change.path, change.reason)
    if change and not change.pause:
        _start_due(store, names)
    _show_policies(store, names, every, place.as_json)


def _pause(store: Root, names: list[str], paused: bool, reason: str) -> None:
    from seqclass.pages.index_pages import refresh
    from seqclass.policies import set_paused

    for name in names:
        set_paused(store, name, paused, reason)
    refresh(store, [f"models/{name}" for name in names])


def _start_due(store: Root, names: list[str]) -> None:
    """Start the retrainings that the change of a policy allows, if a server runs for the root."""
    if not can_announce(store):
        return
    import httpx
    from prefect.exceptions import PrefectException

    from seqclass.flows.dispatch import start_due

    try:
        started = start_due(names, store)
    except (httpx.HTTPError, PrefectException) as error:
        words = str(error) or type(error).__name__
        complain(
            f"no retraining was started ({words}); the next upkeep starts those that are due", 0
        )
        return
    for name in started:
        remark("policy", f"a retraining of {name} was started")


def _set_policies(store: Root, names: list[str], path: str | None, reason: str) -> None:
    """Set the policy of a file for these models, or remove theirs (None)."""
    from seqclass.monitoring.policy import ModelPolicy, changed_fields
    from seqclass.pages.index_pages import refresh
    from seqclass.policies import policy_of, set_policy
    from seqclass.store.root import DamagedError

    policy = None if path is None else read_spec(ModelPolicy, {}, path, "--set")
    if policy and policy.pins and len(names) != 1:
        raise ValueError("pins: expected none for several models, since each has its own versions; "
                         "set them for one model")  # fmt: skip
    for name in names:
        before = None
        with contextlib.suppress(DamagedError):  # a new policy mends it
            before = policy_of(store, name)
        set_policy(store, name, policy, reason)
        former, present = (asdict(rules or ModelPolicy()) for rules in (before, policy))
        for field, was, value in changed_fields(former, present):
            remark("policy", f"{field} was {was!r}, is {value!r}")
    refresh(store, [f"models/{name}" for name in names])


def _show_policies(store: Root, names: list[str], every: bool, as_json: bool) -> None:
    from seqclass.policies import is_paused, policy_of

    policies = [
        {
            "model": f"models/{name}",
            "policy": (rules := policy_of(store, name)) and asdict(rules),
            "paused": is_paused(store, name),
        }
        for name in names
    ]
    if as_json or (not every and policies[0]["policy"]):
        print_json({"policies": policies} if every else policies[0])
        return
    for name, entry in zip(names, policies, strict=True):
        without = "has no policy: retrainings go by their own spec, without approval"
        paused = "; retrainings are paused" if entry["paused"] else ""
        typer.echo(f"{name} {'has a policy' if entry['policy'] else without}{paused}")
