"""Memory of a server that answers series of ever new shapes."""

from seqclass.store.root import Root
from tests.support.commands import in_python

ASK = """
import resource, sys
import numpy as np
from seqclass.serving.versions import load_version
from seqclass.store.registry import open_model
from seqclass.store.root import open_root

served = load_version(open_model(open_root(sys.argv[1]), "toy@v1"))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
served.infer(np.zeros((8, 120, 1), np.float32))
before = peak()
for steps in range(20, 120):
    for rows in (2, 3, 5, 7):
        served.infer(np.zeros((rows, steps, 1), np.float32))
print(peak() - before)
"""


def test_memory_does_not_grow_with_the_shapes_that_were_asked(versions: Root) -> None:
    assert float(in_python(ASK, versions.path).stdout) < 40  # MiB
