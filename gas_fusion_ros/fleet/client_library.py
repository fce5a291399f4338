"""Whether the MQTT client is installed that the connection needs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

_NEEDED = 2


class ClientMissingError(RuntimeError):
    """The MQTT client is missing or too old; the message says what to install."""


def require_client() -> None:
    """Check that paho-mqtt is there, in a version that tells what the broker refuses.

    Raises:
        ClientMissingError: it is not, or is too old.
    """
    try:
        found = version("paho-mqtt")
    except PackageNotFoundError:
        found = ""
    if not found:
        raise ClientMissingError(f"paho-mqtt is not installed: pip install 'paho-mqtt>={_NEEDED}'")
    if int(found.partition(".")[0]) < _NEEDED:
        raise ClientMissingError(
            f"paho-mqtt is {found}, which does not tell what a broker refuses: "
            f"pip install 'paho-mqtt>={_NEEDED}'"
        )
