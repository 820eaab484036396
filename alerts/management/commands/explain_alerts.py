"""`manage.py explain_alerts CODE`: explain why each notice of an entity's periods is due or not."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from django.utils import timezone

from alerts.evaluate.continuity import evaluating_since
from alerts.evaluate.episodes import Episode, judge_episodes
from alerts.reason_words import reason_words
from alerts.routing.evaluation_context import EvaluationContext
from closing.calendar.date_phrases import month_and_year, weekday_and_date
from closing.calendar.months import parse_month
from closing.judging.notice_rules import NoticeDecision
from entities.models import LegalEntity
from periods.models import FiscalPeriod, PolicyVersion
from periods.snapshot.freshness import Freshness


class Command(BaseCommand):
    """Reads only: prints the decisions of the next evaluation, with the reason of each notice, due or not."""

    help = (
        "Explain the notices of an entity: for each period that is not closed, or whose close is still to be "
        "reported, its state, days late, deadline, policy, reading, and the verdict on each notice with its reason."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", help="the entity's code, like NLDT")
        parser.add_argument("--month", help="only this reporting month, like 2026-05")

    def handle(self, *args: Any, code: str, month: str | None, **options: Any) -> None:
        entity = LegalEntity.objects.filter(code=code.upper()).first()
        if entity is None:
            raise CommandError(f"There is no entity {code}.")
        periods = FiscalPeriod.objects.filter(entity=entity, type="operating")
        if month:
            try:
                periods = periods.filter(reporting_month=parse_month(month))
            except ValueError:
                raise CommandError(f"No such month: {month}. A month is written like 2026-05.") from None
        months = dict(periods.values_list("pk", "reporting_month"))
        context = EvaluationContext(timezone.now(), Q(pk=entity.pk))
        if evaluating_since(context) is None:
            self.stdout.write("No evaluation has run lately, so no notice is raised before the next one.")
        episodes = judge_episodes(context, months)
        for episode, decisions in episodes:
            month_name = month_and_year(months[episode.period])
            self._explain(f"{entity.name}, {month_name}", episode, context.readings[entity.pk])
            for decision in decisions:
                self.stdout.write(f"  {_decision_text(decision)}")
        if not episodes:
            self.stdout.write(
                f"{entity.name}: no ended period is open, and no close is still to be reported."
            )

    def _explain(self, name: str, episode: Episode, reading: Freshness) -> None:
        late = f", {episode.days_late} days late" if episode.days_late else ""
        self.stdout.write(f"{name}: {episode.state}, {episode.level.replace('_', ' ')}{late}")
        due = weekday_and_date(episode.due_on) if episode.due_on is not None else "no deadline set"
        versions = PolicyVersion.objects.select_related("policy")
        version = versions.filter(pk=episode.policy_version or 0).first()
        policy = f"policy {version.policy.name}, version {version.number}" if version else "no policy version"
        self.stdout.write(f"  Deadline: {due}; {policy}")
        read = f"{reading.read_at:%Y-%m-%d %H:%M} UTC" if reading.read_at is not None else "never"
        self.stdout.write(f"  Last read: {read}, {'within its limit' if reading.fresh else 'too old'}")


def _decision_text(decision: NoticeDecision) -> str:
    step = f" {decision.step}" if decision.step else ""
    due = "due" if decision.due else "not due"
    return f"{decision.kind.replace('_', ' ')}{step}: {due}, {reason_words(decision.reason)}"
