"""A ``seqclass serve`` of the same root on this machine, asked with tables of series."""

import http.client
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pyarrow as pa

from seqclass.store.references import ModelRef

ARROW_STREAM = "application/vnd.apache.arrow.stream"
"""Content type of a table, as IANA has registered it."""
TIMEOUT_S = 60
REQUEST_VALUES = 2**17
"""Most values of a request, all channels together, unless a server has another limit."""


@dataclass(frozen=True)
class RunningServer:
    """Address and token of a server."""

    url: str
    token: str = field(repr=False)

    def scores(self, model: ModelRef, table: pa.Table) -> pa.Table:
        """Return the scores of a table of series by a version.

        ValueError says why there are none: another version answers there, the table is more than
        the server takes, or nothing answers.
        """
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": ARROW_STREAM}
        try:
            path = f"/v2/models/{model.name}/versions/{model.version}/infer"
            connection.request("POST", path, as_stream(table), headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ValueError(f"{self.url}: {error or type(error).__name__}") from error
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise ValueError(f"{self.url}: {content.decode(errors='replace')[:300]}")
        return pa.ipc.open_stream(content).read_all()


def as_stream(table: pa.Table) -> pa.Buffer:
    """Return a table as an Arrow stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()
