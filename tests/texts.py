"""Text to draw for property tests."""

from __future__ import annotations

from functools import partial

from hypothesis import strategies as st

characters = st.characters(exclude_categories=["Cs"])
"""All that UTF-8 has. Hypothesis takes the same, but tries to encode each there is: seconds, in each worker of a new checkout."""
text = partial(st.text, characters)
