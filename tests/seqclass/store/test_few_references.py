"""From how many training rows on a series can be called unfamiliar."""

from seqclass.store.few_references import ambiguity_rule, too_few_references


def test_the_smallest_p_value_decides() -> None:
    for references, unfamiliar, least in ((98, 0.01, 99), (8, 0.1, 9), (32, 0.03, 33)):
        warning = too_few_references(references, unfamiliar)
        assert warning is not None
        assert warning.endswith(f"which takes {least}")
        assert too_few_references(least, unfamiliar) is None
    assert too_few_references(5, 0.0) is None


def test_the_rule_for_ambiguous_series_is_named() -> None:
    costs = [[0.0, 1.0, 0.2], [9.0, 0.0, 0.2]]
    assert ambiguity_rule({"threshold": 0.75, "costs": None}) == "confidence below 0.7500"
    assert ambiguity_rule({"threshold": 0.0, "costs": None}) == ""
    assert ambiguity_rule({"threshold": 0.0, "costs": costs}) == "unknown costs less"
