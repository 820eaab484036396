"""Every source profile of 08-blockers-and-tasks 10, from the ERP to the board: unread work is words, never 0.

`simulator/README.md` lists the profiles with their tests.
"""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from closing.blockers.rollup import group_sums
from closing.blockers.row_blockers import BLOCKERS
from closing.blockers.weighing import Blocker, BlockerLevel
from connectors.registry import work_turns
from connectors.sync import sync_connection
from connectors.work_sync import sync_work
from entities.models import Connection, LegalEntity
from periods.snapshot.builder import take_snapshot
from simulator.run import Running
from tests.builders import MAY
from tests.connectors.work_reads import NOON, WORK_COMPANIES
from tests.periods.model_builders import calendar, groups, policy, top_group, workday
from worklist.models import BlockerPolicyVersion, BlockerReading

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

# The kind or part that is not readable for some company with a profile; "" where it is still shown.
FINOPS: list[tuple[dict[str, Any], str]] = [
    ({"bi_sets": "hidden"}, "inventory_journals"),
    ({"snapshots": "absent"}, "intercompany_imbalance"),
    ({"snapshots": "empty"}, "intercompany_imbalance"),
    ({"snapshots": "old"}, ""),
    ({"snapshot_opening": "year"}, ""),
    ({"snapshot_dimensions": "account"}, ""),
    ({"finops_expand": "nested"}, ""),
    ({"finops_expand": "refused"}, ""),
    ({"periodic_journals": "hidden"}, ""),
    ({"company_case": "mixed", "finops_texts": "exact"}, ""),
    ({"row_security": "nldt"}, "unposted_journals"),
    ({"missing_sets": "VendorInvoiceHeaders"}, ""),
    ({"missing_sets": "LedgerJournalHeaders"}, "unposted_journals"),
    ({"finops_page_size": 2}, ""),
]
CENTRAL: list[tuple[dict[str, Any], str]] = [
    ({"bc_companion": "absent"}, "inventory_not_closed"),
    ({"bc_companion": "present"}, ""),
    ({"bc_companion": "partly"}, "bank_not_reconciled"),
    ({"bc_companion": "forbidden"}, "inventory_not_closed"),
    ({"bc_intercompany_app": "absent"}, "intercompany_pending"),
    ({"bc_options": "plain"}, ""),
    ({"bc_zero_amounts": "blank"}, ""),
    ({"bc_payment_lines": "served"}, ""),
    ({"bc_page_size": 2}, ""),
]
CASES = [
    pytest.param(kind, switches, unread, id=f"{kind}-{'-'.join(f'{k}={v}' for k, v in switches.items())}")
    for kind, profiles in (("finops", FINOPS), ("business_central", CENTRAL))
    for switches, unread in profiles
]


def connected(kind: str, url: str) -> Connection:
    """A connection with all companies of the worked example that this kind of ERP has."""
    place, weekdays = groups()["EUROPE"], calendar("WEEKDAYS", "Weekdays")
    policy(top_group(), **workday(6))
    source = Connection(
        name=f"profile-{kind}",
        kind=kind,
        base_url=url,
        authority=url,
        tenant="meridian.example",
        environment="production" if kind == "business_central" else "",
        client_id="simulator",
    )
    source.secret = "simulator"
    source.save()
    for code, erp_id in WORK_COMPANIES[kind].items():
        LegalEntity.objects.create(
            code=code,
            name=code.title(),
            country="NL",
            zone="Europe/Amsterdam",
            group=place,
            calendar=weekdays,
            connection=source,
            erp_id=erp_id,
        )
    body = {"inventory_close_needed": "yes"}
    BlockerPolicyVersion.objects.create(group=top_group(), body=body, set_at=NOON - timedelta(days=30))
    return source


def shown_blockers() -> dict[str, list[Blocker]]:
    """The blockers of each row of May, by code."""
    board = take_snapshot(LegalEntity.objects.all(), MAY, NOON + timedelta(minutes=5))
    found = {row.code: row.get(BLOCKERS) for row in board.rows}
    return {
        code: [one.blocker for one in value.blockers] for code, value in found.items() if value is not None
    }


@pytest.mark.parametrize(("kind", "switches", "unread"), CASES)
def test_what_a_profile_hides_is_words_on_each_row_and_in_no_total_zero(
    kind: str, switches: dict[str, Any], unread: str, sim: Running
) -> None:
    sim.set_profile(**switches)
    source = connected(kind, sim.url)
    read = sync_connection(source, NOON)
    assert read.attempt is not None
    assert read.attempt.outcome == "ok"
    for turn in range(1, work_turns()[kind] + 1):
        result = sync_work(source, NOON + timedelta(seconds=20 * turn))
        assert result.attempt is not None
        assert result.attempt.outcome in ("ok", "partial"), result.attempt.words
    blockers = shown_blockers()
    every = [blocker for of_row in blockers.values() for blocker in of_row]
    hidden = [blocker for blocker in every if blocker.level is BlockerLevel.NOT_READABLE]
    assert {blocker.count for blocker in hidden} <= {None}
    assert all(blocker.because and blocker.short.endswith("not readable") for blocker in hidden)
    if unread:
        assert unread in {word for one in hidden for word in (one.kind.value, one.part)}
    for total in group_sums(every):
        own = [one for one in hidden if (one.kind, one.part) == (total.kind, total.part)]
        if own:
            assert total.at_least
            assert total.count is not None or total.phrase.endswith("not readable")
            assert total.count != 0 or total.phrase.endswith("none seen")
    # Each fact that has no count stands on the board: none was lost on the way, none became a number.
    stored = BlockerReading.objects.filter(superseded_at=None, count=None, period__reporting_month=MAY)
    for code, of_kind, part in stored.values_list("entity__code", "kind", "part"):
        own = [one for one in blockers[code] if (one.kind.value, one.part) == (of_kind, part)]
        assert own
        assert own[0].level is BlockerLevel.NOT_READABLE or not own[0].applies
    out = StringIO()
    moment = (NOON + timedelta(minutes=5)).isoformat()
    call_command("scoreboard", "--month", "2026-05", "--as-of", moment, "--format", "json", stdout=out)
    for row in json.loads(out.getvalue())["entities"]:
        for one in row["blockers"]:
            assert (one["count"] is None) is (one["level"] == "not_readable")
