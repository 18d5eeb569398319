"""An ONNX graph that is written node by node."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

OPSET, IR_VERSION = 18, 9
"""Of ONNX: ONNX Runtime reads both since 1.16."""
Attribute = int | float | str | Sequence[int] | Sequence[float] | Sequence[str]


class NoOnnxFormError(ValueError):
    """A layer or an option of it that the exporter can't write as ONNX."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"MODEL: expected layers that have a form in ONNX, got {what}; take --to savedmodel"
        )


@dataclass(frozen=True)
class Wire:
    """A value in a graph: its name, its shape (None where any size fits), its type."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str = "float32"

    @property
    def rank(self) -> int:
        """Number of axes."""
        return len(self.shape)


class GraphWriter:
    """Nodes and constants of a graph; equal ones are kept once."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.known: dict[tuple[Any, ...], tuple[str, ...]] = {}
        self.constants: dict[tuple[Any, ...], tuple[str, np.ndarray]] = {}

    def __call__(self, kind: str, *inputs: str, **attributes: Attribute) -> str:
        """Return the name of the output of a node that has one."""
        return self.several(kind, 1, *inputs, **attributes)[0]

    def several(self, kind: str, n: int, *inputs: str, **attributes: Attribute) -> tuple[str, ...]:
        """Return the names of a node's ``n`` outputs; equal nodes are one."""
        from onnx import helper

        key = (kind, inputs, repr(sorted(attributes.items())))
        if key not in self.known:
            name = f"{kind}_{len(self.nodes)}"
            names = tuple(f"{name}_{number}" for number in range(n))
            self.nodes.append(helper.make_node(kind, inputs, names, name=name, **attributes))
            self.known[key] = names
        return self.known[key]

    def constant(self, value: Any, dtype: Any = np.float32) -> str:
        """Return the name of a constant array."""
        array = np.array(value, dtype, order="C")
        key = (array.shape, array.dtype.str, array.tobytes())
        name = f"constant_{len(self.constants)}"
        return self.constants.setdefault(key, (name, array))[0]

    def integers(self, *values: int) -> str:
        """Return the name of a constant list of integers, as shapes and axes are given."""
        return self.constant(values, np.int64)

    def model(self, series: Wire, outputs: dict[str, Wire], description: str) -> Any:
        """Return the ONNX model from ``series`` to ``outputs``, checked."""
        import onnx
        from onnx import helper, numpy_helper

        given = [_value_info("series", series, ("series", "steps"))]
        for name, wire in outputs.items():
            self.nodes.append(helper.make_node("Identity", [wire.name], [name], name=name))
        found = [_value_info(name, wire, ("series",)) for name, wire in outputs.items()]
        kept = [numpy_helper.from_array(array, name) for name, array in self.constants.values()]
        graph = helper.make_graph(self.nodes, "classifier", given, found, kept)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        model.producer_name, model.doc_string = "seqclass", description
        onnx.checker.check_model(model)
        return model


def _value_info(name: str, wire: Wire, axes: Sequence[str]) -> Any:
    from onnx import TensorProto, helper

    kind = {"float32": TensorProto.FLOAT, "int32": TensorProto.INT32}[wire.dtype]
    shape = [*axes, *wire.shape[len(axes) :]]
    return helper.make_tensor_value_info(name, kind, shape)
