"""YAML and JSON from outside are read within limits, and whatever is wrong with them is said in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from crafted import alias_bomb, nested
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gas_fusion_ros.base import documents
from gas_fusion_ros.base.documents import (
    MOST_BYTES,
    MOST_DEPTH,
    MOST_VALUES,
    DocumentError,
    read_json,
    read_yaml,
)


@pytest.fixture(params=["libyaml", "python"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of the two parsers that may be there."""
    if request.param == "python":
        monkeypatch.setattr(documents, "_LOADER", yaml.SafeLoader)
    elif not hasattr(yaml, "CSafeLoader"):
        pytest.skip("needs libyaml")
    return str(request.param)


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "document"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (alias_bomb(9), "it has an alias in line 2; expected every value written out"),
        ("a: &a 1\nb: *a\n", "it has an alias in line 2"),
        ("a: &a\n  x: 1\nb:\n  <<: *a\n", "it has an alias in line 4"),
        (nested(MOST_DEPTH + 1), f"it is nested deeper than {MOST_DEPTH} levels"),
        (nested(2000), "nest|deeper|simple key"),
        ("- 1\n" * (MOST_VALUES + 1), f"it holds more than {MOST_VALUES} values"),
        ("a: 2024-99-99", "it is no YAML: month must be in 1..12"),
        ("a: [", "it is no YAML"),
        ("? [1]\n: 2", "it is no YAML"),
        ("!!python/object:os.system {}", "it is no YAML"),
        ("a: 1\n---\nb: 2", "it is no YAML"),
        (b"\xff\xfe\xfa", "it is no text in UTF-8"),
        ("a: !!int " + "9" * 5000, "it is no YAML"),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, str) and len(str(value)) < 60 else "long",
)
def test_yaml_is_refused_in_a_line(content: str | bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=said) as raised:
        read_yaml(written(tmp_path, content))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (nested(MOST_DEPTH + 1), f"it is nested deeper than {MOST_DEPTH} levels"),
        (nested(1_000_000), f"it is nested deeper than {MOST_DEPTH} levels"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, f"it is nested deeper than {MOST_DEPTH} levels"),
        ("[" + "0," * MOST_VALUES + "0]", f"it holds more than {MOST_VALUES} values"),
        ("{", "it is no JSON"),
        ("9" * 5000, "it is no JSON"),
        (b"\xff", "it is no text in UTF-8"),
    ],
    ids=["depth", "great depth", "objects", "count", "syntax", "digits", "bytes"],
)
def test_json_is_refused_in_a_line(content: str | bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=said) as raised:
        read_json(written(tmp_path, content))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("read", [read_json, read_yaml])
def test_a_document_of_megabytes_is_not_read(read: Any, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=f"expected {MOST_BYTES} at most"):
        read(written(tmp_path, b" " * (MOST_BYTES + 1)))


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text("abc :-,[]{}#&*!'\"", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=4)
    ),
)


@pytest.mark.usefixtures("loader")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(values)
def test_what_is_within_the_limits_is_read_as_it_was_written(tmp_path: Path, value: Any) -> None:
    import json

    class NoAliases(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

    assert read_json(written(tmp_path, json.dumps(value))) == value
    assert read_yaml(written(tmp_path, yaml.dump(value, Dumper=NoAliases))) == value
