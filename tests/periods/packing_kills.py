"""Kills the connection to the database at any statement of some work, as the death of its process does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django.db import connection as database


class Killed(Exception):
    """The work was killed."""


def kill_at_each_statement(work: Callable[[], object]) -> Iterator[tuple[int, bool]]:
    """Do the work again and again, killed before and after its 1st, 2nd, 3rd ... statement, until it is done.

    Yields after each kill: the number of the statement, and whether it had run. The work must go on where a killed
    one ended, or the same statement is killed for ever.
    """
    number = 1
    while True:
        for ran in (False, True):
            try:
                with database.execute_wrapper(_killer(number, ran=ran)):
                    work()
            except Killed:
                database.close()
                yield number, ran
            else:
                return
        number += 1


def _killer(number: int, *, ran: bool) -> Callable[..., Any]:
    count = 0

    def wrapper(execute: Callable[..., Any], *given: Any) -> Any:
        nonlocal count
        count += 1
        if count == number and ran:
            execute(*given)
        if count == number:
            # The server ends the session at once and rolls back what it had not committed.
            database.connection.close()
            raise Killed
        return execute(*given)

    return wrapper
