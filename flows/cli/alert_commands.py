"""Commands that inform people and monitors: alerts, metrics."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from flows.cli.command_line import JsonFlag, RootOption, existing
from flows.cli.printing import print_json


def alerts(
    block: Annotated[
        str | None,
        typer.Argument(help="TYPE/NAME of a notification block of the server; none ends alerts."),
    ] = None,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Send alerts to Slack, mail, a webhook and others, or end them."""
    from flows.service.alerts import tell_nobody, tell_through
    from flows.service.deployed import deployed_flows
    from flows.service.diagnosis import server_problem
    from flows.service.server import prefect_url, use_service

    use_service(existing(root))
    url = prefect_url()
    problem = server_problem(url) if url else "none"
    if problem:
        raise ValueError(
            f"server: expected one that runs for this root, got {problem}; start it with "
            "'seqclass up'"
        )
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        made = tell_through(client, block, deployed_flows(client)) if block is not None else []
        ended = tell_nobody() if block is None else []
    if as_json:
        print_json({"block": block, "automations": made, "ended": ended})
    elif block is None:
        typer.echo("no alerts are sent any more")
    else:
        typer.echo(f"alerts go through {block}")


def metrics(root: RootOption = None) -> None:
    """Print metrics of models and inboxes for Prometheus."""
    from tasks.retraining.prometheus import metrics_text

    typer.echo(metrics_text(existing(root), datetime.now(UTC)).decode(), nl=False)
