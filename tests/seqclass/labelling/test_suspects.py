"""Labels that held-back answers doubt: which rows, and for which class they are taken."""

import numpy as np

from seqclass.labelling.suspects import LEAST_ROWS, HeldAnswers, confident_joint


def answers(n: int, turned: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of three classes that follow the truth, labels of which some are turned, and
    which ones."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 3
    logits = 3.0 * np.eye(3)[truth] + rng.standard_normal((n, 3))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = rng.choice(n, turned, replace=False)
    y = truth.copy()
    y[wrong] = (y[wrong] + 1) % 3
    return probabilities, y, wrong


def test_turned_labels_are_suspects_and_few_others_are() -> None:
    probabilities, y, wrong = answers(600, 30)
    held = HeldAnswers(["a", "b", "c"], [f"{row}" for row in range(600)], y, probabilities)
    joint, suspects = held.joint, set(held.suspected)
    assert len(suspects & set(wrong)) >= 25
    assert len(suspects - set(wrong)) <= 10
    assert joint.counts.sum() == (joint.meant >= 0).sum()
    off = joint.counts - np.diag(np.diag(joint.counts))
    assert off.sum() == len(suspects)
    assert off[1, 0] > off[0, 1]  # a row of class 0 was labelled 1, never a row of class 1 as 0


def test_a_class_of_few_rows_has_no_threshold_of_its_own() -> None:
    """A class whose two rows are answered badly would else draw all others to itself."""
    probabilities, y, _ = answers(300, 0)
    rare = np.full((LEAST_ROWS - 1, 4), [0.85, 0.06, 0.06, 0.03])
    everyone = np.concatenate([np.pad(0.97 * probabilities, ((0, 0), (0, 1)),
                                      constant_values=0.03), rare])  # fmt: skip
    labels = np.concatenate([y, np.full(len(rare), 3)])
    joint = confident_joint(everyone, labels)
    assert not joint.counts[:3, 3].any()
    assert (joint.meant[-len(rare) :] != 3).all()


def test_equal_rows_pass_their_own_threshold_and_doubt_nothing() -> None:
    probabilities = np.tile([0.9, 0.1], (10, 1)).astype(np.float32)
    joint = confident_joint(probabilities, np.zeros(10, dtype=int))
    assert joint.counts.tolist() == [[10, 0], [0, 0]]
    assert confident_joint(probabilities[:0], np.empty(0, dtype=int)).counts.sum() == 0
