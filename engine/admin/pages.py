"""The console's files, as they are in the package: no build step, nothing from elsewhere, and a browser that is told to keep it so."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

from .resource import Resource

_KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
FOLDER = files(__package__) / "console"


def page_resources() -> list[Resource]:
    """For the table: a resource for each file, and the first page at `/`. They hold nothing that is anybody's secret."""
    names = sorted(file.name for file in FOLDER.iterdir() if file.name.rpartition(".")[2] in _KINDS)
    paths = {"/": "index.html", **{f"/{name}": name for name in names}}
    return [
        Resource(
            method="GET",
            path=path,
            handler=partial(_file, name),
            summary=f"The console: {name}.",
            role=None,
            media=_KINDS[name.rpartition(".")[2]].partition(";")[0],
        )
        for path, name in paths.items()
    ]


async def _file(name: str, request: Request) -> Response:
    return Response((FOLDER / name).read_bytes(), headers=HEADERS, media_type=_KINDS[name.rpartition(".")[2]])
