"""The files of deploy/, for engines that do not run here: what they take, and what is meant."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import yaml
from typer.main import get_command

from seqclass.flows.__main__ import app
from seqclass.flows.service.worker import LARGE, SMALL
from tests.support.places import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
IMAGE = (DEPLOY / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
UNIT = (DEPLOY / "seqclass.service").read_text()
KUBERNETES = json.loads((DEPLOY / "kubernetes" / "work-pool.json").read_text())


def steps() -> list[tuple[str, str]]:
    """Instructions of the image, each with its words."""
    whole = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", IMAGE, flags=re.M))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in whole.splitlines()
            if line)]  # fmt: skip


def copied() -> list[str]:
    """Files and folders that the first stage takes from the repository."""
    lines = [shlex.split(rest) for word, rest in steps() if word == "COPY" and "--from" not in rest]
    return [name for words in lines for name in words[:-1]]


def test_the_image_is_built_by_the_install_of_the_makefile_and_runs_as_nobody() -> None:
    words = [word for word, _ in steps()]
    assert words.count("FROM") == 2
    last = words[len(words) - words[::-1].index("FROM") :]
    assert ("RUN", "make install") in steps()
    assert "USER" in last
    assert dict(steps())["USER"].partition(":")[0].isdecimal()
    assert not [rest for word, rest in steps() if word == "ADD" or "://" in rest]
    assert "ENTRYPOINT" not in words, "workers of Kubernetes give the whole command"


def test_what_the_image_takes_is_there_and_is_not_ignored() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied())
    assert [name for name in copied() if not (REPOSITORY / name).exists()] == []


def test_the_image_takes_all_that_the_package_and_its_install_name() -> None:
    """The journey of the wheel shows that no more is needed to build it."""
    table = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    files = [file for files in table["tool"]["setuptools"]["data-files"].values() for file in files]
    named = {table["project"]["readme"], *table["project"]["license-files"], *files}
    rule = re.search(r"^\.venv/installed: (.*)$", (REPOSITORY / "Makefile").read_text(), re.M)
    assert rule is not None
    links = {link.name for link in (REPOSITORY / "seqclass").iterdir() if link.is_symlink()}
    assert {"Makefile", "seqclass", *links, *named, *rule[1].split()} <= set(copied())


def is_command(words: list[str]) -> bool:
    """Whether words are a command of the image: of this project with its options, or Prefect's."""
    if words[0] == "prefect":
        return words[1:3] == ["server", "start"]
    command = get_command(app).commands[words[1]]  # type: ignore[attr-defined]
    options = {option for given in command.params for option in given.opts}
    return {word for word in words[2:] if word.startswith("--")} <= options


def test_services_run_commands_of_the_image_and_open_no_port_to_others() -> None:
    services: dict[str, Any] = COMPOSE["services"]
    assert {name for name, service in services.items() if service["image"] == "seqclass"} == {
        "server", "worker",
    }  # fmt: skip
    for service in services.values():
        assert "command" not in service or is_command(list(map(str, service["command"])))
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert not service.get("privileged")
    for service in (services["server"], services["worker"]):
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    text = (DEPLOY / "compose.yaml").read_text()
    assert "${PREFECT_API_AUTH_STRING:?" in text, "a server without a password does not start"


def test_the_unit_runs_a_command_that_ends_its_own_processes(tmp_path: Path) -> None:
    fields = dict(line.partition("=")[::2] for line in UNIT.splitlines() if "=" in line)
    words = shlex.split(fields["ExecStart"])
    assert is_command(["seqclass", *words[1:]])
    assert fields["KillMode"] == "mixed"
    assert fields["User"] != "root"
    if shutil.which("systemd-analyze"):
        unit = tmp_path / "seqclass.service"
        unit.write_text(UNIT.replace(words[0], sys.executable))
        completed = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True,
                               text=True)  # fmt: skip
        assert (completed.returncode, completed.stderr) == (0, "")


def test_a_run_chooses_cores_and_memory_and_nothing_else() -> None:
    variables, job = KUBERNETES["variables"], json.dumps(KUBERNETES["job_configuration"])
    assert set(variables["properties"]) == {"cpu", "memory"}
    assert variables["additionalProperties"] is False
    assert set(re.findall(r"{{\s*(\w+)\s*}}", job)) == {"cpu", "memory"}
    taken = {"cpu": ["1", "16", "500m"], "memory": ["512Mi", "64Gi"]}
    refused = ["", "0", "-1", "1; touch /x", "1\n", "{{ env }}", "64Gi\n", "1e9", "99999Gi"]
    for name, variable in variables["properties"].items():
        assert all(re.search(variable["pattern"], text) for text in taken[name])
        assert not [text for text in refused if re.fullmatch(variable["pattern"], text)]


def test_a_job_runs_as_nobody_and_takes_its_command_from_the_worker() -> None:
    from prefect.utilities.templating import apply_values

    job: Any = apply_values(KUBERNETES["job_configuration"], {"cpu": "4", "memory": "8Gi"})
    pod = job["job_manifest"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["resources"]["requests"] == {"cpu": "4", "memory": "8Gi"}
    assert not {"command", "args"} & set(container)
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False


def test_deployments_of_kubernetes_are_those_of_prefect_yaml_with_cores_and_memory() -> None:
    ours = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())
    theirs = yaml.safe_load((DEPLOY / "kubernetes" / "prefect.yaml").read_text())
    asked = {}
    for deployment in theirs["deployments"]:
        pool = deployment["work_pool"]
        if "job_variables" in pool:  # an anchor's, which others share
            asked[pool["work_queue_name"]] = pool["job_variables"]
        deployment["work_pool"] = {k: v for k, v in pool.items() if k != "job_variables"}
    assert theirs == ours
    assert set(asked) == {SMALL, LARGE}
    variables = KUBERNETES["variables"]["properties"]
    for amounts in asked.values():
        assert set(amounts) == {"cpu", "memory"}
        assert all(re.search(variables[name]["pattern"], text) for name, text in amounts.items())


def settings(name: str) -> dict[str, str]:
    lines = (DEPLOY / f"{name}.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_environments_hold_settings_that_prefect_knows_and_no_password() -> None:
    from prefect.settings import Settings
    from prefect.settings.legacy import _get_valid_setting_names

    server, worker = settings("server"), settings("worker")
    named = {name for name in {**server, **worker} if name.startswith("PREFECT_")}
    assert named - _get_valid_setting_names(Settings) == set()
    assert server["PREFECT_SERVER_API_AUTH_STRING"] == worker["PREFECT_API_AUTH_STRING"]
    secret = [
        text for name, text in {**server, **worker}.items() if "AUTH" in name or "KEY" in name
    ]
    assert {text.removeprefix("fleet:") for text in secret} == {"PASSWORD", ""}
    assert server["DO_NOT_TRACK"] == worker["DO_NOT_TRACK"] == "1"
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    assert asked - set(worker) == {"DATABASE_PASSWORD", "AWS_ENDPOINT_URL_S3"}
