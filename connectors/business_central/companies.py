"""The companies that an environment lists, and how a reference is found among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

from closing.facts.readings import GapReason, ListedCompany
from connectors.ledger_source import CompanyRef, name_key
from connectors.odata.lists import (
    InvalidRow,
    text_field,
)
from infra.outbound.errors import AnswerMisread


class CompanyFailed(Exception):
    """One company cannot be read; the others can."""

    def __init__(self, reason: GapReason, words: str) -> None:
        super().__init__(words)
        self.reason, self.words = reason, words


class ListedCompanies:
    """The companies that the environment lists, by id; a row that cannot be read hides no other company."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.companies: dict[str, ListedCompany] = {}
        self._twice: set[str] = set()  # ids that came with two names
        self._bad_row = ""
        display_names: dict[str, str] = {}
        for row in rows:
            try:
                identity = str(UUID(text_field(row, "id")))
                company = ListedCompany(erp_id=identity, name=text_field(row, "name"), identity=identity)
            except (InvalidRow, ValueError) as error:
                self._bad_row = f"The list of companies has a row that cannot be read: {error}."
                continue
            if self.companies.setdefault(identity, company) != company:
                self._twice.add(identity)
            if isinstance(row.get("displayName"), str):
                display_names[identity] = row["displayName"]
        if rows and not self.companies:
            raise AnswerMisread(self._bad_row)
        names = {identity: company.name for identity, company in self.companies.items()}
        # The name stands before the display name, which several companies may share, and the closer match first.
        self._by_name = [(form, _ids_by_name(of, form)) for form in _FORMS for of in (names, display_names)]

    def company(self, ref: CompanyRef) -> ListedCompany:
        """The company that the reference names; raises CompanyFailed for none, several, or another than pinned."""
        pinned = ref.identity.lower()
        ids = self._ids(ref.erp_id)
        if not ids and pinned in self.companies:
            raise CompanyFailed(
                GapReason.MISSING,
                f"The company is now called {self.companies[pinned].name!r}. Correct its name in the connection.",
            )
        if not ids and self._bad_row:
            raise CompanyFailed(GapReason.BAD_ROW, f"{self._bad_row} This company is in no other row.")
        if not ids:
            raise CompanyFailed(
                GapReason.MISSING,
                "Business Central does not list this company. Check its name and environment, and that the "
                "application has permission in it.",
            )
        if len(ids) > 1 and pinned not in ids:
            names = " and ".join(sorted(repr(self.companies[identity].name) for identity in ids))
            raise CompanyFailed(
                GapReason.CONFLICT,
                f"Several companies are displayed by this name: {names}. Enter one of these names, or the company's "
                "id, in the connection.",
            )
        company = self.companies[pinned if pinned in ids else ids[0]]
        if company.identity in self._twice:
            raise CompanyFailed(
                GapReason.CONFLICT, f"The list of companies names {company.identity} with two names."
            )
        if pinned and company.identity != pinned:
            raise CompanyFailed(
                GapReason.IDENTITY_CHANGED,
                f"A company of this name exists, but it is another one ({company.identity} instead of {pinned}): a "
                "copy, a restored one or another environment. Confirm the new identity in the connection.",
            )
        return company

    def _ids(self, id_or_name: str) -> Sequence[str]:
        """The ids of the companies that this may name; more than one only by a display name, or by looser letters."""
        identity = name_key(id_or_name).strip("{}")
        if identity in self.companies:
            return (identity,)
        found = (ids.get(name_key(id_or_name, form)) for form, ids in self._by_name)
        return next((ids for ids in found if ids), ())


def _ids_by_name(names: Mapping[str, str], form: Literal["NFC", "NFKC"]) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for identity, name in names.items():
        ids.setdefault(name_key(name, form), []).append(identity)
    ids.pop("", None)
    return ids


_FORMS: tuple[Literal["NFC", "NFKC"], ...] = ("NFC", "NFKC")
