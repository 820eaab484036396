"""Names that people write and that an ERP lists, made comparable."""

from __future__ import annotations

import unicodedata
from typing import Literal


def name_key(name: str, form: Literal["NFC", "NFKC"] = "NFC") -> str:
    """The name without case and outer blanks, in one Unicode form; NFKC makes wide and joined letters plain, too."""
    decomposed = unicodedata.normalize("NFKD" if form == "NFKC" else "NFD", name)
    return unicodedata.normalize(form, decomposed.casefold()).strip()
