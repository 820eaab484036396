"""`manage.py adopt_tasks GROUP`: gives a group the standard templates of close tasks and generates what is due."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from closing.calendar.instants import zone_named
from entities.models import Group, WorkCalendar
from infra.ticks import database_clock
from worklist.task_store.generate_tasks import generate_tasks
from worklist.task_store.templates_store import adopt_tasks


class Command(BaseCommand):
    """A second call for a group changes nothing but generates what is due by now."""

    help = "Give a group close tasks from the standard templates."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("group", help="the code of the group")
        parser.add_argument("--calendar", required=True, help="the code of the calendar of the group's tasks")
        parser.add_argument("--zone", default="Europe/London", help="the time zone of the group's tasks")

    def handle(self, *args: Any, group: str, calendar: str, zone: str, **options: Any) -> None:
        as_of = database_clock()
        try:
            zone_named(zone)
            adopter = Group.objects.get(code=group)
            adopt_tasks(adopter, WorkCalendar.objects.get(code=calendar), zone, as_of)
        except Group.DoesNotExist:
            raise CommandError(f"There is no group {group}.") from None
        except WorkCalendar.DoesNotExist:
            raise CommandError(f"There is no calendar {calendar}.") from None
        except ValueError as error:
            raise CommandError(f"{error}") from None
        made = generate_tasks(as_of)
        self.stdout.write(f"{made.tasks:,} tasks generated for {made.holders:,} periods and months.")
        for problem in made.problems:
            self.stdout.write(problem)
