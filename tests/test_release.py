"""``make release`` begins only with a commit that can be a version."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.places import REPOSITORY


def git(folder: Path, *words: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository of one clean commit, with the files that name the version."""
    for name in ("Makefile", "CHANGELOG.md", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    return tmp_path


def refusal(checkout: Path) -> str:
    """What ``make releasable`` says, or nothing if it lets the commit pass."""
    plain = {name: text for name, text in os.environ.items() if not name.startswith("MAKE")}
    completed = subprocess.run(
        ["make", "releasable"], cwd=checkout, env=plain, capture_output=True, text=True
    )
    assert (completed.returncode == 0) == (completed.stderr == "")
    return completed.stderr


def test_this_version_can_be_released(checkout: Path) -> None:
    assert refusal(checkout) == ""


def test_uncommitted_work_is_refused(checkout: Path) -> None:
    (checkout / "new.py").touch()
    assert "expected a clean tree" in refusal(checkout)


def test_a_version_that_the_changelog_lacks_is_refused(checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text("# Changelog\n\n## 0.1.0\n")
    git(checkout, "commit", "--all", "--message", "Forget")
    assert "expected a section" in refusal(checkout)


def test_a_version_that_is_tagged_is_refused(checkout: Path) -> None:
    version = (checkout / "pyproject.toml").read_text().partition('\nversion = "')[2]
    git(checkout, "tag", f"v{version.partition(chr(34))[0]}")
    assert "which is tagged" in refusal(checkout)
