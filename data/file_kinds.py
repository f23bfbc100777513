"""What a file is that was taken for another kind by mistake, by how it begins."""

_KINDS = {
    b"version https://git-lfs": "a pointer of Git LFS, not the {thing}; fetch them with `git lfs pull`",
    b"<!doctype": "a web page, not {thing}; the download went wrong",
    b"<html": "a web page, not {thing}; the download went wrong",
    b"<?xml": "an XML file, not {thing}",
    b"\x1f\x8b": "compressed with gzip; unpack it",
    b"7z\xbc\xaf": "compressed with 7-Zip; unpack it",
    b"bzh": "compressed with bzip2; unpack it",
    b"\xfd7zxz": "compressed with xz; unpack it",
    b"(\xb5/\xfd": "compressed with Zstandard; unpack it",
    b"pk\x03\x04": "a ZIP archive, not {thing}; unpack it",
    b"%!ps": "PostScript, not {thing}; convert it",
    b"%pdf": "a PDF file, not {thing}; convert it",
    b"<svg": "an SVG drawing, not {thing}; convert it",
    b"\xff\x0a": "JPEG XL, not {thing}; convert it",
}
MOST = 262
_BOXES = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF", b"hevc": "HEIC", b"crx ": "a raw photo"}
"""By the brand in a file of boxes, which follows the word `ftyp`."""


def other_kind(start: bytes, thing: str) -> str | None:
    """What a file plainly is instead, and the remedy; None where its beginning does not tell.

    Args:
        start: Its first bytes, `MOST` of them.
        thing: What it was taken for, such as "weights".
    """
    if start[257:262] == b"ustar":
        return f"a tar archive, not {thing}; unpack it"
    lowered = start.lstrip().lower()
    if lowered[4:8] == b"ftyp" and start[8:12] in _BOXES:
        return f"{_BOXES[start[8:12]]}, not {thing}; convert it"
    found = next((what for beginning, what in _KINDS.items() if lowered.startswith(beginning)), None)
    return found and found.format(thing=thing)
