"""The error of commands that need a champion, for models without one."""

from seqclass.store.audit import ASK, REFUSE, read_audit
from seqclass.store.models import COMPARISON, model_versions, read_model
from seqclass.store.references import ModelRef
from seqclass.store.root import Root

ENDS = {ASK: "awaits approval", REFUSE: "was refused"}


def no_champion(root: Root, name: str, takes_version: bool) -> ValueError:
    """Return the error of a command that needs a champion, for a model that has versions but none.

    takes_version: whether the command would accept one of these versions instead.
    """
    newest = ModelRef(name, model_versions(root, name)[-1])
    what, why = _last_decision(root, newest)
    by_hand = f"'seqclass promote {newest.short} --force --reason WHY'"
    answer = f"'seqclass approve {newest.short} --reason WHY'"
    steps = [f"name a version ({newest.short})"] if takes_version else []
    steps += [answer] if what == ASK else ["train again with more series", by_hand]
    return ValueError(
        f"MODEL: expected a model with a champion, got {name!r}, whose {newest.version} "
        f"{ENDS.get(what, 'was not promoted')}{f' ({why})' if why else ''}; "
        f"{', or '.join(steps)}"
    )


def _last_decision(root: Root, newest: ModelRef) -> tuple[str, str]:
    """Return the last decision about a version and its reason, from audit or version."""
    for entry in reversed(read_audit(root, newest.name)):
        if entry.get("candidate") == newest.version and entry["what"] in ENDS:
            return entry["what"], entry["reason"]
    version = read_model(root, newest.name, newest.version)
    stored = version.read_json(COMPARISON) if version.has(COMPARISON) else {}
    reasons = stored.get("reasons") or [version.manifest["refused"] or ""]
    return (REFUSE if reasons[0] else ""), "; ".join(map(str, reasons))
