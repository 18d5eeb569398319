"""ONNX graphs against the Keras networks that they were written from."""

import keras
import numpy as np
import onnxruntime
import pytest
from keras import layers

from seqclass.export.onnx_model import (
    FORMS,
    GraphWriter,
    NoOnnxFormError,
    Wire,
    lstm_form,
    onnx_model,
)
from seqclass.networks.architecture import Architecture
from seqclass.training.assembly import committee_classifier
from seqclass.training.committee import Mixture
from seqclass.training.learnt_rows import Rows
from tests.support.exports import views_branch, whole_committee
from tests.support.series import gappy

NEAR = 1e-5


def onnx_outputs(classifier: keras.Model, x: np.ndarray) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(onnx_model(classifier, "").SerializeToString())
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"series": x}), strict=True))


def keras_outputs(classifier: keras.Model, x: np.ndarray) -> dict[str, np.ndarray]:
    output = classifier(x, training=False)
    named = output if isinstance(output, dict) else {"probabilities": output}
    return {name: part.numpy() for name, part in named.items()}


def torn(x: np.ndarray) -> np.ndarray:
    """Series with a row that has no value at all, and one of a single step."""
    x = x.copy()
    x[1], x[2, 1:] = np.nan, np.nan
    return x


@pytest.mark.parametrize(
    ("kind", "pooling", "filters"),
    [
        ("conv-lstm", 1, 8),
        ("conv-lstm", 3, 8),
        ("conv-lstm", 9, 4),
        ("bilstm", 1, 1),
        ("lstm", 1, 1),
    ],
)
def test_each_network_answers_as_in_keras(kind: str, pooling: int, filters: int) -> None:
    x = torn(gappy(8, 60))
    branch = views_branch(x, 3, pooling, Architecture(kind, filters=filters, units=5))  # type: ignore[arg-type]
    classifier = committee_classifier([branch], Mixture((1.0,), (0.2,), 1.0))
    written, expected = onnx_outputs(classifier, x), keras_outputs(classifier, x)
    assert written.keys() == expected.keys() == {"probabilities"}
    assert np.abs(written["probabilities"] - expected["probabilities"]).max() < NEAR
    assert np.ptp(expected["probabilities"], axis=0).max() > 0.01


def test_a_whole_committee_answers_as_in_keras() -> None:
    x = gappy(24, 60)
    x[..., 1] = np.rint(x[..., 1] * 2)  # symbols
    classifier = whole_committee(Rows(x, np.arange(24, dtype=np.int32) % 3), 3)
    for new in (torn(x[::-1]), x[:1, :7], np.concatenate([x, np.full_like(x, np.nan)], axis=1)):
        written, expected = onnx_outputs(classifier, new), keras_outputs(classifier, new)
        assert written.keys() == {"probabilities", "p_value", "nearest", "distance"}
        for name in ("probabilities", "p_value"):
            assert np.abs(written[name] - expected[name]).max() < NEAR, name
        assert np.allclose(written["distance"], expected["distance"], rtol=1e-3)
        assert (written["nearest"][:, 0] == expected["nearest"][:, 0]).all()


def test_a_recurrence_stays_a_single_node() -> None:
    branch = views_branch(gappy(), 2, 1)
    written = onnx_model(committee_classifier([branch], Mixture((1.0,), (1.0,), 1.0)), "")
    kinds = [node.op_type for node in written.graph.node]
    assert kinds.count("LSTM") == 1
    assert not {"Loop", "Scan"} & set(kinds)


@pytest.mark.parametrize(
    ("key", "shape"),
    [((slice(None), -1), (2, 4)), ((slice(None), None, slice(1, None, 2)), (2, 1, 1, 4)),
     ((..., slice(0, -1)), (2, 3, 3)), ((0, ..., None), (3, 4, 1))],
)  # fmt: skip
def test_indexing_is_numpys(key: tuple, shape: tuple[int, ...]) -> None:
    x = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    g = GraphWriter()
    name = FORMS["GetItem"](g, None, Wire("series", x.shape), key)
    model = g.model(Wire("series", x.shape), {"found": Wire(str(name), shape)}, "")
    [output] = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"series": x})
    assert (output.shape, output.tolist()) == (shape, x[key].tolist())


def refused(layer: keras.Layer) -> str:
    raw = keras.Input((None, 2))
    with pytest.raises(NoOnnxFormError) as error:
        onnx_model(keras.Model(raw, layer(raw)), "")
    return str(error.value)


def test_what_has_no_form_is_named() -> None:
    assert "'mine' of kind GRU" in refused(layers.GRU(3, name="mine"))
    assert "LSTM with activations ('relu', 'sigmoid')" in refused(
        layers.LSTM(3, activation="relu", return_sequences=True)
    )
    assert "LSTM with" in refused(layers.LSTM(3))
    assert "Dense with tanh" in refused(layers.Dense(3, activation="tanh"))
    assert lstm_form is FORMS["LSTM"]
