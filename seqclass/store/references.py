"""References as people and manifests write them: a kind, a name and a version."""

from dataclasses import dataclass
from typing import ClassVar, Self


@dataclass(frozen=True)
class Reference:
    """A reference ``<kind>/<name>@<version>``; ``version`` is empty if none is given."""

    kind: ClassVar[str]
    name: str
    version: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``kind/name@version``, ``name@version``, ``kind/name`` or ``name``, unchecked."""
        name, _, version = text.removeprefix(f"{cls.kind}/").partition("@")
        return cls(name, version)

    def __str__(self) -> str:
        return f"{self.kind}/{self.short}"

    @property
    def parts(self) -> tuple[str, str, str]:
        """Folders that lead from the root to the version."""
        return self.kind, self.name, self.version

    @property
    def short(self) -> str:
        """The reference without its kind, as commands take it."""
        return f"{self.name}@{self.version}" if self.version else self.name


class DatasetRef(Reference):
    """A dataset; its version is a digest, or the beginning of one."""

    kind = "datasets"


class ModelRef(Reference):
    """A model; its version is ``v<number>`` or the alias ``champion``."""

    kind = "models"


class StudyRef(Reference):
    """A stability study of a dataset; its version is a digest."""

    kind = "studies"


def reference_of(text: str) -> Reference:
    """Read ``kind/name@version``, as ``str`` writes it."""
    kinds = {kind.kind: kind for kind in Reference.__subclasses__()}
    return kinds[text.partition("/")[0]].parse(text)
