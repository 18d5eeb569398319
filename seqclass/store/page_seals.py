"""The seal of a page: a comment at its end that says whose page it is and that it is unchanged."""

import hashlib
from collections.abc import Mapping
from typing import Any

from seqclass.store.references import ModelRef
from seqclass.store.root import manifest_digest


def version_subject(ref: ModelRef, manifest: Mapping[str, Any]) -> str:
    """Return a version as the seal of its report names it: its reference and its manifest."""
    return f"{ref} {manifest_digest(manifest)}"


def seal_page(page: bytes, *facts: str) -> bytes:
    """Return a page with a comment at its end: these facts, and a digest of them and the page.

    facts: the subject of the page and the digest of its inputs; of earlier releases the digest.
    """
    told = " ".join(facts)
    digest = hashlib.sha256(page + told.encode()).hexdigest()
    return page + f"<!-- {told} {digest} -->\n".encode()


def unsealed(page: bytes) -> bytes:
    """Return a page without the comment at its end."""
    return page[: max(page.rfind(b"<!-- "), 0)]


def subject_of(page: bytes) -> str | None:
    """Return the subject of a page by its seal; None if the page is not as it was drawn.

    Empty if an earlier release drew it.
    """
    body = unsealed(page)
    facts = page[len(body) :].decode(errors="replace").split(" ")[1:-2]
    return " ".join(facts[:-1]) if page == seal_page(body, *facts) else None
