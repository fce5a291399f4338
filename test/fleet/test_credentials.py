"""Files of passwords and certificates that can and cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from gas_fusion_ros.fleet.credentials import (
    Credentials,
    CredentialsError,
    is_open_to_others,
    read_credentials,
    tls_context,
)
from gas_fusion_ros.fleet.settings import TlsSettings


def test_user_and_password_come_from_a_file_and_the_latter_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "broker.yaml"
    path.write_text("username: robot1\npassword: 'a secret'\n", encoding="utf-8")
    credentials = read_credentials(path)
    assert credentials == Credentials("robot1", "a secret")
    assert "secret" not in repr(credentials)
    path.chmod(0o600)
    assert not is_open_to_others(path)
    path.chmod(0o640)
    assert is_open_to_others(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("secret", "has other keys"),
        ("username: robot1\n", "has other keys"),
        ("username: robot1\npassword: secret\nhost: x\n", "has other keys"),
        ("username: robot1\npassword: 12345\n", "has a value that is no text"),
        ("username: robot1\npassword: ''\n", "has a value that is no text"),
        ("username: [secret", "is no YAML"),
    ],
)
def test_another_file_is_refused_and_nothing_of_it_is_shown(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "broker.yaml"
    path.write_text(text, encoding="utf-8")
    expected = rf"credentials_file .*broker.yaml {said}.*username and password"
    with pytest.raises(CredentialsError, match=expected) as refusal:
        read_credentials(path)
    assert "secret" not in str(refusal.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="credentials_file /nowhere cannot be read: No such file"):
        read_credentials(Path("/nowhere"))
    with pytest.raises(CredentialsError, match=r"tls.ca_file /nowhere: No such file"):
        tls_context(TlsSettings(ca_file="/nowhere"))
    empty = tmp_path / "empty.pem"
    empty.write_text("", encoding="utf-8")
    expected = r"tls.certificate_file .*empty.pem, tls.key_file \(not set\): .*PEM"
    with pytest.raises(CredentialsError, match=expected):
        tls_context(TlsSettings(certificate_file=str(empty)))


def test_without_encryption_there_is_no_context() -> None:
    assert tls_context(TlsSettings(enabled=False)) is None
