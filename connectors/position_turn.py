"""The turn of a connection that reads balances with partners: which months are read, and who the partners are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from closing.calendar.months import previous_month
from connectors.ledger_source import name_key
from connectors.work_source import WorkRef
from entities.models import Connection, LegalEntity
from periods.models import FiscalPeriod


def refs_of_positions(refs: Sequence[WorkRef], as_of: datetime) -> list[WorkRef]:
    """The companies with the periods whose balances are read: those of the month that ended last.

    The month before it is read as well while any entity of the installation has it open, so that both sides of a pair
    are read. Of two periods of one month the later one counts; companies without either are left out.
    """
    ended = {one.month for ref in refs for one in ref.periods if one.span.last < as_of.date()}
    if not ended:
        return []
    months = {max(ended)}
    before = previous_month(max(ended))
    still_open = FiscalPeriod.objects.filter(
        entity__connection__isnull=False, type="operating", reporting_month=before, state="open"
    )
    if still_open.exists():
        months.add(before)
    chosen = []
    for ref in refs:
        last = {one.month: one for one in ref.periods if one.month in months}
        if last:
            chosen.append(replace(ref, periods=tuple(last.values())))
    return chosen


def entities_by_partner(connection: Connection) -> dict[str, str]:
    """The codes of the entities of the connection's groups, by the words that an ERP may call them.

    That is the id of the company in this connection, then the code, then the id of a company in another connection.
    """
    roots = {
        path.partition("/")[0]
        for path in LegalEntity.objects.filter(connection=connection).values_list("group__path", flat=True)
    }
    found: dict[str, str] = {}
    rows = list(LegalEntity.objects.order_by("pk").values_list("code", "erp_id", "connection", "group__path"))
    own = [row for row in rows if row[2] == connection.pk]
    others = [row for row in rows if row[2] != connection.pk and row[3].partition("/")[0] in roots]
    words = [(row[1], row[0]) for row in own]
    words += [(row[0], row[0]) for row in (*own, *others)]
    words += [(row[1], row[0]) for row in others]
    for word, code in words:
        if word:
            found.setdefault(name_key(word), code)
    return found
