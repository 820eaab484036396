"""The rows that files state now, in the columns of their sheets, so that a person sends them back with changes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date, datetime

from closing.blockers.blocker_kinds import KINDS
from closing.blockers.work_cells import NOT_READABLE
from closing.blockers.work_rows import FILE_KINDS, AmountBasis
from closing.blockers.work_sheets import POSITIONS_SHEET, RATES_SHEET, RUNS_SHEET, WORK_SHEET
from closing.calendar.instants import zone_named
from entities.access import administered_groups, writable_entities
from entities.models import LegalEntity, Person
from periods.models import FiscalPeriod
from worklist.models import BlockerReading, ClosingRate, InventoryRunFact, PartnerPosition
from worklist.recording.fact_rows import fact_of

ExportedCell = str | int | date | None
ExportedRow = Sequence[ExportedCell]


def exported_rows(by: Person) -> dict[str, list[ExportedRow]]:
    """By sheet, what files state of the entities that a person may write on, and of the groups they administer."""
    entities = {entity.pk: entity for entity in writable_entities(by)}
    return {
        WORK_SHEET: _work(entities),
        RUNS_SHEET: _runs(entities),
        POSITIONS_SHEET: _positions(entities, by),
        RATES_SHEET: _rates(by),
    }


def _moment(at: datetime | None, entity: LegalEntity) -> str | None:
    return at.astimezone(zone_named(entity.zone)).isoformat(" ") if at is not None else None


def _work(entities: dict[int, LegalEntity]) -> list[ExportedRow]:
    readings = list(
        BlockerReading.objects.filter(
            entity__in=entities, kind__in=FILE_KINDS, attempt=None, superseded_at=None, period__isnull=False
        )
        .select_related("period")
        .order_by("entity__code", "period__last_day", "kind", "part")
    )
    months = Counter(
        FiscalPeriod.objects.filter(entity__in={row.entity_id for row in readings}, type="operating")
        .order_by()
        .values_list("entity", "reporting_month")
    )
    rows: list[ExportedRow] = []
    for reading in readings:
        fact, period, entity = fact_of(reading), reading.period, entities[reading.entity_id]
        if period is None or (fact.currency is not None and fact.count == 0):
            continue  # a currency that the file has ended
        alone = months[entity.pk, period.reporting_month] == 1
        item = fact.items[0] if fact.items else None
        rows.append(
            [
                entity.code,
                f"{period.reporting_month:%Y-%m}" if alone else period.last_day,
                fact.kind.value,
                fact.part,
                NOT_READABLE if fact.count is None else fact.count,
                fact.unit.value if fact.unit is not KINDS[fact.kind].unit else None,
                "yes" if fact.at_least else None,
                f"{item.amount:f}" if item is not None and item.amount is not None else None,
                item.currency if item is not None else None,
                _moment(fact.source_as_of, entity),
                item.number if item is not None else None,
            ]
        )
    return rows


def _runs(entities: dict[int, LegalEntity]) -> list[ExportedRow]:
    newest: defaultdict[int, dict[object, InventoryRunFact]] = defaultdict(dict)
    for run in InventoryRunFact.objects.filter(entity__in=entities).order_by("recorded_at", "pk"):
        newest[run.entity_id][run.kind, run.through, run.reverses, run.voucher or run.executed_at] = run
    return [
        [
            *(entities[pk].code, run.through, run.kind, run.status),
            *(_moment(run.executed_at, entities[pk]), run.reverses, run.warnings or None, run.voucher),
        ]
        for pk in sorted(newest, key=lambda key: entities[key].code)
        for run in newest[pk].values()
    ]


def _positions(entities: dict[int, LegalEntity], by: Person) -> list[ExportedRow]:
    stored = PartnerPosition.objects.filter(
        entity__in=entities,
        partner__in=LegalEntity.objects.visible_to(by).values("pk"),
        attempt=None,
        superseded_at=None,
    )
    return [
        [
            *(row.entity.code, row.partner.code, f"{row.month:%Y-%m}", row.side),
            f"{(row.amount if row.currency else row.functional_amount) or 0:f}",
            row.currency or row.functional_currency,
            None if row.currency else AmountBasis.LEDGER.value,
            _moment(row.as_of, row.entity),
        ]
        for row in stored.select_related("entity", "partner").order_by(
            "entity__code", "month", "partner__code", "side", "currency"
        )
    ]


def _rates(by: Person) -> list[ExportedRow]:
    newest = {
        (rate.group.code, rate.month, rate.base, rate.quote): rate.rate
        for rate in ClosingRate.objects.filter(group__in=administered_groups(by))
        .select_related("group")
        .order_by("set_at", "pk")
    }
    return [
        [group, f"{month:%Y-%m}", base, quote, f"{rate.normalize():f}"]
        for (group, month, base, quote), rate in sorted(newest.items())
    ]
