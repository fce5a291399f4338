"""Who the robot is to the broker: user and password, and what encrypts the connection."""

from __future__ import annotations

import ssl
import stat
from dataclasses import dataclass, field
from pathlib import Path

from gas_fusion_ros.base.documents import DocumentError, read_yaml
from gas_fusion_ros.fleet.settings import TlsSettings

_KEYS = ("username", "password")


class CredentialsError(ValueError):
    """A file of credentials or certificates cannot be used; the message names parameter and file."""


@dataclass(frozen=True)
class Credentials:
    """User and password; the latter is shown nowhere."""

    username: str
    password: str = field(repr=False)


def read_credentials(path: Path) -> Credentials:
    """Read user and password from a YAML file with these two keys.

    Raises:
        CredentialsError: the file cannot be read, or says something else.
    """
    place = f"credentials_file {path}"
    try:
        content = read_yaml(path.expanduser())
    except OSError as error:
        raise CredentialsError(f"{place} cannot be read: {error.strerror or error}") from None
    except DocumentError:
        # What is wrong is not quoted: it may be the password.
        raise CredentialsError(f"{place} is no YAML; {_expected()}") from None
    if not isinstance(content, dict) or set(content) != set(_KEYS):
        raise CredentialsError(f"{place} has other keys; {_expected()}")
    if not all(isinstance(content[key], str) and content[key] for key in _KEYS):
        raise CredentialsError(f"{place} has a value that is no text; {_expected()}, each in quotes")
    return Credentials(content["username"], content["password"])


def is_open_to_others(path: Path) -> bool:
    """Whether other users of this machine may read a file."""
    return bool(path.expanduser().stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def tls_context(settings: TlsSettings) -> ssl.SSLContext | None:
    """Return what encrypts the connection and checks the broker's name; None where nothing does.

    Raises:
        CredentialsError: a file of certificates or keys cannot be used.
    """
    if not settings.enabled:
        return None
    try:
        context = ssl.create_default_context(cafile=_path(settings.ca_file))
    except OSError as error:
        raise CredentialsError(f"tls.ca_file {settings.ca_file}: {_reason(error)}") from None
    if settings.certificate_file:
        try:
            context.load_cert_chain(settings.certificate_file, _path(settings.key_file))
        except OSError as error:
            raise CredentialsError(
                f"tls.certificate_file {settings.certificate_file}, tls.key_file "
                f"{settings.key_file or '(not set)'}: {_reason(error)}"
            ) from None
    return context


def _expected() -> str:
    return f"it must have the keys {' and '.join(_KEYS)}"


def _path(given: str) -> str | None:
    return given or None


def _reason(error: OSError) -> str:
    return f"{error.strerror or error}; it must be a PEM file that this user may read"
