"""How stepsweep's own outputs are known, which a person may keep beside a script: by their content, since a name may be
anybody's."""

MADE_BY = "stepsweep"

GENERATOR = f'<meta name="generator" content="{MADE_BY}">'
"""Stands at the beginning of a sweep's page."""

SELFTEST = "sweep selftest --on aws, "
"""The beginning of a self-test's record."""

EXPORTED = "stepsweep.json"
"""A file in each folder of an export, with what the folder holds."""

HEAD_BYTES = 2048
"""Of a file, which are enough to know it."""

_OPENINGS = (
    (b"<!DOCTYPE html>", GENERATOR.encode()),
    (b"\x89PNG\r\n\x1a\n", b"Software\0" + MADE_BY.encode()),
    (b"<?xml", f"<dc:title>{MADE_BY}</dc:title>".encode()),  # the creator of a figure as SVG
    (SELFTEST.encode(), b""),
)


def is_output(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a sweep's page or figure, or a self-test's record."""
    return any(head.startswith(opening) and mark in head for opening, mark in _OPENINGS)


def is_export(document: object) -> bool:
    """Whether a document in `EXPORTED` is that of an exported sweep's folder, below which all is the export's."""
    return isinstance(document, dict) and {"sweep", "results"} <= document.keys() <= {"sweep", "results", "export"}
