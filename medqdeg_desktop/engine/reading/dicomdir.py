"""DICOMDIR: the image files that a directory file names, none of them outside its own folder.

CVE-2026-32711 (pydicom before 3.0.2) is what follows from trusting these names: absolute paths, ".." and symbolic links lead
out of the medium. Here a reference counts only if it resolves to a file inside the folder of the DICOMDIR.
"""

from __future__ import annotations

from pathlib import Path

from medqdeg_desktop.engine.errors import UnreadableImageError
from medqdeg_desktop.engine.reading.dicom_file import element, items, open_dicom
from medqdeg_desktop.engine.reading.limits import Limits


def referenced_files(path: str, limits: Limits) -> list[str]:
    """Absolute paths of the images named, in the order of the directory; names that lead outside are refused."""
    header = open_dicom(path, limits).header
    records = items(header, "DirectoryRecordSequence")
    if not records:
        raise UnreadableImageError(path, "is no DICOMDIR, or names no files")
    root = Path(path).resolve().parent
    found: list[str] = []
    for record in records:
        value = element(record, "ReferencedFileID")
        if value is None:
            continue
        parts = [value] if isinstance(value, str) else [str(part) for part in value]
        found.append(inside(root, parts, path))
    return list(dict.fromkeys(found))


def inside(root: Path, parts: list[str], directory: str) -> str:
    """The path of a referenced file; UnreadableImageError where it would leave ``root`` (absolute, "..", link)."""
    plain = all(part and part not in (".", "..") and not set(part) & set("/\\:\0") for part in parts)
    target = root.joinpath(*parts) if plain else root
    if not plain or not target.resolve().is_relative_to(root):
        raise UnreadableImageError(directory, "names a file outside its own folder")
    return str(target)
