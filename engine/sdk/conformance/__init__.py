"""The suite that every destination passes, in a few lines of the destination's own test file:

    from doorstep.engine.sdk.conformance import Conformance

    class TestAcme(Conformance):
        destination = Acme
        settings = {"api_key": "k-123"}

pytest collects it as it is; no plugin. `Conformance` is for request destinations, `ActionConformance` for those with actions,
`SinkConformance` for sinks. A destination that is
right to break a rule says so with the class variable made for it. Needs pytest and Hypothesis; nothing of the engine imports this.
"""

import pytest

# Before the imports below, so that a failed assertion shows both sides.
pytest.register_assert_rewrite(*(f"{__name__}.{name}" for name in ("actions", "common", "http", "requests", "sinks")))

from .actions import ActionConformance  # noqa: E402
from .requests import Conformance  # noqa: E402
from .sinks import SinkConformance  # noqa: E402

__all__ = ["ActionConformance", "Conformance", "SinkConformance"]
