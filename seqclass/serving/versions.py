"""Versions that a server answers with; a new champion is loaded beside the one that answers."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seqclass.inference.answers import Infer
from seqclass.inference.prediction import Scorer, load_classifier, scorer_of
from seqclass.runtime import renew_kernel, start_answering
from seqclass.serving.access import HttpRefusal
from seqclass.serving.protocol import DATATYPES, LENGTHS, SERIES, described
from seqclass.store.models import Model
from seqclass.store.references import ModelRef
from seqclass.store.registry import CHAMPION, champion_of, open_model
from seqclass.store.root import Root, manifest_digest

DIGITS = 16
WARM_SHAPES = ((1, 100), (8, 100), (32, 100))
"""Series and steps of the questions that a version answers before it is used."""
PLATFORM = "tensorflow_keras"


@dataclass(frozen=True)
class ServedVersion:
    """A loaded version of a model.

    digest: the first digits of the SHA-256 of its manifest, which holds those of all its files.
    """

    name: str
    version: str
    digest: str
    scorer: Scorer
    infer: Infer

    @property
    def label(self) -> str:
        """The version with its digest, as answers name it."""
        return f"{self.version}-{self.digest}"

    def metadata(self) -> dict[str, Any]:
        """Return the inputs and outputs, as the protocol tells them."""
        shapes = {SERIES: [-1, -1, len(self.scorer.channels)], LENGTHS: [-1]}
        return {
            "name": self.name,
            "platform": PLATFORM,
            "inputs": [
                {"name": name, "datatype": DATATYPES[name], "shape": shape}
                for name, shape in shapes.items()
            ],
            "outputs": list(described(self.scorer)),
            "parameters": {
                "version": self.label,
                "classes": list(self.scorer.classes),
                "channels": list(self.scorer.channels),
            },
        }


def load_version(model: Model) -> ServedVersion:
    """Load a version and let it answer some questions, so that the next takes no longer."""
    start_answering()
    renew_kernel()
    scorer = scorer_of(model)
    infer = load_classifier(model.root, scorer.path)
    for shape in WARM_SHAPES:
        infer(np.zeros((*shape, len(scorer.channels)), np.float32))
    digest = manifest_digest(model.manifest)[:DIGITS]
    return ServedVersion(model.name, model.version, digest, scorer, infer)


@dataclass
class _Served:
    """The versions that answer for a model: the champion or a named one first, and further ones.

    refused: a champion that is damaged; None if there is none. last_line: the last line that was
    yielded about champions.
    """

    first: ServedVersion
    follows: bool
    others: dict[str, ServedVersion] = field(default_factory=dict)
    refused: str | None = None
    last_line: str = ""

    @property
    def versions(self) -> list[ServedVersion]:
        """All versions, each once, the one that answers by default first."""
        return list({self.first.version: self.first, **self.others}.values())


class ServedModels:
    """The models of a server: champions, which it follows, and versions that were asked for."""

    def __init__(self, root: Root, refs: list[str]) -> None:
        self._root = root
        self._served: dict[str, _Served] = {}
        models = [(ModelRef.parse(ref), open_model(root, ref)) for ref in refs]
        for ref, model in sorted(models, key=lambda pair: not _follows(pair[0])):
            loaded, follows = load_version(model), _follows(ref)
            if loaded.name in self._served:
                self._served[loaded.name].others[loaded.version] = loaded
            else:
                others = {} if follows else {loaded.version: loaded}
                self._served[loaded.name] = _Served(loaded, follows, others)

    def __iter__(self) -> Iterator[ServedVersion]:
        """Yield the version of each model that answers where a request names none."""
        return (served.first for served in self._served.values())

    def find(self, name: str, version: str | None = None) -> ServedVersion:
        """Return the version that answers a request; Refusal with 404 if there is none."""
        if name not in self._served:
            served = ", ".join(self._served)
            raise HttpRefusal(404, f"model: expected one of {served}, got {name[:80]!r}")
        if version is None:
            return self._served[name].first
        for candidate in self._served[name].versions:
            if version in (candidate.version, candidate.label):
                return candidate
        versions = ", ".join(self.versions(name))
        raise HttpRefusal(
            404, f"version: expected one of {versions} of {name}, got {version[:80]!r}"
        )

    def versions(self, name: str) -> list[str]:
        """Return the versions of a model that can be asked."""
        return [version.label for version in self._served[name].versions]

    def refresh(self) -> Iterator[str]:
        """Load champions that are new; each answers from the moment on in which it is warm.

        Yields a line of each that was taken, and of each that can't be loaded: the champion before
        goes on answering. A damaged champion is not tried again.
        """
        for name, served in self._served.items():
            if served.follows:
                yield from self._follow(name, served)

    def _follow(self, name: str, served: _Served) -> Iterator[str]:
        version = None
        try:
            version = champion_of(self._root, name)
            if version in (None, served.first.version, served.refused):
                return
            served.first = load_version(open_model(self._root, f"{name}@{version}"))
            line = f"{name}: {served.first.label} answers from now on"
        except (ValueError, OSError) as error:
            served.refused = None if isinstance(error, OSError) else version
            line = f"{name}: {served.first.label} goes on answering ({error})"
        if line != served.last_line:
            served.last_line = line
            yield line


def _follows(ref: ModelRef) -> bool:
    return ref.version in ("", CHAMPION)
