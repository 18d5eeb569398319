"""Flows: generate a dataset. ``generate_NAME`` is the flow of the generator NAME."""

from functools import cache
from typing import Any

from prefect import Flow, flow

from seqclass.flows.run_context import resolve_root
from seqclass.generators import generators
from seqclass.store.references import DatasetRef
from seqclass.tasks.compute.assets import materializing
from seqclass.tasks.compute.runner import task_runner
from seqclass.tasks.data import generate_dataset

PREFIX = "generate_"


@cache
def generation_flow(name: str) -> Flow[..., str]:
    """Return the flow of a generator; KeyError if there is none of this name."""
    generator = generators()[name]
    spec_type: Any = generator.spec | None
    dataset = name

    def generate(name: str = dataset, spec: spec_type = None, root: str | None = None) -> str:
        store = resolve_root(root)
        draw = materializing(generate_dataset, DatasetRef(name), store)
        return draw(dataset, spec or generator.spec(), name, store)

    generate.__name__ = generate.__qualname__ = f"{PREFIX}{name}"
    generate.__doc__ = f"""Draw {generator.draws} into a dataset; returns its reference.

    Args:
        name: Name of the dataset.
        spec: What is drawn: {generator.settings}.
    """
    decorate = flow(
        name=f"generate-{name}", flow_run_name="generate {name}", task_runner=task_runner()
    )
    return decorate(generate)


def __getattr__(name: str) -> Flow[..., str]:
    """Return the flow ``generate_NAME``, for deployments and imports."""
    generator = name.removeprefix(PREFIX)
    if generator == name or generator not in generators():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return generation_flow(generator)
