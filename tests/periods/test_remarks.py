"""What people say about a period: kept for ever, edited by saying it anew."""

from __future__ import annotations

import pytest
from django.db import Error, connection, transaction

from periods.models import FiscalPeriod, Remark
from tests.make import OPEN, WORKED_AT
from tests.saved import person, save_group

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE periods_remark SET text = 'never said'",
        "DELETE FROM periods_remark",
        "TRUNCATE periods_remark CASCADE",
        "SET LOCAL session_replication_role = replica; DELETE FROM periods_remark",
    ],
)
def test_nothing_that_was_said_is_ever_rewritten(statement: str) -> None:
    save_group().read("2026-06-12 11:58", {"NLDT": OPEN})
    period = FiscalPeriod.objects.get(entity__code="NLDT")
    Remark.objects.create(period=period, kind="note", text="Bank file missing.", by=person(), at=WORKED_AT)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # TRUNCATE would stumble over pending checks first
        with pytest.raises(Error, match="remarks are never updated or deleted"), transaction.atomic():
            cursor.execute(statement)
    assert Remark.objects.get().text == "Bank file missing."
