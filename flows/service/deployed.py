"""Deployments of prefect.yaml, and the changes that ``seqclass up`` makes to them."""

from typing import Any

from flows.service.server import prefect_file

PLACE = ("root", "now")
"""Parameters that a worker's run can't choose: its root and its time."""
FORMER = {"upkeep/local": {"nightly"}}
"""Slugs of schedules that earlier versions of prefect.yaml had.

Prefect keeps a schedule that the file no longer names, and its ``replaces`` is refused once the
schedule has the new slug.
"""


def deployments_of_file() -> list[tuple[str, str]]:
    """Return entrypoint and name of every deployment in prefect.yaml."""
    import yaml  # type: ignore[import-untyped]

    found = yaml.safe_load(prefect_file().read_text(encoding="utf-8"))["deployments"]
    return [(deployment["entrypoint"], deployment["name"]) for deployment in found]


def deployed_flows(client: Any) -> list[str]:
    """Return ids of the flows that have a deployment of prefect.yaml on the server."""
    known = set(deployments_of_file())
    found = {d.flow_id for d in client.read_deployments() if (d.entrypoint, d.name) in known}
    return sorted(map(str, found))


def hide_place(client: Any, known: set[tuple[str, str]]) -> None:
    """Remove the parameters that a run can't choose from the forms.

    known: entrypoint and name of deployments.
    """
    from prefect.client.schemas.actions import DeploymentUpdate

    for found in client.read_deployments():
        schema = found.parameter_openapi_schema
        shown = {k: v for k, v in schema["properties"].items() if k not in PLACE}
        if (found.entrypoint, found.name) in known and shown != schema["properties"]:
            changed = {**schema, "properties": shown}
            update = DeploymentUpdate.model_validate({"parameter_openapi_schema": changed})
            client.update_deployment(found.id, update)


def drop_former_schedules(client: Any) -> None:
    """Remove the schedules that an earlier version deployed and this one does not."""
    for name, slugs in FORMER.items():
        deployment = client.read_deployment_by_name(name)
        for schedule in deployment.schedules:
            if schedule.slug in slugs:
                client.delete_deployment_schedule(deployment.id, schedule.id)
