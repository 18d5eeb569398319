"""Events that a Prefect server has."""


def events_of(name: str) -> list[dict]:
    """Return the events of this name, oldest first."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        body = {"filter": {"event": {"name": [name]}, "order": "ASC"}}
        return client._client.post("/events/filter", json=body).json()["events"]
