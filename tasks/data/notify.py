"""Events about data: rows that arrived for a model, and files that were refused."""

import threading
from typing import Any

from prefect import task

from seqclass.store.manifests import known_dataset
from seqclass.store.models import read_model
from seqclass.store.references import DatasetRef
from seqclass.store.registry import champion_of
from seqclass.store.root import Root, open_root

ARRIVED, REFUSED = "seqclass.data.arrived", "seqclass.data.refused"
LONGEST_WAIT_S = 30.0
"""Seconds to wait until the server has an event, before the work goes on without it."""


@task(name="notify")
def notify(dataset: str, added: int, root_url: str) -> None:
    """Announce that rows were added to a dataset, so that its models are trained again."""
    announce_arrival(open_root(root_url), dataset, added)


def models_of(root: Root, dataset: str) -> list[str]:
    """Return names of the models whose champion was trained on a version of a dataset's name."""
    return [name for name in root.names("models") if _learnt_from(root, name) == _name(dataset)]


def _learnt_from(root: Root, name: str) -> str | None:
    """Return the name of the dataset that a champion was trained on; None if that can't be read."""
    try:
        version = champion_of(root, name)
        return version and _name(known_dataset(read_model(root, name, version).manifest))
    except (ValueError, KeyError):
        return None


def _name(dataset: str) -> str:
    return DatasetRef.parse(dataset).name


def announce_arrival(root: Root, dataset: str, added: int) -> None:
    """Emit ``seqclass.data.arrived`` for each model of the dataset, or once without a model.

    The payload names the dataset's version, the number of added rows, the model and the root.
    """
    payload = {"dataset": dataset, "added": added, "root": root.url}
    models = models_of(root, dataset)
    for model in models:
        related = [{"prefect.resource.id": f"seqclass.model.{model}",
                    "prefect.resource.role": "model"}]  # fmt: skip
        _emit(ARRIVED, _name(dataset), {**payload, "model": model}, related)
    if not models:
        _emit(ARRIVED, _name(dataset), payload, [])
    _wait_until_sent()


def announce_refusal(root: Root, name: str, file: str, reason: str) -> None:
    """Emit ``seqclass.data.refused``: a file went to quarantine."""
    _emit(REFUSED, name, {"file": file, "reason": reason, "root": root.url}, [])


def _emit(event: str, name: str, payload: dict[str, Any], related: list[dict[str, str]]) -> None:
    from prefect.events import emit_event

    resource = {"prefect.resource.id": f"seqclass.dataset.{name}", "prefect.resource.name": name}
    emit_event(event, resource, related=related, payload=payload)


def _wait_until_sent() -> None:
    """Wait until events, which are sent in the background, have left this process."""
    from prefect.events.worker import EventsWorker

    waiting = threading.Thread(target=EventsWorker.instance().wait_until_empty, daemon=True)
    waiting.start()
    waiting.join(LONGEST_WAIT_S)
