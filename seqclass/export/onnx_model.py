"""From a Keras classifier to one ONNX graph, layer by layer."""

from typing import Any

from seqclass.export.graph import GraphWriter, NoOnnxFormError, Wire
from seqclass.export.operations import FORMS


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
    found = dict(zip(map(id, classifier.outputs), _written(g, classifier, [series]), strict=True))
    return g.model(series, {name: found[id(own)] for name, own in named.items()}, description)


def _written(g: GraphWriter, model: Any, given: list[Wire]) -> list[Wire]:
    """Write a model's operations in their order; returns its outputs."""
    known = dict(zip(map(id, model.inputs), given, strict=True))
    for _, nodes in sorted(model._nodes_by_depth.items(), reverse=True):
        for node in nodes:
            if not node.is_input:
                args, kwargs = node.arguments.fill_in(known)
                found = _called(g, node, args, kwargs)
                known.update(zip(map(id, node.outputs), found, strict=True))
    return [known[id(own)] for own in model.outputs]


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
        Wire(name, tuple(own.shape), own.dtype)
        for name, own in zip(names, node.outputs, strict=True)
    ]
