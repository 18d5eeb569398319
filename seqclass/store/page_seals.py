"""The comment at the end of a page that tells whether it is still as it was drawn."""

import hashlib


def seal_page(page: bytes, inputs: str) -> bytes:
    """A page and, in a comment at its end, digests of what it was made of and of both."""
    digest = hashlib.sha256(page + inputs.encode()).hexdigest()
    return page + f"<!-- {inputs} {digest} -->\n".encode()


SEAL_BYTES = len(seal_page(b"", 64 * "0"))


def is_as_drawn(page: bytes) -> bool:
    """Whether a page ends with the seal of what comes before."""
    inputs = page[-SEAL_BYTES:].decode(errors="replace").split(" ")[1:2]
    return page == seal_page(page[:-SEAL_BYTES], *inputs) if inputs else False
