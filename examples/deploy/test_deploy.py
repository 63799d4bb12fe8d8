"""What can be tried of these files without Docker, a cluster or a system's own systemd: all but these three themselves."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml
from doorstep.engine.admin.app import public_paths
from doorstep.engine.config import examine

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SECRETS = {
    "WRITE_KEY": "key-of-the-shop-0001",
    "HOOK_URL": "https://example.com/in",
    "HOOK_TOKEN": "s3cr3t-hook",
    "DOORSTEP_ADMIN_HASH": "sha256:" + "0" * 64,
}


def instructions() -> list[tuple[str, str]]:
    """Of the Dockerfile: each with what follows it."""
    text = re.sub(r"^#.*\n", "", (HERE / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    return [
        (word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)
    ]


def of(word: str) -> list[str]:
    return [rest for name, rest in instructions() if name == word]


def documents() -> dict[str, Any]:
    """Of the Kubernetes example, by kind."""
    return {one["kind"]: one for one in yaml.safe_load_all((HERE / "kubernetes.yaml").read_text("utf-8"))}


def unit() -> dict[str, list[str]]:
    lines = [line for line in (HERE / "doorstep.service").read_text("utf-8").splitlines() if re.match(r"\w+=", line)]
    found: dict[str, list[str]] = {}
    for name, _, value in (line.partition("=") for line in lines):
        found.setdefault(name, []).append(value)
    return found


def drain_s(arguments: list[str]) -> int:
    return int(arguments[arguments.index("--drain-timeout") + 1].removesuffix("s"))


# The configuration in each of them ------------------------------------------------------------------------------------


def test_nothing_is_wrong_with_the_containers_configuration() -> None:
    found = examine([HERE / "container.toml"], SECRETS)
    assert (found.problems, found.warnings) == ([], [])


def test_nothing_is_wrong_with_the_configuration_for_systemd_which_names_what_systemd_hands_over(
    tmp_path: Path,
) -> None:
    handed_over = "/run/credentials/doorstep.service/"
    text = (HERE / "service.toml").read_text("utf-8")
    names = re.findall(re.escape(handed_over) + r"(\w+)", text)
    assert (
        sorted(names)
        == sorted(one.partition(":")[0] for one in unit()["LoadCredential"])
        == ["hook_token", "write_key"]
    )
    for name in names:
        (tmp_path / name).write_text(f"a-secret-of-{name}\n", "utf-8")
    (tmp_path / "doorstep.toml").write_text(text.replace(handed_over, f"{tmp_path}/"), "utf-8")
    found = examine([tmp_path / "doorstep.toml"], {})
    assert (found.problems, found.warnings) == ([], [])
    assert 'data_dir = "/var/lib/doorstep"' in text
    assert unit()["StateDirectory"] == ["doorstep"]


def test_nothing_is_wrong_with_the_configuration_in_the_cluster_whose_secrets_are_there(tmp_path: Path) -> None:
    [(name, text)] = documents()["ConfigMap"]["data"].items()
    (tmp_path / name).write_text(text, "utf-8")
    secrets = documents()["Secret"]["stringData"]
    found = examine([tmp_path / name], secrets)
    assert (found.problems, found.warnings) == ([], [])
    assert set(secrets) == set(re.findall(r"\$\{env:(\w+)\}", text))


# systemd --------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="the unit is not verified: no systemd-analyze here")
def test_systemd_finds_no_fault_with_the_unit_and_little_that_it_may_do(tmp_path: Path) -> None:
    file = tmp_path / "doorstep.service"
    text = (HERE / "doorstep.service").read_text("utf-8")
    file.write_text(text.replace("/opt/doorstep/bin/doorstep", sys.executable), "utf-8")
    verified = _run("systemd-analyze", "verify", "--man=no", str(file))
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
    security = _run("systemd-analyze", "security", "--offline=true", str(file))
    [exposure] = re.findall(r"exposure level for doorstep.service: ([\d.]+)", security.stdout)
    assert float(exposure) < 2


def test_the_unit_waits_longer_than_the_engine_drains_and_does_not_restart_what_is_configured_wrongly() -> None:
    [command] = unit()["ExecStart"]
    [patience] = unit()["TimeoutStopSec"]
    assert int(patience) > drain_s(shlex.split(command))
    assert unit()["RestartPreventExitStatus"] == ["78"]


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


# The image ------------------------------------------------------------------------------------------------------------


def test_the_image_is_slim_and_of_nobody_elses_user() -> None:
    assert of("FROM") == ["python:3.13-slim AS build", "python:3.13-slim"]
    assert of("USER") == ["10001"]
    assert of("VOLUME") == ["/var/lib/doorstep"]


def test_what_is_copied_into_the_image_is_all_that_a_wheel_takes(tmp_path: Path) -> None:
    copied = [source for line in of("COPY") if "--from" not in line for source in line.split()[:-1]]
    for source in copied:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / source, tmp_path / source)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist"]
    subprocess.run(build, cwd=tmp_path, capture_output=True, timeout=60, check=True)
    [wheel] = (tmp_path / "dist").iterdir()
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "doorstep/engine/app.py",
        "doorstep/destinations/webhook/destination.py",
        "doorstep/engine/admin/console/app.js",
    } <= names


class Hook:
    """Answers 200, and keeps what it got."""

    def __init__(self) -> None:
        self.got: list[tuple[str | None, Any]] = []
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got.append((self.headers["Authorization"], json.loads(body)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/in"


@pytest.fixture
def hook() -> Iterator[Hook]:
    made = Hook()
    thread = Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join(5)


def test_the_containers_command_comes_up_healthy_delivers_and_ends_when_it_is_told_to(
    tmp_path: Path, hook: Hook
) -> None:
    http, admin = _free_port(), _free_port()
    environment = os.environ | SECRETS
    environment |= {"HOOK_URL": hook.url, "DOORSTEP_CONFIG": str(HERE / "container.toml")}
    environment |= {"DOORSTEP_DATA_DIR": str(tmp_path / "data"), "DOORSTEP_HTTP": f"127.0.0.1:{http}"}
    environment |= {"DOORSTEP_ADMIN": f"127.0.0.1:{admin}"}
    [(entry, command)] = zip(of("ENTRYPOINT"), of("CMD"), strict=True)
    arguments = [*json.loads(entry)[1:], *json.loads(command)]
    doorstep = [sys.executable, "-m", "doorstep.engine.cli"]
    with subprocess.Popen(
        [*doorstep, *arguments], env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            _until(lambda: _is_healthy(admin))
            event = {"userId": "u-1", "event": "Signed Up", "messageId": "m-1"}
            request = urllib.request.Request(f"http://127.0.0.1:{http}/v1/track", json.dumps(event).encode())
            request.add_header("Authorization", f"Bearer {SECRETS['WRITE_KEY']}")
            with urllib.request.urlopen(request, timeout=10) as response:
                assert response.status == 200
            _until(lambda: bool(hook.got))
        finally:
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=20)
    assert process.returncode == 0, said
    [(authorization, [delivered])] = hook.got
    assert (authorization, delivered["messageId"]) == ("Bearer s3cr3t-hook", "m-1")
    assert all(json.loads(line) for line in said.splitlines() if line.startswith(b"{"))


def _is_healthy(admin: int) -> bool:
    """What the image's HEALTHCHECK says."""
    [check] = of("HEALTHCHECK")
    command = json.loads(check.partition(" CMD ")[2].replace("8090", str(admin)))
    return _run(sys.executable, *command[1:]).returncode == 0


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _until(condition: Any, limit_s: float = 20.0) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


# Kubernetes -----------------------------------------------------------------------------------------------------------


def test_the_sidecar_fits_the_image_and_the_pod() -> None:
    pod = documents()["StatefulSet"]["spec"]["template"]["spec"]
    [sidecar] = pod["initContainers"]
    assert sidecar["restartPolicy"] == "Always"
    assert pod["terminationGracePeriodSeconds"] > drain_s(sidecar["args"])
    assert str(pod["securityContext"]["runAsUser"]) == of("USER")[0]
    probes = [sidecar[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert [one["path"] for one in probes] == ["/livez", "/livez", "/readyz"]
    assert {one["path"] for one in probes} <= public_paths()
    assert {(one["port"], *(head["value"] for head in one["httpHeaders"])) for one in probes} == {
        ("admin", "localhost")
    }
    mounts = {one["name"]: one["mountPath"] for one in sidecar["volumeMounts"]}
    [claim] = documents()["StatefulSet"]["spec"]["volumeClaimTemplates"]
    assert mounts == {"config": "/etc/doorstep", claim["metadata"]["name"]: of("VOLUME")[0]}
    assert "DOORSTEP_CONFIG=/etc/doorstep/doorstep.toml" in of("ENV")[0]
    assert list(documents()["ConfigMap"]["data"]) == ["doorstep.toml"]
