"""The author's network as a peer: his layers, penalties and schedule in today's Keras.

Described in aiexplorations/sequence_classification: two relu LSTM of 16 units with a dense layer
between, two dense heads with batch normalisation, L1 and L2 penalties of 0.01 on the input
kernels, dropout 0.01, Adam, 16 epochs of batches of 64, each time step standardised over rows.
"""

import time

import numpy as np

EPOCHS, BATCH, UNITS, PENALTY, DROPOUT = 16, 64, 16, 0.01, 0.01


def train_author(
    x: np.ndarray, y: np.ndarray, x_test: np.ndarray, seed: int
) -> tuple[np.ndarray, float]:
    """Class codes for ``x_test (n, steps, 1)`` and the seconds that training took."""
    import keras
    from keras import layers, regularizers

    began = time.monotonic()
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    mean, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 0, spread, 1)

    def lstm(**extra: object) -> layers.LSTM:
        penalty = regularizers.L1L2(PENALTY, PENALTY)
        return layers.LSTM(UNITS, activation="relu", kernel_regularizer=penalty, **extra)

    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            lstm(return_sequences=True),
            layers.Dense(UNITS, activation="tanh"),
            lstm(dropout=DROPOUT),
            layers.Dense(UNITS, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(DROPOUT),
            layers.Dense(UNITS, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(DROPOUT),
            layers.Dense(int(y.max()) + 1, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit((x - mean) / spread, y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    answers = model.predict((x_test - mean) / spread, verbose=0).argmax(axis=1)
    return answers, time.monotonic() - began
