"""What is asked of both kinds of destination."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ...model.batch import Batch
from ...model.envelope import Envelope
from ...model.event import EVENT_TYPES
from ...model.outcome import Delivered, Failure, Filtered, Judgement, Raised, Rejected, Retry
from ...secret import secrets_in
from ..destination import Destination
from ..fields import fields
from ..golden import Golden, goldens
from ..samples import SAMPLES
from ..testing import Tester
from ..verdict import judged

_README_SECTIONS = ("Settings", "Limits", "Idempotency")
_SOUNDS_SECRET = re.compile(r"(^|_)(api_key|access_key|token|secret|password|credentials?)$")
_CODE = re.compile(r"[a-z0-9_]{1,64}")


class Common:
    """What is asked of both kinds. Tests are methods, so pytest needs no help in finding them."""

    destination: ClassVar[type[Destination[Any]]]
    settings: ClassVar[Mapping[str, Any]]
    """As in a configuration file. Give every secret a value: the suite looks for it where it must not be."""
    actions: ClassVar[Mapping[str, Any]] = {}
    """As in a configuration file: for actions that are in use only if somebody asks for them."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "golden" in metafunc.fixturenames:
            metafunc.parametrize("golden", found := metafunc.cls.goldens(), ids=list(found), indirect=True)

    @pytest.fixture
    def golden(self, request: pytest.FixtureRequest) -> Golden:
        return type(self).goldens()[request.param]

    @classmethod
    def goldens(cls) -> dict[str, Golden]:
        """By file name. A type that may have actions has a class of tests without and one with some, each with its own goldens."""
        found = goldens(folder(cls))
        if cls.destination.with_actions is None:
            return found
        return {name: golden for name, golden in found.items() if bool(golden.actions) == bool(cls.actions)}

    def make_tester(self, settings: Mapping[str, Any] | None = None) -> Tester:
        """A tester with these settings, or else the class's."""
        return Tester(self.destination, copy.deepcopy(dict(self.settings if settings is None else settings)))

    def test_it_says_what_it_is(self) -> None:
        assert self.destination.label.strip()
        assert self.destination.description.strip()
        assert (self.destination.__doc__ or "").strip()

    def test_every_setting_has_a_description(self) -> None:
        assert [field.name for field in fields(self.destination.Settings) if not field.description] == []

    def test_settings_are_frozen_and_refuse_unknown_keys(self) -> None:
        config = self.destination.Settings.__struct_config__
        assert (config.frozen, config.forbid_unknown_fields) == (True, True)

    def test_a_setting_that_sounds_secret_is_a_secret(self) -> None:
        named = [field for field in fields(self.destination.Settings) if _SOUNDS_SECRET.search(field.name)]
        assert [field.name for field in named if not field.secret] == []

    def test_no_secret_shows_in_a_repr(self) -> None:
        tester = self.make_tester()
        shown = repr(tester) + repr(tester.settings) + repr(tester.destination)
        assert [secret for secret in secrets_in(tester.settings) if secret and secret in shown] == []

    def test_limits_make_sense(self) -> None:
        tester = self.make_tester()
        for limits in (self.destination.limits, self.destination.tuned(tester.settings)):
            assert min(limits.max_events, limits.max_bytes, limits.in_flight) >= 1
            assert limits.max_wait_s >= 0
            assert limits.per_second is None or limits.per_second > 0

    def test_the_key_of_an_event_is_stable_and_hashable(self) -> None:
        for envelope in samples(self.make_tester()):
            destination = self.make_tester().destination
            assert hash(destination.key(envelope)) == hash(destination.key(envelope))
            assert destination.key(envelope) == self.make_tester().destination.key(envelope)

    def test_the_readme_tells_settings_limits_and_idempotency(self) -> None:
        text = (folder(type(self)) / "README.md").read_text(encoding="utf-8")
        assert [name for name in _README_SECTIONS if not re.search(rf"^## {name}$", text, re.MULTILINE)] == []
        assert [field.name for field in fields(self.destination.Settings) if f"`{field.name}`" not in text] == []

    def test_there_are_goldens(self) -> None:
        assert type(self).goldens(), "no golden/*.json beside this test: write one (event in, request out)"


def folder(test_class: Any) -> Path:
    """Where the test file is, and with it the README and the goldens."""
    return Path(inspect.getfile(test_class)).parent


def samples(tester: Tester) -> list[Envelope]:
    return list(tester.batch(*(SAMPLES[type_] for type_ in EVENT_TYPES)).envelopes)


def assert_verdict(judgement: Judgement, batch: Batch) -> None:
    """A verdict is of one of the three kinds; a list has an outcome for every event; a reason is fit for a counter's name. Nobody takes
    more than was sent."""
    verdict, report = judged(judgement)
    assert report is None or 0 <= report[1] <= report[0]
    if isinstance(verdict, list):
        assert len(verdict) == len(batch)
        assert all(isinstance(outcome, Delivered | Retry | Rejected | Raised | Filtered) for outcome in verdict)
    elif isinstance(verdict, Failure):
        assert _CODE.fullmatch(verdict.reason)
        assert verdict.after is None or verdict.after >= 0
    else:
        assert isinstance(verdict, Delivered)
