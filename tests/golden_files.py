"""Compares texts with the files in tests/golden; UPDATE_GOLDEN=1 writes them instead."""

from __future__ import annotations

import os
from difflib import unified_diff
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def assert_golden(name: str, text: str) -> None:
    """Assert that the text equals tests/golden/<name>; with UPDATE_GOLDEN=1 write the file, to be reviewed."""
    path = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    with open(path, encoding="utf-8", newline="") as kept:
        golden = kept.read()
    # pytest rewrites the asserts of test modules only, so the message holds the difference.
    assert golden == text, "\n".join(
        unified_diff(golden.splitlines(), text.splitlines(), name, "now", n=1, lineterm="")
    )
