"""What is asked of a sink: its life, and that a repeat overwrites itself. On asyncio and trio, in real time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import anyio
import pytest

from ...model.batch import Batch
from ...model.outcome import Verdict
from ..destination import Sink
from ..golden import Golden, verdict_as_json
from ..samples import SAMPLES
from ..testing import Tester
from .common import Common, assert_verdict


class SinkConformance(Common):
    """For a sink. `{tmp_path}` in its settings stands for a fresh folder; `effects` says what can be seen from outside."""

    repeats: ClassVar[bool] = False
    """True for a sink that cannot overwrite what it wrote (a terminal): a repeat shows twice."""

    @pytest.fixture(autouse=True)
    def _fresh_folder(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path

    def effects(self) -> Any:
        """What the sink has done so far, as a value that JSON can hold: file names and contents, rows."""
        return {
            str(path.relative_to(self.tmp_path)): path.read_text(encoding="utf-8")
            for path in sorted(self.tmp_path.rglob("*"))
            if path.is_file()
        }

    def make_tester(self, settings: Mapping[str, Any] | None = None) -> Tester:
        here = str(self.tmp_path)
        filled = {
            name: value.replace("{tmp_path}", here) if isinstance(value, str) else value
            for name, value in (self.settings if settings is None else settings).items()
        }
        return super().make_tester(filled)

    @pytest.fixture(params=["asyncio", "trio"])
    def backend(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def test_what_is_written_can_be_seen(self, backend: str) -> None:
        before, batch = self.effects(), self.make_tester().batch(*SAMPLES.values())
        assert_verdict(self.write(backend, batch), batch)
        assert self.effects() != before

    def test_a_batch_written_again_overwrites_itself(self, backend: str) -> None:
        tester = self.make_tester()
        batch, next_batch = tester.batch(SAMPLES["track"], first=1), tester.batch(SAMPLES["page"], first=2)
        self.write(backend, batch, next_batch)
        once = self.effects()
        self.write(backend, batch)
        assert self.repeats or self.effects() == once

    def test_the_next_batch_does_not_overwrite_the_last(self, backend: str) -> None:
        tester = self.make_tester()
        self.write(backend, tester.batch(SAMPLES["track"], first=1))
        once = self.effects()
        self.write(backend, tester.batch(SAMPLES["track"], first=2))
        assert self.effects() != once

    def test_close_is_safe_after_an_open_that_was_cut_off_and_when_repeated(self, backend: str) -> None:
        sink = self.sink()

        async def cut_off() -> None:
            with anyio.CancelScope() as scope:
                scope.cancel()
                await sink.open()
            await sink.close()
            await sink.close()

        anyio.run(cut_off, backend=backend)

    def test_it_opens_again_after_a_close(self, backend: str) -> None:
        sink, batch = self.sink(), self.make_tester().batch(SAMPLES["track"])

        async def twice() -> None:
            for _ in range(2):
                await sink.open()
                assert_verdict(await sink.write(batch), batch)
                await sink.close()

        anyio.run(twice, backend=backend)

    def test_golden(self, golden: Golden, backend: str) -> None:
        assert golden.effects is not None, "a golden that says nothing"
        tester = self.make_tester(golden.settings)
        verdict = self.write(backend, tester.batch(*golden.events), settings=golden.settings)
        assert verdict_as_json(verdict) == golden.verdict
        assert self.effects() == golden.effects

    def sink(self, settings: Mapping[str, Any] | None = None) -> Sink[Any]:
        destination = self.make_tester(settings).destination
        assert isinstance(destination, Sink)
        return destination

    def write(self, backend: str, *batches: Batch, settings: Mapping[str, Any] | None = None) -> Verdict:
        """Opens a sink, writes the batches, closes it; the last verdict."""
        sink = self.sink(settings)

        async def run() -> list[Verdict]:
            try:
                await sink.open()
                return [await sink.write(batch) for batch in batches]
            finally:
                await sink.close()

        return anyio.run(run, backend=backend)[-1]
