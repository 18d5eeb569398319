"""Every stored JSON file with the type of its record, and what each key means.

``python -m tests.support.stored_files`` writes their JSON Schemas; the docs' site has tables.
"""

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from itertools import zip_longest
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Required, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict, is_typeddict

from seqclass.pages.comparison import Comparison
from seqclass.pages.digest import Digest
from seqclass.pages.model_facts import ModelFacts
from seqclass.pages.records import (
    Catalogue,
    DatasetProfile,
    DatasetSummary,
    Drawings,
    ModelSummary,
)
from seqclass.ragas.votes import Poll
from seqclass.store.format_version import FormatRecord
from seqclass.store.inbox import INBOX
from seqclass.store.manifests import SEALED_TYPES, SeedManifest
from seqclass.store.record_types import (
    Attempt,
    DatasetLogEntry,
    ListedVersions,
    ModelLogEntry,
    Overdue,
    Pruning,
)
from seqclass.store.root import Root, read_bytes
from seqclass.store.staging import STAGING
from seqclass.store.validation import Time
from seqclass.stored_records import (
    DataReport,
    Metrics,
    RunRecord,
    Stability,
    StudySummary,
    Verdict,
)
from tests.support.places import REPOSITORY


class ModelList(TypedDict):
    """All versions of all models in a bucket. facts: by model."""

    facts: dict[str, ListedVersions]


class FactsOfModels(TypedDict):
    """What ``metrics.prom`` tells of all models in a bucket. facts: by model."""

    facts: dict[str, ModelFacts]


STORED_FILES: dict[str, Any] = {
    "datasets/<name>/<digest>/manifest.json": SEALED_TYPES["datasets"],
    "datasets/<name>/index.json": DatasetSummary,
    "datasets/<name>/<digest>.json": DatasetProfile,
    "models/<name>/<version>/manifest.json": SEALED_TYPES["models"],
    "models/<name>/<version>/metrics.json": Metrics,
    "models/<name>/<version>/stability.json": Stability,
    "models/<name>/<version>/comparison.json": Verdict,
    "models/<name>/<version>/report.json": Drawings,
    "log/models/<name>/<number>.json": ModelLogEntry,
    "log/datasets/<name>/<number>.json": DatasetLogEntry,
    "models/<name>/index.json": ModelSummary,
    "scores/<model>/<version>/<source>/<digest>/manifest.json": SEALED_TYPES["scores"],
    "scores/<model>/<version>/votes-<digest>.json": Poll,
    "queues/<model>/<time>/manifest.json": SEALED_TYPES["queues"],
    "labels/<model>/<digest>/manifest.json": SEALED_TYPES["labels"],
    "retrainings/<model>/<time>/manifest.json": SEALED_TYPES["retrainings"],
    "retrainings/<model>/<time>/seen.json": DataReport,
    "retrainings/<model>/attempt.json": Attempt,
    "retrainings/<model>/overdue.json": Overdue,
    "studies/<dataset>/<digest>/manifest.json": SEALED_TYPES["studies"],
    "studies/<dataset>/<digest>/stability.json": StudySummary,
    "studies/<dataset>/runs/<digest>.json": RunRecord,
    "comparisons/<digest>.json": Comparison,
    "digests/<days>.json": Digest,
    "prunings/<time>.json": Pruning,
    "unfinished/<digest>/manifest.json": SeedManifest,
    "format.json": FormatRecord,
    "index.json": Catalogue,
    "models.json": ModelList,
    "metrics.json": FactsOfModels,
}
"""The type of the record in each file; ``<…>`` stands for a name."""
PATTERNS = {
    "number": r"\d{6,}", "version": r"v\d+", "digest": "[0-9a-f]{16,}", "path": ".+",
    "time": r"\d{8}T[^/]+", "days": "[0-9-]+to[0-9-]+",
}  # fmt: skip
COMMON = {
    "abstention": "limits of unknown answers",
    "accuracy": "share of correct answers",
    "actor": "who decided",
    "architecture": "of the LSTM",
    "balanced_accuracy": "mean recall of the classes",
    "challenger": "the version that was trained, if one was",
    "chance": "the score of naming one class always",
    "damaged": "files that could not be read, each with its path and the problem",
    "dataset": "the version of the dataset",
    "decision": "the rule that turns probabilities into answers",
    "drift": "limits from which on a difference counts as drift",
    "ece": "expected calibration error",
    "estimated": "the accuracy that was estimated before labels came",
    "f1": "harmonic mean of precision and recall",
    "gate": "limits that a challenger must keep",
    "groups": "number of groups; 0 without groups",
    "interval": "95% interval",
    "intervals": "95% intervals by score",
    "label": "the class",
    "limits": "limits for seeds and for first champions",
    "log_loss": "mean negative log-probability of the true class, in nats",
    "macro_f1": "mean F1 of the classes",
    "macro_precision": "mean precision of the classes",
    "macro_recall": "mean recall of the classes",
    "made": "when it was made (ISO 8601)",
    "min_test_rows": "test rows below which training rows that were held back are added",
    "n_channels": "number of channels",
    "n_classes": "number of classes",
    "n_series": "number of series",
    "n_steps": "number of steps; of several series, the lowest and the highest number",
    "n_versions": "number of versions",
    "name": "the name",
    "precision": "share of the answers with this class that are correct",
    "realised": "the accuracy by the labels that came",
    "reason": "why",
    "reasons": "why",
    "recall": "share of the rows of this class that are answered with it",
    "recipe": "how networks are fitted",
    "refused": "the stability gate's reason, or null",
    "restarts": "how often a network was begun again",
    "rows": "number of rows",
    "seconds": "how long it took",
    "seed": "the number of the seed",
    "series_id": "id of the series",
    "significance": "level of the tests",
    "since": "from when on (ISO 8601)",
    "splits": "number of series in each part that the column `split` names",
    "temperature": "by which log-probabilities are divided",
    "time": "when it was (ISO 8601)",
    "unknown": "number of answers `unknown`",
    "unlabelled": "number of series without a label",
    "until": "until when (ISO 8601)",
    "updates": "number of updates of the weights",
    "version": "the version",
    "weights_sha256": "digest of the weights",
}
"""What keys mean of which a type's docstring says no more than the name does."""
OTHERS = (INBOX, STAGING, ".service")
"""Folders whose JSON is the user's, or work in hand."""
LISTS, OBJECTS, UNIONS = (list, tuple, Sequence), (dict, Mapping), (Union, UnionType)
SCHEMAS = REPOSITORY / "docs" / "stored-files.schema.json"
WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false",
         NoneType: "null", Any: "anything"}  # fmt: skip


def is_record(kind: Any) -> bool:
    """Check whether a type declares keys."""
    return is_typeddict(kind) or is_dataclass(kind)


@cache
def keys_of(kind: Any) -> dict[str, tuple[Any, bool]]:
    """Return the type of each key of a record, and True for a key that no record lacks."""
    types = get_type_hints(kind, include_extras=True)
    if is_typeddict(kind):
        needed = kind.__required_keys__
    else:
        needed = {f.name for f in fields(kind) if f.default is f.default_factory is MISSING}
    marks = (NotRequired, Required)
    return {
        key: (get_args(kind)[0] if get_origin(kind) in marks else kind, key in needed)
        for key, kind in types.items()
    }


def type_of(path: str) -> Any:
    """The type of the record in a file of a root, by its path there; None for a file that is not
    listed."""
    for place, kind in STORED_FILES.items():
        parts = re.split("<(.+?)>", place)
        pattern = "".join(
            PATTERNS.get(part, "[^/.][^/]*") if at % 2 else re.escape(part)
            for at, part in enumerate(parts)
        )
        if re.fullmatch(pattern, path):
            return kind
    return None


def undeclared(root: Root) -> list[str]:
    """What no type declares in the stored JSON files of a root: a file, a key, or a value of
    another type."""
    faults = list[str]()
    for path in sorted(root.fs.find(root.path)):
        parts = root.parts_of(path)
        if not path.endswith(".json") or parts[0] in OTHERS:
            continue
        name = "/".join(parts)
        if (kind := type_of(name)) is None:
            faults.append(f"{name}: a file that is not listed")
            continue
        try:
            TypeAdapter(kind).validate_json(read_bytes(root, path), strict=True, extra="forbid")
        except ValidationError as error:
            faults += [f"{name}: {fault['loc']}: {fault['msg']}" for fault in error.errors()]
    return faults


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _line_of(kind: Any) -> Iterator[Any]:
    """A type and those that it inherits from; a ``TypedDict`` does not remember them."""
    yield kind
    node = _classes(kind.__module__).get(kind.__name__)
    for base in node.bases if node else []:
        record = vars(sys.modules[kind.__module__]).get(ast.unparse(base))
        if record is not None and is_record(record):
            yield from _line_of(record)


def meanings(kind: Any) -> dict[str, str]:
    """What the docstrings of a type say of its keys: ``key: meaning.`` or ``key, other: meaning.``,
    or a sentence with ````key````."""
    keys, explained = keys_of(kind), dict[str, str]()
    for record in _line_of(kind):
        text = " ".join(inspect.getdoc(record).split())
        name = rf"(?:{'|'.join(sorted(map(re.escape, keys), key=len, reverse=True))})"
        marks = list(re.finditer(rf"(?<=[.;] )({name}(?:, {name})*): ", text))
        for mark, after in zip_longest(marks, marks[1:]):
            meaning = text[mark.end() : after.start() if after else len(text)].strip(" ;")
            for key in mark[1].split(", "):
                explained.setdefault(key, meaning.rstrip("."))
        for key in keys:
            sentences = re.findall(rf"[^.:;]*``{re.escape(key)}``[^.;]*", text)
            if sentences and key not in explained:
                explained[key] = sentences[0].strip()
    return {key: COMMON[key] for key in keys if key in COMMON} | explained


def summary_of(kind: Any) -> str:
    """The sentences of a type's docstring that come before those about its keys."""
    text = " ".join(inspect.getdoc(kind).split())
    names = "|".join(map(re.escape, keys_of(kind)))
    return re.split(rf"(?<=[.;]) (?=(?:{names})(?:, (?:{names}))*: )", text)[0]


def in_words(kind: Any) -> str:
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if is_record(kind):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    if kind in WORDS:
        return WORDS[kind]
    if kind == Time:
        return "a time (ISO 8601)"
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    parts = [in_words(part) for part in inner if part is not ...]
    if origin in UNIONS:
        return " or ".join(parts)
    if origin in OBJECTS:
        return "object" if inner[1] is Any else f"object of {parts[1]}"
    assert origin in LISTS, kind
    return f"list of {parts[0] if len({*parts}) == 1 else ', '.join(parts)}"


def parts_of(kind: Any) -> Iterator[Any]:
    """The records that a type mentions, in order."""
    if is_record(kind):
        yield kind
    elif kind != Time:
        for part in get_args(kind):
            yield from parts_of(part)


def _table(kind: Any) -> Iterator[str]:
    explained = meanings(kind)
    yield "| key | type | meaning |"
    yield "|---|---|---|"
    for key, (kept, is_needed) in keys_of(kind).items():
        kind_in_words = in_words(kept) + ("" if is_needed else ", optional")
        yield f"| `{key}` | {kind_in_words} | {explained.get(key, '')} |"


def tables() -> str:
    """The tables of all files and of the parts of their records, in Markdown."""
    lines = list[str]()
    heads = dict[Any, list[str]]()
    for place, kind in STORED_FILES.items():
        heads.setdefault(kind, []).append(place)
    for kind, places in heads.items():
        lines += ["", "## " + ", ".join(f"`{place}`" for place in places), "", summary_of(kind), ""]
        lines += _table(kind)
    lines += ["", "## Parts of records", "", "Each is the value of a key above, or of one here."]
    for kind in inner_records():
        lines += ["", f"### {kind.__name__}", "", summary_of(kind), "", *_table(kind)]
    return "\n".join(lines).replace("``", "`") + "\n"


def schemas() -> str:
    """The JSON Schema of each file, by its place, with the meaning of each key."""
    kinds = list(dict.fromkeys(STORED_FILES.values()))
    numbered = [(str(number), "validation", TypeAdapter(kind)) for number, kind in enumerate(kinds)]
    refs, shared = TypeAdapter.json_schemas(numbered)
    for kind in (*kinds, *inner_records()):
        record = shared["$defs"][kind.__name__]
        record["description"] = summary_of(kind).replace("``", "`")
        for key, meaning in meanings(kind).items():
            record["properties"][key].pop("title", None)
            record["properties"][key]["description"] = meaning.replace("``", "`")
    files = {
        place: refs[str(kinds.index(kind)), "validation"] for place, kind in STORED_FILES.items()
    }
    return json.dumps({"files": files, **shared}, indent=1, ensure_ascii=False) + "\n"


def inner_records() -> list[Any]:
    """The records that others hold, by name."""
    seen, left = set[Any](), list(STORED_FILES.values())
    while left:
        record = left.pop()
        inner = {part for kind, _ in keys_of(record).values() for part in parts_of(kind)}
        left += inner - seen
        seen |= inner
    return sorted(seen, key=lambda kind: kind.__name__)


if __name__ == "__main__":
    SCHEMAS.write_text(schemas(), encoding="utf-8")
