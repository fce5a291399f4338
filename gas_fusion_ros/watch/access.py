"""Who may see the page and who may acknowledge: by address and token."""

from __future__ import annotations

import hmac
import ipaddress
import re
from dataclasses import dataclass

LEAST_TOKEN = 16
MOST_TOKEN = 256
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8642

TOKEN_VARIABLE = "GAS_FUSION_TOKEN"
"""The variable of the environment that holds the token where the option is not given."""

_TOKEN = re.compile(rf"[A-Za-z0-9._~+/=-]{{{LEAST_TOKEN},{MOST_TOKEN}}}", re.ASCII)
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class AccessError(ValueError):
    """Where or to whom the page is to be served cannot be; the message names the option and the remedy."""


@dataclass(frozen=True)
class Access:
    """Where a page is served, and to whom.

    Attributes:
        host: address or name to listen at.
        port: TCP port; 0 for any that is free.
        token: what an operator must show to acknowledge and shelve; on an address that other machines reach,
            also to read. Empty for a page that nobody can write with.

    Raises:
        AccessError: the token cannot be one, or there is none where one is needed.
    """

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT
    token: str = ""

    def __post_init__(self) -> None:
        if self.token and _TOKEN.fullmatch(self.token) is None:
            raise AccessError(
                f"--token or {TOKEN_VARIABLE} must have {LEAST_TOKEN} to {MOST_TOKEN} letters, digits or "
                "._~+/=- ; `openssl rand -hex 16` makes one"
            )
        if not self.is_local and not self.token:
            raise AccessError(
                f"--host {self.host} is reached from other machines: give a --token or "
                f"{TOKEN_VARIABLE} as well; `openssl rand -hex 16` makes one"
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches the page."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def may_write(self) -> bool:
        """Whether anybody may acknowledge and shelve."""
        return bool(self.token)

    def knows(self, authorization: str) -> bool:
        """Whether an `Authorization` header shows the token; in a time that tells nothing of it."""
        given = authorization.removeprefix("Bearer ")
        return bool(self.token) and hmac.compare_digest(given.encode(), self.token.encode())

    def may_read(self, authorization: str) -> bool:
        """Whether whoever sends this `Authorization` header may see what is watched."""
        return self.is_local or self.knows(authorization)

    def is_addressed(self, host_header: str) -> bool:
        """Whether a request's `Host` is this server's name.

        Where no token is needed to read, a page of another site could else have its own name point here
        (DNS rebinding).
        """
        name = host_header.rsplit(":", 1)[0] if not host_header.endswith("]") else host_header
        return not self.is_local or name.strip("[]").lower() in _LOCAL_NAMES | {self.host}
