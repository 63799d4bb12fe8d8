"""`type = "http"` in a real process: what was answered 200 is kept whatever happens, and told by `explain` with its source."""

from __future__ import annotations

import http.client
import json
import signal
import threading
from contextlib import closing


def _config(receiver, keys: str = 'keys = [{ key = "wk", name = "web" }]') -> str:
    ingress = f'[[ingress]]\ntype = "http"\nlisten = "127.0.0.1:0"\n{keys}\n'
    return ingress + f'[destinations.hook]\ntype = "webhook"\nsettings = {{ url = "{receiver.url()}" }}\n'


def _port(process) -> int:
    return int(process.wait_until_said(r"http: listening on 127\.0\.0\.1:(\d+)")[1])


def _batch(first: int, count: int) -> bytes:
    batch = [{"type": "page", "userId": "u", "messageId": f"m-{n}"} for n in range(first, first + count)]
    return json.dumps({"batch": batch, "writeKey": "wk"}).encode()


def _ids(receiver) -> list[str]:
    return [json.loads(line)["messageId"] for line in receiver.lines()]


class _Pouring:
    """Posts batches of ten until the server is gone; knows which were answered 200."""

    def __init__(self, port: int) -> None:
        self.accepted: list[str] = []
        self.statuses: list[int] = []
        self._port = port
        self._thread = threading.Thread(target=self._pour)
        self._thread.start()

    def _pour(self) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)) as connection:
            for first in range(0, 1_000_000, 10):
                try:
                    connection.request("POST", "/v1/batch", _batch(first, 10))
                    status = connection.getresponse()
                    status.read()
                except (OSError, http.client.HTTPException):
                    break
                self.statuses.append(status.status)
                if status.status == 200:
                    self.accepted += [f"m-{n}" for n in range(first, first + 10)]

    def end(self) -> None:
        self._thread.join(20)
        assert not self._thread.is_alive()


def _until(condition, seconds: float = 20.0) -> None:
    waiting = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        waiting.wait(0.02)
    raise AssertionError("waited too long")


def test_what_was_answered_200_survives_kill_9(start, receiver, write_config, doorstep_cli):
    write_config(_config(receiver))
    process = start("run")
    pouring = _Pouring(_port(process))
    _until(lambda: len(pouring.accepted) >= 500)
    process.kill()
    pouring.end()
    assert doorstep_cli("run", "--no-input").returncode == 0
    assert set(pouring.accepted) <= set(_ids(receiver))


def test_a_signal_lets_requests_in_hand_be_answered_and_nothing_comes_twice(
    start, receiver, write_config, doorstep_cli, summary_of
):
    write_config(_config(receiver))
    process = start("run", "--summary", "json")
    pouring = _Pouring(_port(process))
    _until(lambda: len(pouring.accepted) >= 500)
    process.signal(signal.SIGTERM)
    code, stdout = process.end()
    pouring.end()
    assert code == 0
    assert summary_of(stdout)["accepted"] >= len(pouring.accepted)
    assert doorstep_cli("run", "--no-input").returncode == 0
    ids = _ids(receiver)
    assert set(pouring.accepted) <= set(ids)
    assert len(ids) == len(set(ids))


def test_each_write_key_is_a_source_that_destinations_choose_by_and_explain_names(
    start, receiver, write_config, doorstep_cli, summary_of
):
    keys = 'dedup = "1h"\nkeys = [{ key = "wk", name = "web" }, { key = "k2", name = "app" }]'
    write_config(_config(receiver, keys) + 'sources = ["app"]\n')
    process = start("run", "--summary", "json")
    port = _port(process)
    for key, message_id in (("wk", "m-1"), ("k2", "m-2"), ("k2", "m-2"), ("wk", "m-2"), ("no", "m-3")):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        event = {"type": "page", "userId": "u", "messageId": message_id}
        connection.request("POST", "/v1/page", json.dumps({**event, "writeKey": key}))
        assert connection.getresponse().status == (401 if key == "no" else 200)
        connection.close()
    receiver.wait_for(lambda: receiver.lines() != [])
    process.signal(signal.SIGTERM)
    code, stdout = process.end()
    assert code == 0
    summary = summary_of(stdout)
    assert (summary["accepted"], summary["duplicates"]) == (3, 1)
    assert summary["destinations"]["hook"]["filtered"] == {"source": 2}
    assert _ids(receiver) == ["m-2"]
    assert b"received from web" in doorstep_cli("explain", "m-1").stdout
