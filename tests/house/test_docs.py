"""The pages of docs/ do what they say: sessions are run (`sessions.py` says how), links lead somewhere, each page is in the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from doorstep.engine.cli import exits

from .conftest import ROOT
from .sessions import Terminal, a_receiver, blocks_of, sessions_of

DOCS = sorted((ROOT / "docs").glob("*.md"))
WITH_SESSIONS = [page for page in DOCS if sessions_of(blocks_of(page.read_text(encoding="utf-8")))]


@pytest.mark.parametrize("page", WITH_SESSIONS, ids=lambda page: page.name)
def test_every_session_of_a_page_prints_what_it_shows(
    page: Path, tmp_path: Path, plain_environment: dict[str, str]
) -> None:
    blocks = blocks_of(page.read_text(encoding="utf-8"))
    with a_receiver() as (address, _):
        Terminal(tmp_path, blocks, address, plain_environment).follow(sessions_of(blocks))


@pytest.mark.parametrize("page", [*DOCS, ROOT / "examples/README.md"], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs/README.md").read_text(encoding="utf-8")
    pages = {page.name for page in DOCS} - {"README.md"}
    assert pages - set(re.findall(r"\]\(([^)#]+)", index)) == set()


def test_every_exit_code_is_explained() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    codes = {str(code) for name, code in vars(exits).items() if name.isupper() and type(code) is int}
    assert codes == set(re.findall(r"^\| (\d+) \|", page, re.MULTILINE))


def test_every_message_that_is_explained_is_one_of_the_engines() -> None:
    page = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^\| `([^`]+)` \|", page.partition("## By message")[2], re.MULTILINE)
    sources = [*(ROOT / "engine").rglob("*.py"), *(ROOT / "engine").rglob("*.js")]
    said = "\n".join(source.read_text(encoding="utf-8") for source in sources)
    parts = [part.strip() for message in messages for part in message.split("...") if part.strip()]
    assert len(messages) >= 12
    assert [part for part in parts if part not in said] == []
