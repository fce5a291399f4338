"""The metadata.yaml of a rosbag2 directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gas_fusion_ros.bags.storage.limits import MOST_FILES
from gas_fusion_ros.base.documents import DocumentError, read_yaml
from gas_fusion_ros.base.quoting import one_line

METADATA = "metadata.yaml"


class MetadataError(ValueError):
    """The metadata cannot be used; the message says why."""


@dataclass(frozen=True)
class Metadata:
    """What a recorder says of a bag.

    Attributes:
        files: names of its storage files, in the order of recording.
        counts: messages by topic.
    """

    files: tuple[str, ...]
    counts: Mapping[str, int]


def read_metadata(path: Path) -> Metadata:
    """Read a metadata.yaml.

    Raises:
        MetadataError: it cannot be read, or is none of rosbag2.
    """
    try:
        content = read_yaml(path)
        information = content["rosbag2_bagfile_information"]
        files = tuple(Path(str(name)).name for name in information["relative_file_paths"])
        counts = dict(_count(entry) for entry in information["topics_with_message_count"])
    except OSError as error:
        raise MetadataError(f"it cannot be read: {error.strerror}") from error
    except DocumentError as error:
        raise MetadataError(one_line(str(error))) from error
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise MetadataError(
            f"it is not what rosbag2 writes ({type(error).__name__}: {one_line(str(error), 80)})"
        ) from error
    if len(files) > MOST_FILES:
        raise MetadataError(f"it names {len(files)} files; expected {MOST_FILES} at most")
    return Metadata(files, counts)


def _count(entry: Mapping[str, Any]) -> tuple[str, int]:
    return str(entry["topic_metadata"]["name"]), int(entry["message_count"])
