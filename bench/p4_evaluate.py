"""P4: evaluate every stored period, nothing changed and 1 % changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Mod

from alerts.evaluate.overdue import evaluate_overdue
from alerts.models import OverdueFlag
from bench import large_group
from bench.measure import Contender, Table, alternate
from bench.scratch_databases import database, execute, number, settle, written

SAMPLE = 40  # contenders that write everything do every fortieth row, or a full run would take half an hour
OURS = "alerts.evaluate.overdue.evaluate_overdue"
SELECT = "the calculating SELECT"
CHANGED_ONLY = "loop, save() what changed"
UPDATE = "one UPDATE of what is distinct"


def measure(small: bool) -> Iterator[Table]:
    entities = 500 if small else 5_000
    with database("p4"):
        large_group.seed(entities, months=24)
        evaluate_overdue(large_group.AS_OF)
        # As after some years: every period was open for a while after its end, so each has a flag.
        execute(
            "INSERT INTO alerts_overdueflag (period_id, level, days_late, since) SELECT id, 'closed', 0, %(at)s"
            " FROM periods_fiscalperiod p WHERE NOT EXISTS (SELECT FROM alerts_overdueflag WHERE period_id = p.id)",
            at=large_group.AS_OF,
        )
        execute("CREATE TABLE base_flag AS SELECT * FROM alerts_overdueflag")
        execute("CREATE TABLE base_state AS SELECT id, state FROM periods_fiscalperiod")
        execute("CREATE TABLE base_overrun AS SELECT * FROM alerts_overrun")
        settle("base_flag", "base_state", "base_overrun")
        for changed in (0, entities * 24 // 100):
            yield _table(entities * 24, changed)


def _table(periods: int, changed: int) -> Table:
    def prepare() -> None:
        _restore(changed)

    what = "1 % changed" if changed else "nothing changed"
    table = Table("P4", f"evaluate {periods:,} stored periods, {what}")
    table.figures = alternate(
        [
            Contender(
                OURS, "ours", lambda: evaluate_overdue(large_group.AS_OF), prepare, note="flags and overruns"
            ),
            Contender(SELECT, "limit", _select, prepare, note="all periods, one date, no write, no overruns"),
            Contender(UPDATE, "limit", _update, prepare, note="all periods, one date, flags only"),
            Contender(CHANGED_ONLY, "baseline", _loop_changed_only, prepare, note="model objects"),
            Contender("the same over tuples", "baseline", _loop_over_tuples, prepare, note="values_list"),
            Contender(
                "bulk_update",
                "baseline",
                _bulk_update,
                prepare,
                times=SAMPLE,
                note=f"1 of {SAMPLE} rows, times {SAMPLE}",
            ),
            Contender(
                "save() loop",
                "baseline",
                _loop_save,
                prepare,
                times=SAMPLE,
                note=f"1 of {SAMPLE} rows, times {SAMPLE}",
            ),
        ]
    )
    if changed:
        table.goal("changed-only loop over ours", CHANGED_ONLY, OURS, 10, at_most=False)
    else:
        table.goal("ours over the SELECT", OURS, SELECT, 5)
    prepare()
    before = written("alerts_overdueflag")
    outcome = evaluate_overdue(large_group.AS_OF)
    rows = written("alerts_overdueflag") - before
    distinct = number(
        "SELECT count(*) FROM alerts_overdueflag f JOIN base_flag b USING (period_id)"
        " WHERE (f.level, f.days_late) IS DISTINCT FROM (b.level, b.days_late)"
    )
    table.remarks.append(
        f"rows of overdueflag written {rows}, rows that differ from before {distinct}, periods changed {changed}: "
        f"{'equal' if rows == distinct == changed else 'NOT EQUAL'}; {outcome}"
    )
    return table


def _restore(changed: int) -> None:
    """Restore the state after the first evaluation, then move `changed` states: half close, half reopen."""
    execute(
        "UPDATE periods_fiscalperiod p SET state = b.state FROM base_state b WHERE b.id = p.id AND b.state <> p.state"
    )
    execute(
        "UPDATE alerts_overdueflag f SET level = b.level, days_late = b.days_late, since = b.since FROM base_flag b"
        " WHERE b.period_id = f.period_id AND (f.level, f.days_late) IS DISTINCT FROM (b.level, b.days_late)"
    )
    execute("DELETE FROM alerts_overrun")
    execute("INSERT INTO alerts_overrun SELECT * FROM base_overrun")
    for state, other in (("open", "closed"), ("closed", "open")):
        execute(
            "UPDATE periods_fiscalperiod SET state = %(other)s WHERE id IN (SELECT id FROM base_state"
            " WHERE state = %(state)s ORDER BY hashint8(id) LIMIT %(half)s)",
            state=state,
            other=other,
            half=changed // 2,
        )
    settle("periods_fiscalperiod", "alerts_overdueflag", "alerts_overrun")


# The limit judges all by one date, without stale readings, policies, cut-offs and working days.
JUDGED = """
    SELECT p.id, CASE WHEN p.state = 'closed' THEN 'closed' WHEN days > 5 THEN 'alerting' WHEN days > 0 THEN 'late'
                      WHEN days = 0 THEN 'due_today' ELSE 'not_due' END AS level,
           CASE WHEN p.state = 'closed' THEN 0 ELSE greatest(days, 0) END AS days_late
    FROM periods_fiscalperiod p JOIN periods_perioddeadline d ON d.period_id = p.id AND d.current
    CROSS JOIN LATERAL (SELECT %(today)s::date - d.due_on AS days) late
    WHERE p.last_day < %(today)s::date
"""


def _select() -> None:
    execute(f"SELECT count(level), sum(days_late) FROM ({JUDGED}) judged", today=large_group.AS_OF.date())


def _update() -> None:
    execute(
        f"""
        UPDATE alerts_overdueflag flag SET level = judged.level, days_late = judged.days_late,
            since = CASE WHEN flag.level = judged.level THEN flag.since ELSE %(as_of)s END
        FROM ({JUDGED}) judged
        WHERE judged.id = flag.period_id
          AND (flag.level, flag.days_late) IS DISTINCT FROM (judged.level, judged.days_late)
        """,
        today=large_group.AS_OF.date(),
        as_of=large_group.AS_OF,
    )


# Plain Django: objects, a small rule in Python, and save().


def _level(state: str, due_on: date, now: datetime) -> tuple[str, int]:
    if state == "closed":
        return "closed", 0
    days = max(0, (now.date() - due_on).days)
    if days > 5:
        return "alerting", days
    return ("late" if days else "due_today" if now.date() == due_on else "not_due"), days


def _flags(some: QuerySet[OverdueFlag]) -> Iterator[tuple[OverdueFlag, str, int]]:
    with_dates = some.filter(period__deadlines__current=True).select_related("period")
    for flag in with_dates.annotate(due_on=F("period__deadlines__due_on")):
        yield flag, *_level(flag.period.state, flag.due_on, large_group.AS_OF)


def _sample() -> QuerySet[OverdueFlag]:
    return OverdueFlag.objects.annotate(part=Mod("period_id", SAMPLE)).filter(part=0)


def _in_transaction(work: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        with transaction.atomic():
            work()

    return run


@_in_transaction
def _loop_changed_only() -> None:
    for flag, level, days in _flags(OverdueFlag.objects.all()):
        if (flag.level, flag.days_late) != (level, days):
            flag.level, flag.days_late = level, days
            flag.save()


@_in_transaction
def _loop_over_tuples() -> None:
    rows = OverdueFlag.objects.filter(period__deadlines__current=True).values_list(
        "period_id", "level", "days_late", "period__state", "period__deadlines__due_on"
    )
    for period_id, old_level, old_days, state, due_on in rows:
        level, days = _level(state, due_on, large_group.AS_OF)
        if (old_level, old_days) != (level, days):
            OverdueFlag.objects.filter(pk=period_id).update(level=level, days_late=days)


@_in_transaction
def _bulk_update() -> None:
    changed = []
    for flag, level, days in _flags(_sample()):
        flag.level, flag.days_late = level, days
        changed.append(flag)
    OverdueFlag.objects.bulk_update(changed, ["level", "days_late"], batch_size=200)


@_in_transaction
def _loop_save() -> None:
    for flag, level, days in _flags(_sample()):
        flag.level, flag.days_late = level, days
        flag.save()
