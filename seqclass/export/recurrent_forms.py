"""LSTMs of Keras as ONNX's LSTM operator, which ends each series at its own length."""

from typing import Any

import numpy as np

from seqclass.export.graph import GraphWriter, Wire
from seqclass.export.operations import expect, form


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
        _check(layer)
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
    found = g(
        "LSTM", steps_first, *map(g.constant, weights), lengths,
        hidden_size=units, direction=kinds[tuple(ways)],
    )  # fmt: skip
    turned = g("Transpose", found, perm=[2, 0, 1, 3])
    return g("Reshape", turned, g.integers(0, 0, len(layers) * units))


def _check(layer: Any) -> None:
    functions = layer.activation.__name__, layer.recurrent_activation.__name__
    expect(functions == ("tanh", "sigmoid"), layer, f"activations {functions}")
    expect(layer.use_bias and layer.return_sequences, layer, "no bias, or its last output alone")
    expect(not layer.stateful and not layer.return_state, layer, "a state that is kept")


def _lengths(g: GraphWriter, mask: Wire) -> str:
    from onnx import TensorProto

    numbers = g("Cast", mask.name, to=TensorProto.INT32)
    return g("ReduceSum", numbers, g.integers(1), keepdims=0)


def _reordered(weights: Any) -> np.ndarray:
    """Gates in the last axis from Keras's order (input, forget, cell, output) to ONNX's."""
    into, forget, cell, output = np.split(weights.numpy(), 4, axis=-1)
    return np.concatenate([into, output, forget, cell], axis=-1)
