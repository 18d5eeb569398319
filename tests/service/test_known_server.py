"""Whether a server may be known is told without importing Prefect."""

from pathlib import Path

import pytest

from flows.service.secrecy import private_folder
from flows.service.server import home_of, may_have_server, new_service, record, recorded
from seqclass.store.root import Root

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
    private_folder(home_of(root))
    record(root, new_service(URL))
    assert not may_have_server(root)


def test_a_record_without_its_keys_names_no_service(home: Path, root: Root) -> None:
    private_folder(home_of(root))
    record(root, new_service(URL))
    (home_of(root) / "service.json").write_text("{}")
    assert recorded(root) is None


def test_a_profile_may_name_one(home: Path, root: Root) -> None:
    (home / "profiles.toml").write_text(f'[profiles.mine]\nPREFECT_API_URL = "{URL}"\n')
    assert may_have_server(root)


def test_the_environment_names_one(home: Path, root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", URL)
    assert may_have_server(root)
