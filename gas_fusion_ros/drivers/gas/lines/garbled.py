"""Bytes that are no text: a wrong baud rate, a binary protocol, or noise."""

from __future__ import annotations

from gas_fusion_ros.drivers.gas.lines.remark import Remark

_LEAST_FRAMES = 4
_MOST_FRAME_BYTES = 64
_TEXT_CONTROLS = frozenset(b"\t\r\n\x1b")
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


def decoded(line: bytes) -> str | None:
    """Return a line as text, or None where its bytes are none.

    A few bytes of another encoding are a degree sign in a banner, not noise: they become what they are in
    Latin-1, which no number has.
    """
    if line.isascii():
        text = line.decode("ascii")
        return None if any(byte < 32 and byte not in _TEXT_CONTROLS for byte in line) else text
    try:
        text = line.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError:
        text = line.decode("latin-1")
        if share_no_text(line) > _MUCH / 2:
            return None
    return text if all(char.isprintable() or char in "\t\r\x1b" for char in text) else None


def share_no_text(data: bytes) -> float:
    """Return the share of bytes that no ASCII text has, 0 to 1."""
    odd = sum(byte > 126 or (byte < 32 and byte not in _TEXT_CONTROLS) for byte in data)
    return odd / max(len(data), 1)


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
    for length in range(4, _MOST_FRAME_BYTES + 1):
        for offset in range(length):
            if offset + (_LEAST_FRAMES - 1) * length + 2 > len(data):
                break
            starts = {data[at : at + 2] for at in range(offset, len(data) - 1, length)}
            if len(starts) == 1 and (start := starts.pop()) != b"\0\0" and start[0] != start[1]:
                name = _PROTOCOLS.get(start, "a binary protocol")
                return Remark(
                    "binary_protocol",
                    f"frames of {length} bytes that begin with {start.hex(' ').upper()}: {name}",
                    "it is no text and cannot be read here: let the sketch print one line per reading "
                    "(docs/serial_protocol.md)",
                )
    return None
