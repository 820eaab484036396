"""Overdue flags, notices, the outbox, destinations, silences, and the notification settings of people and groups."""

from alerts.models.delivery import (
    EMAIL,
    REACHES_RECIPIENT,
    Channel,
    Delivery,
    DeliveryLine,
    Home,
    LineReason,
    MessageReason,
    Trouble,
)
from alerts.models.destination import Destination
from alerts.models.evaluation_state import FLAG_LEVELS, EvaluationSpan, Outage, OverdueFlag, Overrun
from alerts.models.notice import (
    CONNECTION_NOTICES,
    GROUP_NOTICES,
    NOTICE_KINDS,
    Notice,
    NoticeCutoff,
    ProofRun,
)
from alerts.models.recipient_settings import (
    DEFAULT_DIGEST_TIME,
    AlertRules,
    EscalationStep,
    Habits,
    Subscription,
)
from alerts.models.silence import Silence

__all__ = [
    "CONNECTION_NOTICES",
    "DEFAULT_DIGEST_TIME",
    "EMAIL",
    "FLAG_LEVELS",
    "GROUP_NOTICES",
    "NOTICE_KINDS",
    "REACHES_RECIPIENT",
    "AlertRules",
    "Channel",
    "Delivery",
    "DeliveryLine",
    "Destination",
    "EscalationStep",
    "EvaluationSpan",
    "Habits",
    "Home",
    "LineReason",
    "MessageReason",
    "Notice",
    "NoticeCutoff",
    "Outage",
    "OverdueFlag",
    "Overrun",
    "ProofRun",
    "Silence",
    "Subscription",
    "Trouble",
]
