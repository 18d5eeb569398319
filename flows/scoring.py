"""Flow: what a registered model says of new rows."""

from typing import Any

from prefect import flow

from flows.place import check_place, own_root
from seqclass.store.formats import ColumnNames, Limits
from tasks.data.garbage import collect_leftovers
from tasks.inference.score import assess, resolve_model, score


@flow(name="score-dataset", flow_run_name="score {data} by {model}")
def score_dataset(
    model: str,
    data: str,
    out: str | None = None,
    labels: str | None = None,
    columns: ColumnNames | None = None,
    root: str | None = None,
    limits: Limits | None = None,
) -> dict[str, Any]:
    """Score a dataset or file with one version of a model; labels may come later."""
    store = own_root(root)
    check_place(store, "out", out)
    root_url = store.url
    collect_leftovers(root_url)
    version = resolve_model(model, root_url)
    scored = score(version, data, out, labels, columns, root_url, limits)
    return {**scored, **assess(version, scored["tables"], labels, root_url, limits)}
