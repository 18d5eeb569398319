"""Events that a Prefect server has."""


def events_of(name: str) -> list[dict]:
    """Return the latest events of this name, oldest first; the server gives fifty at most."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        body = {"filter": {"event": {"name": [name]}, "order": "DESC"}}
        return client._client.post("/events/filter", json=body).json()["events"][::-1]
