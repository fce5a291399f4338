"""The pages, each put together from its files: one document that loads nothing, and may not."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

_FOLDER = Path(__file__).parent / "page"
_INCLUDED = re.compile(r"/\* include (\w+\.(?:js|css)) \*/")
_BLOCK = re.compile(rb"<(script|style)>(.*?)</\1>", re.DOTALL)


def content_security_policy(page: bytes) -> str:
    """Return what a page may do: run its own script and style, talk to its own server, and nothing else."""
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for kind, block in _BLOCK.findall(page):
        digest = base64.b64encode(hashlib.sha256(block).digest()).decode("ascii")
        hashes[kind.decode("ascii")].append(f"'sha256-{digest}'")
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(hashes['script'])}",
            f"style-src {' '.join(hashes['style'])}",
            "img-src blob: data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _page(name: str) -> bytes:
    """A page with the files that its script and style include."""
    text = (_FOLDER / name).read_text(encoding="utf-8")
    return _INCLUDED.sub(lambda found: (_FOLDER / found[1]).read_text(encoding="utf-8"), text).encode()


ROBOT_PAGE = _page("robot.html")
FLEET_PAGE = _page("fleet.html")
