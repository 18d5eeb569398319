"""From a Keras classifier to one ONNX graph, by the ONNX form of each of its operations and layers.

A form is a function that takes the graph, the operation, and the arguments of its call: wires for
values of the graph, else numbers. It returns the name of the output.
"""

from collections.abc import Callable, Sequence
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
        self.names: dict[tuple[Any, ...], tuple[str, ...]] = {}
        self.constants: dict[tuple[Any, ...], tuple[str, np.ndarray]] = {}

    def __call__(self, kind: str, *inputs: str, **attributes: Attribute) -> str:
        """Return the name of the output of a node that has one."""
        return self.several(kind, 1, *inputs, **attributes)[0]

    def several(self, kind: str, n: int, *inputs: str, **attributes: Attribute) -> tuple[str, ...]:
        """Return the names of a node's ``n`` outputs; equal nodes are one."""
        from onnx import helper

        key = (kind, inputs, repr(sorted(attributes.items())))
        if key not in self.names:
            name = f"{kind}_{len(self.nodes)}"
            names = tuple(f"{name}_{number}" for number in range(n))
            self.nodes.append(helper.make_node(kind, inputs, names, name=name, **attributes))
            self.names[key] = names
        return self.names[key]

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
        ends = [_value_info(name, wire, ("series",)) for name, wire in outputs.items()]
        kept = [numpy_helper.from_array(array, name) for name, array in self.constants.values()]
        graph = helper.make_graph(self.nodes, "classifier", given, ends, kept)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        model.producer_name, model.doc_string = "seqclass", description
        onnx.checker.check_model(model)
        return model


def _value_info(name: str, wire: Wire, axes: Sequence[str]) -> Any:
    from onnx import helper

    shape = [*axes, *wire.shape[len(axes) :]]
    return helper.make_tensor_value_info(name, _number_of(wire.dtype), shape)


Form = Callable[..., str | tuple[str, ...]]
FORMS: dict[str, Form] = {}
"""By the class's name."""


def form(*names: str) -> Callable[[Form], Form]:
    """Register the form of the classes of these names."""

    def register(write: Form) -> Form:
        FORMS.update(dict.fromkeys(names, write))
        return write

    return register


def expect(is_so: bool, operation: Any, what: str) -> None:
    """Refuse an operation with an option that has no form here."""
    if not is_so:
        raise NoOnnxFormError(f"{type(operation).__name__} with {what}")


def named(g: GraphWriter, value: Any) -> str:
    """Return the name of a wire, or of the float32 constant that a number is."""
    return value.name if isinstance(value, Wire) else g.constant(value)


def _elementwise(kind: str) -> Form:
    return lambda g, operation, *values: g(kind, *(named(g, value) for value in values))


FORMS |= {
    name: _elementwise(kind)
    for name, kind in {
        "Add": "Add", "Subtract": "Sub", "Multiply": "Mul", "TrueDivide": "Div", "Divide": "Div",
        "Maximum": "Max", "Minimum": "Min", "Equal": "Equal", "Greater": "Greater",
        "GreaterEqual": "GreaterOrEqual", "LogicalNot": "Not", "Isnan": "IsNaN", "Where": "Where",
        "Exp": "Exp", "Log": "Log", "Sqrt": "Sqrt", "Floor": "Floor", "Negative": "Neg",
        "Arcsinh": "Asinh", "Absolute": "Abs", "Abs": "Abs", "Relu": "Relu", "Matmul": "MatMul",
    }.items()
}  # fmt: skip
FORMS |= {
    "Square": lambda g, operation, x: g("Mul", x.name, x.name),
    "Relu6": lambda g, operation, x: g("Clip", x.name, g.constant(0.0), g.constant(6.0)),
    "Clip": lambda g, operation, x: g(
        "Clip", x.name, g.constant(operation.x_min), g.constant(operation.x_max)
    ),
    "Cast": lambda g, operation, x: g("Cast", x.name, to=_number_of(operation.dtype)),
    "Cumsum": lambda g, operation, x: g("CumSum", x.name, g.constant(operation.axis, np.int64)),
    "Transpose": lambda g, operation, x: g("Transpose", x.name, perm=list(operation.axes)),
    "Concatenate": lambda g, operation, parts: g(
        "Concat", *(part.name for part in parts), axis=operation.axis
    ),
    "Reshape": lambda g, layer, x: g("Reshape", x.name, g.integers(-1, *layer.target_shape)),
    "Average": lambda g, layer, parts: g(
        "Div", g("Sum", *(part.name for part in parts)), g.constant(len(parts))
    ),
    "Add_layer": lambda g, layer, parts: g("Sum", *(part.name for part in parts)),
    **dict.fromkeys(("Dropout", "InputLayer"), lambda g, layer, x, **given: x.name),
}


def _number_of(dtype: str) -> int:
    from onnx import TensorProto

    return {"float32": TensorProto.FLOAT, "int32": TensorProto.INT32}[dtype]


def _reduction(kind: str) -> Form:
    def reduce(g: GraphWriter, operation: Any, x: Wire) -> str:
        expect(getattr(operation, "initial", None) is None, operation, "an initial value")
        axes = range(x.rank) if operation.axis is None else operation.axis
        return g(kind, x.name, g.integers(*axes), keepdims=int(operation.keepdims))

    return reduce


FORMS |= {"Sum": _reduction("ReduceSum"), "Mean": _reduction("ReduceMean"),
          "Max": _reduction("ReduceMax")}  # fmt: skip


@form("Flip")
def _flip(g: GraphWriter, operation: Any, x: Wire) -> str:
    ends = g.integers(-1), g.integers(np.iinfo(np.int64).min)
    return g("Slice", x.name, *ends, g.integers(operation.axis), g.integers(-1))


@form("Split")
def _split(g: GraphWriter, operation: Any, x: Wire) -> tuple[str, ...]:
    parts, axis = operation.indices_or_sections, operation.axis % x.rank
    expect(isinstance(parts, int) and x.shape[axis], operation, "parts of unequal size")
    sizes = g.integers(*[x.shape[axis] // parts] * parts)
    return g.several("Split", parts, x.name, sizes, axis=axis)


@form("Repeat")
def _repeat(g: GraphWriter, operation: Any, x: Wire) -> str:
    axis = operation.axis % x.rank
    expect(x.shape[axis] == 1, operation, "more than one value to repeat")
    times = [operation.repeats if number == axis else 1 for number in range(x.rank)]
    return g("Tile", x.name, g.integers(*times))


@form("OneHot")
def _one_hot(g: GraphWriter, operation: Any, x: Wire) -> str:
    expect(operation.axis == -1 and operation.dtype == "float32", operation, "another axis or type")
    apart = g("Unsqueeze", x.name, g.integers(-1))
    codes = g.constant(np.arange(operation.num_classes), np.int32)
    return g("Cast", g("Equal", apart, codes), to=_number_of("float32"))


@form("GetItem")
def _get_item(g: GraphWriter, operation: Any, x: Wire, key: Any) -> str:
    """NumPy's basic indexing: slices first, then the axes that vanish, then those that appear."""
    steps = _without_ellipsis(key if isinstance(key, tuple | list) else (key,), x.rank)
    old = [step for step in steps if step is not None]
    cuts = [(axis, cut) for axis, cut in enumerate(map(_as_slice, old)) if cut != slice(None)]
    name = x.name
    if cuts:
        bounds = zip(*((*_bounds(cut), axis, cut.step or 1) for axis, cut in cuts), strict=True)
        starts, stops, axes, strides = (g.integers(*column) for column in bounds)
        name = g("Slice", name, starts, stops, axes, strides)
    if gone := [axis for axis, step in enumerate(old) if isinstance(step, int)]:
        name = g("Squeeze", name, g.integers(*gone))
    left = [step for step in steps if not isinstance(step, int)]
    if new := [axis for axis, step in enumerate(left) if step is None]:
        name = g("Unsqueeze", name, g.integers(*new))
    return name


def _without_ellipsis(key: Sequence[Any], rank: int) -> list[Any]:
    place = next((at for at, step in enumerate(key) if step is Ellipsis), len(key))
    before, after = list(key[:place]), list(key[place + 1 :])
    missing = rank - sum(step is not None for step in (*before, *after))
    return [*before, *[slice(None)] * missing, *after]


def _as_slice(step: Any) -> slice:
    return step if isinstance(step, slice) else slice(step, step + 1 or None)


def _bounds(cut: slice) -> tuple[int, int]:
    return cut.start or 0, np.iinfo(np.int64).max if cut.stop is None else cut.stop


@form("TopK")
def _top_k(g: GraphWriter, operation: Any, x: Wire) -> tuple[str, str]:
    values, places = g.several("TopK", 2, x.name, g.integers(operation.k))
    return values, g("Cast", places, to=_number_of("int32"))


@form("Rescaling")
def _rescaling(g: GraphWriter, layer: Any, x: Wire) -> str:
    name = x.name if layer.scale == 1.0 else g("Mul", x.name, g.constant(layer.scale))
    return name if layer.offset == 0.0 else g("Add", name, g.constant(layer.offset))


@form("Dense")
def _dense(g: GraphWriter, layer: Any, x: Wire) -> str:
    expect(layer.activation.__name__ == "linear", layer, layer.activation.__name__)
    name = g("MatMul", x.name, g.constant(layer.kernel.numpy()))
    return g("Add", name, g.constant(layer.bias.numpy())) if layer.use_bias else name


@form("Softmax")
def _softmax(g: GraphWriter, layer: Any, x: Wire, mask: Wire | None = None) -> str:
    expect(mask is None, layer, "a mask")
    return g("Softmax", x.name, axis=layer.axis)


@form("ReLU")
def _relu(g: GraphWriter, layer: Any, x: Wire) -> str:
    plain = layer.max_value is None and not layer.negative_slope and not layer.threshold
    expect(plain, layer, "a slope, a threshold or a highest value")
    return g("Relu", x.name)


@form("ZeroPadding1D")
def _zero_padding(g: GraphWriter, layer: Any, x: Wire) -> str:
    before, after = layer.padding
    return g("Pad", x.name, g.integers(0, before, 0, 0, after, 0))


@form("AveragePooling1D")
def _average_pooling(g: GraphWriter, layer: Any, x: Wire) -> str:
    expect(layer.padding == "valid", layer, f"padding {layer.padding!r}")
    size, stride = list(layer.pool_size), list(layer.strides)
    turned = g("Transpose", x.name, perm=[0, 2, 1])
    pooled = g("AveragePool", turned, kernel_shape=size, strides=stride)
    return g("Transpose", pooled, perm=[0, 2, 1])


@form("Conv1D")
def _conv(g: GraphWriter, layer: Any, x: Wire) -> str:
    plain = (layer.padding, layer.groups, layer.activation.__name__) == ("valid", 1, "linear")
    expect(plain, layer, "padding, groups or an activation")
    kernel = g.constant(layer.kernel.numpy().transpose(2, 1, 0))
    given = [g("Transpose", x.name, perm=[0, 2, 1]), kernel]
    if layer.use_bias:
        given.append(g.constant(layer.bias.numpy()))
    sizes = {"strides": list(layer.strides), "dilations": list(layer.dilation_rate)}
    return g("Transpose", g("Conv", *given, **sizes), perm=[0, 2, 1])


@form("LayerNormalization")
def _layer_normalization(g: GraphWriter, layer: Any, x: Wire) -> str:
    expect(layer.scale and layer.center, layer, "no gain or no offset")
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    expect(axis in (-1, x.rank - 1), layer, "another axis than the last")
    gain, offset = g.constant(layer.gamma.numpy()), g.constant(layer.beta.numpy())
    return g("LayerNormalization", x.name, gain, offset, axis=-1, epsilon=layer.epsilon)


@form("LSTM")
def lstm_form(g: GraphWriter, layer: Any, x: Wire, mask: Wire | None = None, **given: Any) -> str:
    """Write an LSTM in one direction."""
    return _recurrence(g, [layer], x, mask)


@form("Bidirectional")
def _both_ways(g: GraphWriter, layer: Any, x: Wire, mask: Wire | None = None, **given: Any) -> str:
    expect(layer.merge_mode == "concat", layer, f"merge_mode {layer.merge_mode!r}")
    return _recurrence(g, [layer.forward_layer, layer.backward_layer], x, mask)


def _recurrence(g: GraphWriter, layers: list[Any], x: Wire, mask: Wire | None) -> str:
    """Outputs ``(B, T, directions * units)``, 0 outside a series.

    mask: ``(B, T)``, of which all steps inside come first, as they do in every mask of ours.
    """
    for layer in layers:
        functions = layer.activation.__name__, layer.recurrent_activation.__name__
        expect(functions == ("tanh", "sigmoid"), layer, f"activations {functions}")
        expect(layer.use_bias and layer.return_sequences, layer, "no bias, or one output alone")
        expect(not layer.stateful and not layer.return_state, layer, "a state that is kept")
    lengths = "" if mask is None else _lengths(g, mask)
    kernels, recurrent = (
        np.stack([_reordered(getattr(layer.cell, name)).T for layer in layers])
        for name in ("kernel", "recurrent_kernel")
    )
    biases = np.stack([_reordered(layer.cell.bias) for layer in layers])
    weights = kernels, recurrent, np.concatenate([biases, np.zeros_like(biases)], axis=1)
    ways = [layer.go_backwards for layer in layers]
    kinds = {(False,): "forward", (True,): "reverse", (False, True): "bidirectional"}
    units = layers[0].units
    steps_first = g("Transpose", x.name, perm=[1, 0, 2])
    hidden = g(
        "LSTM", steps_first, *map(g.constant, weights), lengths,
        hidden_size=units, direction=kinds[tuple(ways)],
    )  # fmt: skip
    turned = g("Transpose", hidden, perm=[2, 0, 1, 3])
    return g("Reshape", turned, g.integers(0, 0, len(layers) * units))


def _lengths(g: GraphWriter, mask: Wire) -> str:
    numbers = g("Cast", mask.name, to=_number_of("int32"))
    return g("ReduceSum", numbers, g.integers(1), keepdims=0)


def _reordered(weights: Any) -> np.ndarray:
    """Gates in the last axis from Keras's order (input, forget, cell, output) to ONNX's."""
    into, forget, cell, output = np.split(weights.numpy(), 4, axis=-1)
    return np.concatenate([into, output, forget, cell], axis=-1)


def onnx_model(classifier: Any, description: str) -> Any:
    """Return the ONNX model of a Keras classifier: ``series (n, steps, channels)`` float32, NaN
    where missing or past the end, to the outputs of the classifier by their names.

    NoOnnxFormError, a ValueError, names a layer that has no form.
    """
    g = GraphWriter()
    given = classifier.inputs[0]
    series = Wire("series", tuple(given.shape))
    outputs = classifier.output
    named = outputs if isinstance(outputs, dict) else {"probabilities": outputs}
    wires = dict(zip(map(id, classifier.outputs), _written(g, classifier, [series]), strict=True))
    return g.model(series, {name: wires[id(output)] for name, output in named.items()}, description)


def _written(g: GraphWriter, model: Any, given: list[Wire]) -> list[Wire]:
    """Write a model's operations in their order; returns its outputs."""
    wires = dict(zip(map(id, model.inputs), given, strict=True))
    for _, nodes in sorted(model._nodes_by_depth.items(), reverse=True):
        for node in nodes:
            if not node.is_input:
                args, kwargs = node.arguments.fill_in(wires)
                outputs = _called(g, node, args, kwargs)
                wires.update(zip(map(id, node.outputs), outputs, strict=True))
    return [wires[id(output)] for output in model.outputs]


def _called(g: GraphWriter, node: Any, args: Any, kwargs: Any) -> list[Wire]:
    import keras

    operation = node.operation
    if isinstance(operation, keras.Model):
        return _written(g, operation, keras.tree.flatten(args))
    kind = type(operation)
    is_sum = kind is keras.layers.Add
    write = FORMS.get("Add_layer" if is_sum else kind.__name__)
    if write is None or not kind.__module__.startswith("keras."):
        raise NoOnnxFormError(f"layer {operation.name!r} of kind {kind.__name__}")
    names = write(g, operation, *args, **kwargs)
    names = (names,) if isinstance(names, str) else names
    return [
        Wire(name, tuple(output.shape), output.dtype)
        for name, output in zip(names, node.outputs, strict=True)
    ]
