"""`manage.py adopt_tasks GROUP`: gives a group the standard templates of close tasks and generates what is due."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from closing.calendar.instants import zone_named
from closing.calendar.months import parse_month
from closing.close_tasks.task_templates import TemplateKind
from entities.models import Group, WorkCalendar
from infra.ticks import database_clock
from worklist.task_store.generate_tasks import generate_tasks
from worklist.task_store.missing_roles import missing_roles, missing_roles_phrases
from worklist.template_store.templates_store import adopt_tasks, standard_templates


class Command(BaseCommand):
    """A second call for a group changes nothing but generates what is due by now."""

    help = "Give a group close tasks from the standard templates."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("group", help="the code of the group")
        parser.add_argument("--calendar", required=True, help="the code of the calendar of the group's tasks")
        parser.add_argument("--zone", default="Europe/London", help="the time zone of the group's tasks")
        parser.add_argument("--from-month", help="the first month whose close has tasks, such as 2026-05")
        parser.add_argument(
            "--templates",
            nargs="+",
            choices=[kind.value for kind in TemplateKind],
            default=[kind.value for kind in TemplateKind],
            help="which of the standard templates; that of the month always",
        )

    def handle(self, *args: Any, group: str, calendar: str, zone: str, **options: Any) -> None:
        as_of = database_clock()
        first = options["from_month"]
        try:
            zone_named(zone)
            adopter = Group.objects.get(code=group)
            adopt_tasks(
                adopter,
                WorkCalendar.objects.get(code=calendar),
                zone,
                as_of,
                templates=standard_templates([TemplateKind(word) for word in options["templates"]]),
                from_month=parse_month(first) if first else None,
            )
        except Group.DoesNotExist:
            raise CommandError(f"There is no group {group}.") from None
        except WorkCalendar.DoesNotExist:
            raise CommandError(f"There is no calendar {calendar}.") from None
        except ValueError as error:
            raise CommandError(f"{error}") from None
        made = generate_tasks(as_of)
        self.stdout.write(f"{made.tasks:,} tasks generated for {made.holders:,} periods and months.")
        for line in (*made.problems, *missing_roles_phrases(missing_roles())):
            self.stdout.write(line)
