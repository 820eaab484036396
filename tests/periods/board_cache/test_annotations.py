"""Row annotations on a cached board: one statement each, true until their moment, and redacted for each reader."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from board.scoreboard.screen import BoardScreen
from board.scoreboard.table_sections import Folds
from board.web.board_query import BoardQuery
from board.web.readers import Reader
from closing.scoreboard.row import REMARKS, SILENCE, Row
from entities.models import LegalEntity
from periods.board_cache.cache import BoardCache
from periods.board_cache.cached_board import VisibleBoard
from periods.board_cache.change_feed import changes_since
from periods.models import News
from periods.snapshot.annotations import RowAnnotation, SnapshotScope, row_annotations
from periods.snapshot.builder import take_snapshot, take_unredacted
from tests.builders import MAY
from tests.periods.events import ChangingGroup
from tests.periods.snapshot import imbalance_annotation
from tests.periods.snapshot.imbalance_annotation import IMBALANCE

LONDON = Reader.in_zone("Europe/London")


def board_of(cache: BoardCache, world: ChangingGroup, ids: frozenset[int] | None = None) -> VisibleBoard:
    cache.apply_changes(*changes_since(cache.snapshot_token))
    return cache.board(MAY, world.now).visible_board(ids)


def row_of(board: VisibleBoard, code: str) -> Row:
    return next(row for row in board.board.rows if row.code == code)


class TestOneStatement:
    def test_a_new_remark_reads_the_remarks_again_and_nothing_else(
        self, changing_group: ChangingGroup
    ) -> None:
        cache = BoardCache()
        before = board_of(cache, changing_group)
        changing_group.speak(0, "NLDT", "note")
        changing_group.pass_time(1)
        with CaptureQueriesContext(
            connection,
        ) as statements:
            after = board_of(cache, changing_group)
        assert len(statements) == 2, [query["sql"] for query in statements]  # the feed, and the remarks
        assert "periods_remark" in statements[1]["sql"]
        assert row_of(after, "NLDT").remarks.notes == 1
        assert after.version != before.version
        assert [row for row in after.board.rows if row.code != "NLDT"] == [
            row for row in before.board.rows if row.code != "NLDT"
        ]

    def test_a_silence_and_its_end_read_the_silences_only(self, changing_group: ChangingGroup) -> None:
        cache = BoardCache()
        board_of(cache, changing_group)
        changing_group.silence(0, "NLDT", group=False, days=0)
        changing_group.pass_time(1)
        with CaptureQueriesContext(connection) as statements:
            silenced = row_of(board_of(cache, changing_group), "NLDT").silence
        assert silenced is not None
        assert len(statements) == 2
        changing_group.lift_silences(0)
        with CaptureQueriesContext(connection) as statements:
            assert row_of(board_of(cache, changing_group), "NLDT").silence is None
        assert len(statements) == 2

    def test_an_annotation_costs_a_snapshot_one_statement(self, imbalances: ChangingGroup) -> None:
        costs = []
        for keys in ((), (REMARKS,), (REMARKS, SILENCE), (REMARKS, SILENCE, IMBALANCE)):
            with CaptureQueriesContext(connection) as statements:
                take_unredacted(LegalEntity.objects.all(), [MAY], imbalances.now, annotations=keys)
            costs.append(len(statements))
        assert [cost - costs[0] for cost in costs] == [0, 1, 2, 3]

    def test_what_only_grew_older_is_no_new_content(self, imbalances: ChangingGroup) -> None:
        cache = BoardCache()
        before = board_of(cache, imbalances)
        imbalances.pass_time(60)
        imbalance_annotation.read_again(imbalances.now)
        after = board_of(cache, imbalances)
        imbalance = row_of(after, "NLDT").get(IMBALANCE)
        assert imbalance is not None
        assert imbalance.read_at == imbalances.now
        assert after.version == before.version
        assert after.cached_board.revisions == before.cached_board.revisions


class TestTriggers:
    def test_each_table_that_is_read_writes_events(self, imbalances: ChangingGroup) -> None:
        """A new table of `load` without a trigger would keep boards that are no longer true."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT tgrelid::regclass::text, split_part(encode(tgargs, 'escape'), '\\000', 1) FROM pg_trigger"
                " WHERE NOT tgisinternal"
            )
            written = set(cursor.fetchall())
        for annotation in row_annotations():
            for table in annotation.tables:
                kinds = {kind for name, kind in written if name == table}
                assert kinds & {annotation.topic, "rows", "places"}, (annotation, table, kinds)
            assert any(kind == annotation.topic for _, kind in written)
            News(kind=annotation.topic, ids=[1]).full_clean()

    def test_nothing_is_read_but_the_tables_that_are_named(self, imbalances: ChangingGroup) -> None:
        entities = tuple(LegalEntity.objects.values_list("pk", flat=True))
        periods = {row.period_id or 0: (row.entity_id, MAY) for row in self._rows(imbalances)}
        scope = SnapshotScope(entities, periods, imbalances.now)
        for annotation in row_annotations():
            assert self._tables_read(annotation, scope) == annotation.tables

    def _rows(self, world: ChangingGroup) -> list[Row]:
        return list(take_snapshot(LegalEntity.objects.all(), MAY, world.now).rows)

    def _tables_read(self, annotation: RowAnnotation[object], scope: SnapshotScope) -> set[str]:
        with CaptureQueriesContext(connection) as statements:
            annotation.load(scope)
        (statement,) = statements
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (FORMAT JSON) " + statement["sql"])
            plan = cursor.fetchone()[0]
        plan = json.dumps(json.loads(plan) if isinstance(plan, str) else plan)
        return {part.split('"')[0] for part in plan.split('"Relation Name": "')[1:]}

    def test_the_new_name_of_who_silenced_is_shown(self, changing_group: ChangingGroup) -> None:
        cache = BoardCache()
        changing_group.silence(0, "NLDT", group=True, days=1)
        board_of(cache, changing_group)
        changing_group.rename_speaker(0, "Rosa Bell-Kerr")
        silence = row_of(board_of(cache, changing_group), "NLDT").silence
        assert silence is not None
        assert silence.by == "Rosa Bell-Kerr"

    def test_an_event_of_a_kind_that_nobody_knows_concerns_rows(self, changing_group: ChangingGroup) -> None:
        """A newer process may write topics that this one does not know."""
        cache = BoardCache()
        nldt = changing_group.entity("NLDT").pk
        board_of(cache, changing_group)
        with connection.cursor() as cursor:  # without the triggers, as if another table had changed
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("UPDATE entities_legalentity SET name = 'New name' WHERE id = %s", [nldt])
            cursor.execute("SET session_replication_role = DEFAULT")
        assert row_of(board_of(cache, changing_group), "NLDT").name != "New name"
        News.objects.create(kind="weather", ids=[nldt])
        assert row_of(board_of(cache, changing_group), "NLDT").name == "New name"


class TestTime:
    @pytest.mark.parametrize("fresh", [True, False])
    def test_an_annotation_ends_and_begins_by_the_clock_alone(
        self, fresh: bool, imbalances: ChangingGroup
    ) -> None:
        cache = BoardCache()
        imbalances.imbalance("NLDT", "UKWS", 9, 3700, 60)
        imbalances.pass_time(0 if fresh else 1800)  # read half an hour ago: stale
        assert row_of(board_of(cache, imbalances), "NLDT").fresh is fresh
        imbalances.pass_time(3600 - (0 if fresh else 1800))
        imbalances.read({})
        assert row_of(board_of(cache, imbalances), "NLDT").get(IMBALANCE) is None
        imbalances.pass_time(100)
        begun = row_of(board_of(cache, imbalances), "NLDT").get(IMBALANCE)
        assert begun is not None
        assert [amount for _, amount in begun.amounts] == [9]
        imbalances.pass_time(60)
        assert row_of(board_of(cache, imbalances), "NLDT").get(IMBALANCE) is None

    def test_a_moment_that_has_come_reads_its_annotation_only(self, imbalances: ChangingGroup) -> None:
        cache = BoardCache()
        imbalances.imbalance("UKRT", "NLDT", 3, 30, 60)
        board_of(cache, imbalances)
        imbalances.pass_time(30)
        with CaptureQueriesContext(connection) as statements:
            assert row_of(board_of(cache, imbalances), "UKRT").get(IMBALANCE) is not None
        assert len(statements) == 2


class TestRedaction:
    """Who may not see a counterparty reads of none."""

    def ids(self, world: ChangingGroup, *codes: str) -> frozenset[int]:
        return frozenset(world.group.entities[code].pk for code in codes)

    def amounts(self, row: Row) -> tuple[list[int], int]:
        imbalance = row.get(IMBALANCE)
        assert imbalance is not None
        return [amount for _, amount in imbalance.amounts], imbalance.hidden

    def test_a_cached_board_has_a_row_for_each_redaction(self, imbalances: ChangingGroup) -> None:
        cache = BoardCache()
        everything = board_of(cache, imbalances)
        with_retail = board_of(cache, imbalances, self.ids(imbalances, "NLDT", "UKRT"))
        alone = board_of(cache, imbalances, self.ids(imbalances, "NLDT"))
        both = board_of(cache, imbalances, self.ids(imbalances, "NLDT", "UKRT", "UKHC"))
        assert self.amounts(row_of(everything, "NLDT")) == ([75, 640], 0)
        assert self.amounts(row_of(both, "NLDT")) == ([75, 640], 0)
        assert self.amounts(row_of(with_retail, "NLDT")) == ([640], 1)
        assert self.amounts(row_of(alone, "NLDT")) == ([], 2)
        keys = {
            board.row_key(row_of(board, "NLDT").entity_id) for board in (everything, both, with_retail, alone)
        }
        assert len(keys) == 3  # fragments and fingerprints of those who see the same are shared
        fingerprints = {
            board.row_fingerprint(row_of(board, "NLDT")) for board in (everything, both, with_retail, alone)
        }
        assert len(fingerprints) == 3
        for board in (everything, both, with_retail, alone):
            html = BoardScreen(board.board, BoardQuery(), LONDON, board).rows(Folds())
            anew = BoardScreen(board.board, BoardQuery(), LONDON).rows(Folds())
            assert html == anew

    def test_what_a_reader_may_not_see_changes_their_version_only_by_its_count(
        self, imbalances: ChangingGroup
    ) -> None:
        cache = BoardCache()
        alone = self.ids(imbalances, "NLDT")
        before = board_of(cache, imbalances, alone)
        imbalances.imbalance("UKRT", "UKHC", 5, 0, 600)
        assert board_of(cache, imbalances, alone).version == before.version

    def test_a_board_of_a_past_moment_speaks_of_the_entities_on_it(self, imbalances: ChangingGroup) -> None:
        own = LegalEntity.objects.filter(code="NLDT")
        moment = imbalances.now + timedelta(minutes=1)
        assert self.amounts(take_snapshot(own, MAY, moment).rows[0]) == ([], 2)
        seen = self.ids(imbalances, "UKHC")
        assert self.amounts(take_snapshot(own, MAY, moment, visible=lambda: seen).rows[0]) == ([75], 1)
        assert self.amounts(take_snapshot(own, MAY, moment, visible=lambda: None).rows[0]) == ([75, 640], 0)
