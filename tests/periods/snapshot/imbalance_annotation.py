"""A synthetic row annotation, of another shape than ours: it speaks of other entities and changes often by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, Literal

from django.conf import settings
from django.db import connection
from django.test import override_settings

from closing.scoreboard.row import AnnotationKey, Row
from periods.snapshot.annotations import Loaded, SnapshotScope

PATH = f"{__name__}.ImbalanceAnnotation"
_TABLE = """
CREATE TABLE tests_imbalance (
    entity_id bigint, counterparty_id bigint, amount int, starts timestamptz, ends timestamptz, read_at timestamptz
)
"""
_TRIGGER = """
CREATE TRIGGER tests_imbalance_pairs_{event} AFTER {event} ON tests_imbalance REFERENCING {table} AS changed
FOR EACH STATEMENT EXECUTE FUNCTION periods_tell_of_some('pairs', 'SELECT entity_id FROM changed')
"""


@dataclass(frozen=True, slots=True)
class Imbalance:
    """The amounts that counterparties do not confirm; `hidden` counts those that the reader may not see."""

    amounts: tuple[tuple[int, int], ...]  # counterparty's id, amount
    read_at: datetime
    hidden: int = 0


def _content(value: Imbalance) -> tuple[tuple[tuple[int, int], ...], int]:
    return value.amounts, value.hidden


IMBALANCE: AnnotationKey[Imbalance] = AnnotationKey("imbalance", _content)


class ImbalanceAnnotation:
    """Amounts that hold from one moment to another."""

    key: ClassVar[AnnotationKey[Imbalance]] = IMBALANCE
    per: ClassVar[Literal["entity"]] = "entity"
    topic: ClassVar[str] = "pairs"
    tables: ClassVar[frozenset[str]] = frozenset({"tests_imbalance"})
    weighed_by_row: ClassVar[bool] = False

    def load(self, scope: SnapshotScope) -> Loaded[Imbalance]:
        amounts: dict[int, list[tuple[int, int]]] = defaultdict(list)
        read_at: dict[int, datetime] = {}
        until: dict[int, datetime] = {}
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT entity_id, counterparty_id, amount, starts, ends, read_at FROM tests_imbalance"
                " WHERE entity_id = ANY(%s) AND ends > %s ORDER BY 1, 2, 3",
                [list(scope.entities), scope.as_of],
            )
            for pk, counterparty, amount, starts, ends, at in cursor.fetchall():
                begun = starts <= scope.as_of
                moment = ends if begun else starts
                until[pk] = min(until.get(pk, moment), moment)
                if begun:
                    amounts[pk].append((counterparty, amount))
                    read_at[pk] = max(read_at.get(pk, at), at)
        return Loaded({pk: Imbalance(tuple(own), read_at[pk]) for pk, own in amounts.items()}, until)

    def for_row(self, value: Imbalance, row: Row, as_of: datetime) -> Imbalance:
        return value

    def foreign(self, value: Imbalance) -> frozenset[int]:
        return frozenset(counterparty for counterparty, _ in value.amounts)

    def seen_by(self, value: Imbalance, ids: frozenset[int]) -> Imbalance:
        amounts = tuple(
            (counterparty, amount) for counterparty, amount in value.amounts if counterparty in ids
        )
        return replace(value, amounts=amounts, hidden=value.hidden + len(value.amounts) - len(amounts))


@contextmanager
def installed() -> Iterator[None]:
    """Install the annotation, its table and its triggers in the database in use."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLE)
        for event, table in (("insert", "NEW TABLE"), ("update", "NEW TABLE"), ("delete", "OLD TABLE")):
            cursor.execute(_TRIGGER.format(event=event, table=table))
    with override_settings(ROW_ANNOTATIONS=[*settings.ROW_ANNOTATIONS, PATH]):
        yield


def add(entity_id: int, counterparty_id: int, amount: int, starts: datetime, seconds: float) -> None:
    """An amount that a counterparty does not confirm, from a moment on and for so long."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO tests_imbalance VALUES (%s, %s, %s, %s, %s, %s)",
            [entity_id, counterparty_id, amount, starts, starts + timedelta(seconds=seconds), starts],
        )


def read_again(at: datetime) -> None:
    """Renew the moment of all readings, and nothing else."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tests_imbalance SET read_at = %s", [at])


def settle(entity_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM tests_imbalance WHERE entity_id = %s", [entity_id])
