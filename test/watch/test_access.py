"""Nobody writes without a token, and nobody elsewhere reads without one."""

from __future__ import annotations

import pytest

from gas_fusion_ros.watch.access import Access, AccessError

TOKEN = "0123456789abcdef"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_this_machine_needs_no_token_to_read(host: str) -> None:
    access = Access(host)
    assert access.is_local
    assert access.may_read("")
    assert not access.may_write


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "robot.local", ""])
def test_other_machines_need_one(host: str) -> None:
    with pytest.raises(AccessError, match="--token"):
        Access(host)
    access = Access(host, token=TOKEN)
    assert not access.may_read("")
    assert access.may_read(f"Bearer {TOKEN}")


@pytest.mark.parametrize(
    "token", ["short", "0123456789abcde", "x" * 257, "with a blank 0123", "ümlaut0123456789abc"]
)
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(AccessError, match=r"--token or GAS_FUSION_TOKEN .*openssl"):
        Access(token=token)


@pytest.mark.parametrize("shown", ["", "Bearer", f"Bearer {TOKEN}0", f"Bearer {TOKEN[:-1]}", "Bearer ü"])
def test_only_the_token_itself_is_known(shown: str) -> None:
    assert not Access(token=TOKEN).knows(shown)
    assert not Access().knows(shown)


@pytest.mark.parametrize(
    ("header", "is_ours"),
    [
        ("127.0.0.1:8642", True),
        ("localhost", True),
        ("[::1]:8642", True),
        ("LOCALHOST:1", True),
        ("evil.example:8642", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_a_page_of_another_site_reaches_nothing_under_its_own_name(header: str, is_ours: bool) -> None:
    assert Access().is_addressed(header) is is_ours
    assert Access("0.0.0.0", token=TOKEN).is_addressed(header)
