"""Bytes that are no text: a wrong baud rate, a binary protocol, or noise."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from gas_fusion_ros.drivers.gas.lines.remark import Remark

_LEAST_FRAMES = 4
_MOST_FRAME_BYTES = 64
_MOST_STARTS = 8
_TEXT = bytes([*b"\t\r\n\x1b", *range(32, 127)])
_MUCH = 0.25
"""Share of bytes that are no text from which on the whole is none: noise on a line spoils fewer."""
_PROTOCOLS = {
    b"\xff\xfe": "rosserial",
    b"\xff\xfd": "rosserial",
    b"BM": "a dust sensor's (PMS) frames",
    b"\xff\x86": "a Winsen sensor's frames",
    b"\xff\x01": "a Winsen sensor's frames",
    b"\xb5b": "a GPS receiver's UBX",
}


_LIKE_ASCII = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f\u3000", " "),
        **{
            "\uff1a": ":",
            "\uff0c": ",",
            "\uff1b": ";",
            "\uff1d": "=",
            "\uff5c": "|",
            "\u2212": "-",
            "\u2192": ">",
        },
    }
)
"""What other keyboards write for blanks and signs."""


def decoded(line: bytes) -> str | None:
    """Return a line as text, or None where its bytes are none.

    A few bytes of another encoding are a degree sign in a banner, not noise: they become what they are in
    Latin-1, which no number has.
    """
    if line.isascii():
        return None if line.translate(None, _TEXT) else line.decode("ascii")
    try:
        text = line.decode("utf-8").removeprefix("\ufeff").translate(_LIKE_ASCII)
    except UnicodeDecodeError:
        text = line.decode("latin-1")
        if share_no_text(line) > _MUCH / 2:
            return None
    return text if all(char.isprintable() or char in "\t\r\x1b" for char in text) else None


def share_no_text(data: bytes) -> float:
    """Return the share of bytes that no ASCII text has, 0 to 1."""
    return len(data.translate(None, _TEXT)) / max(len(data), 1)


def judge(line: bytes, recent: bytes) -> Remark:
    """Say what bytes are that are no text.

    Args:
        line: the bytes that could not be read.
        recent: what came last, line ends included.
    """
    if (frames := _frames(recent)) is not None:
        return frames
    if share_no_text(line) >= _MUCH:
        return Remark(
            "no_text",
            f"bytes that are no text, such as {line[:16]!r}, as of a wrong baud rate",
            "check the baud rate: set serial.baud to what the sketch gives to Serial.begin",
        )
    return Remark(
        "garbled_line",
        f"{line[:40]!r} holds bytes that are no text",
        "check cable and ground, and send the checksum (docs/serial_protocol.md)",
    )


def _frames(data: bytes) -> Remark | None:
    """Say which binary protocol repeats the same two bytes at the same distance; None for none."""
    if share_no_text(data) < _MUCH:
        return None
    for start, count in Counter(pairwise(data)).most_common(_MOST_STARTS):
        if count < _LEAST_FRAMES or start[0] == start[1]:
            continue
        pair = bytes(start)
        places = [at for at in range(len(data) - 1) if data[at : at + 2] == pair]
        lengths = {after - before for before, after in pairwise(places)}
        if len(lengths) == 1 and (length := lengths.pop()) in range(4, _MOST_FRAME_BYTES + 1):
            return Remark(
                "binary_protocol",
                f"frames of {length} bytes that begin with {pair.hex(' ').upper()}: "
                f"{_PROTOCOLS.get(pair, 'a binary protocol')}",
                "it is no text and cannot be read here: let the sketch print one line per reading "
                "(docs/serial_protocol.md)",
            )
    return None
