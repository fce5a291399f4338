"""A bundle's folder: its manifest, and how it comes into being whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gas_fusion_ros.base.observation import Mode
from gas_fusion_ros.model.bundle import FORMAT_VERSION, MANIFEST, Precision, bundle_files, file_sha256


class ExportError(ValueError):
    """Runs cannot become a bundle; the message names the run or field."""


def write_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Write bundle.json: `content`, the format's version and the sha256 of the files in `folder`."""
    modes = [Mode(name) for name in content["networks"]]
    precisions = tuple(Precision) if content.get("int8") else (Precision.FLOAT32,)
    names = bundle_files(modes, content["window"]["readings"], precisions)
    manifest = {
        "format_version": FORMAT_VERSION,
        **content,
        "files": {name: file_sha256(folder / name) for name in names},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


@contextmanager
def whole(output: Path) -> Iterator[Path]:
    """Give a folder beside `output` that takes its place at the end, and leaves nothing on an error."""
    draft = output.parent / f".{output.name}.part{os.getpid()}"
    try:
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise ExportError(f"{output} exists; a bundle needs a new or empty folder")
        draft.mkdir(parents=True)
        yield draft
        os.replace(draft, output)
    except OSError as error:
        raise ExportError(f"{output} cannot be written: {error}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
