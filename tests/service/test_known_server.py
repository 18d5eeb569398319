"""The server of a root: its record, and whether there may be one, without importing Prefect."""

import json
import os
import shutil
from pathlib import Path

import pytest

from seqclass.flows.service.credentials import private_folder
from seqclass.flows.service.server import (
    Service,
    home_of,
    mark_of,
    may_have_server,
    record,
    recorded,
)
from seqclass.store.root import Root, open_root

URL = "http://127.0.0.1:1/api"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of Prefect, which is the working folder too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    for name in ("PREFECT_API_URL", "PREFECT_PROFILES_PATH"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_none_is_known_where_nothing_names_one(home: Path, root: Root) -> None:
    (home / "profiles.toml").write_text('active = "ephemeral"\n')
    (home / ".env").write_text(f"PREFECT_API_URL={URL}\n")
    assert not may_have_server(root)


def test_the_record_of_a_service_that_is_gone_names_none(home: Path, root: Root) -> None:
    up(root)
    assert not may_have_server(root)


def up(root: Root) -> Service:
    """Record a service of the root, as if this process were its ``seqclass up``."""
    private_folder(home_of(root))
    service = Service(URL, mark_of(root))
    record(root, service)
    return service


@pytest.mark.parametrize("text", ["{", "{}", f'{{"url": "{URL}", "mark": "0"}}'])
def test_a_damaged_record_names_no_service(home: Path, root: Root, text: str) -> None:
    service = up(root)
    assert recorded(root) == service
    (home_of(root) / "service.json").write_text(text)
    assert recorded(root) is None


@pytest.mark.parametrize(
    "change", [{"supervisor": [os.getpid(), 1]}, {"supervisor": [2**22 + 1, 1]}]
)
def test_the_record_of_a_process_that_has_ended_names_no_service(
    home: Path, root: Root, change: dict
) -> None:
    """Another process may have its number by now."""
    up(root)
    file = home_of(root) / "service.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    assert recorded(root) is None


def test_a_copy_of_a_root_has_no_service(home: Path, root: Root) -> None:
    service, copy, link = up(root), home / "copy", home / "link"
    shutil.copytree(root.path, copy)
    link.symlink_to(root.path)
    assert recorded(open_root(copy)) is None
    assert recorded(open_root(link)) == service
    assert up(open_root(copy)).mark != service.mark
    shutil.move(root.path, home / "moved")
    shutil.move(copy, root.path)
    assert recorded(root) is None


def test_the_record_of_a_bucket_holds_for_its_url_and_home_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home / "first"))
    bucket = open_root("s3://bucket/tree")
    service = up(bucket)
    shutil.copytree(home / "first", home / "second")
    assert recorded(bucket) == service
    assert recorded(open_root("s3://bucket-tree")) is None  # its home has the same name
    monkeypatch.setenv("HOME", str(home / "second"))
    assert recorded(bucket) is None


def test_a_profile_may_name_one(home: Path, root: Root) -> None:
    (home / "profiles.toml").write_text(f'[profiles.mine]\nPREFECT_API_URL = "{URL}"\n')
    assert may_have_server(root)


def test_the_environment_names_one(home: Path, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", URL)
    assert may_have_server(root)
