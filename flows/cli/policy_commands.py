"""Command that shows and sets the policy of a model."""

from dataclasses import asdict
from typing import Annotated

import typer

from flows.cli.command_line import ReasonOption, existing, read_spec
from flows.cli.option_groups import Place
from flows.cli.printing import print_json


def policy(
    model: Annotated[str, typer.Argument(help="A model: NAME.")],
    place: Place,
    chosen: Annotated[
        str | None, typer.Option("--set", help="JSON file of policy fields that differ.")
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Remove the policy.")] = False,
    reason: ReasonOption = "by hand",
) -> None:
    """Show, set or remove the rules for a model's retrainings."""
    from seqclass.monitoring.policy import ModelPolicy
    from seqclass.policies import policy_of, set_policy
    from seqclass.store.registry import check_model, plain_name

    if chosen is not None and clear:
        raise ValueError("--clear: expected it without --set, got both; leave one of them out")
    is_change = chosen is not None or clear
    store = place.store() if is_change else existing(place.root)
    name = check_model(store, plain_name(model, "every version"))
    if is_change:
        wanted = None if clear else read_spec(ModelPolicy, {}, chosen, "--set")
        from seqclass.pages.index_pages import refresh

        set_policy(store, name, wanted, reason)
        refresh(store, [f"models/{name}"])
    found = policy_of(store, name)
    if found is None and not place.as_json:
        typer.echo(f"{name} has no policy: retrainings go by their own spec, without approval")
    else:
        print_json({"model": f"models/{name}", "policy": found and asdict(found)})
