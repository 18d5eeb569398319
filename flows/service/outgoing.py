"""Limits on what a server sends out: alerts go to no other address, and none is quoted in full."""

import logging
import re

ALERT_LOG = "prefect.server.utilities.messaging.memory"
"""The logger that reports an alert that could not be sent, with the traceback."""
ADDRESS = re.compile(r"(\w+://)(?:[^\s/'\"]*@)?([^\s/?#'\"]*)[^\s'\"]*")


def shorten_addresses(text: str) -> str:
    """Return a text whose addresses end after the host, since the rest may be a password."""
    return ADDRESS.sub(r"\1\2/…", text)


class ShortAddresses(logging.Filter):
    """Filter that shortens the addresses in a message and in its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = shorten_addresses(record.getMessage()), None
        if record.exc_info:
            record.exc_text = shorten_addresses(
                logging.Formatter().formatException(record.exc_info)
            )
        return True


def restrict_alerts() -> None:
    """Let no alert of this process follow a redirect, and no log quote the address of one."""
    from apprise import AppriseAsset

    AppriseAsset.http_redirects = False
    logging.getLogger(ALERT_LOG).addFilter(ShortAddresses())
