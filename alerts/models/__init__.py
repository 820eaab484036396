"""Overdue flags, notices, the outbox, and what people and groups have set about notifications."""

from alerts.models.delivery import EMAIL, REACHING, SET_ASIDE, Channel, Delivery, DeliveryLine, Home, Trouble
from alerts.models.destination import Destination
from alerts.models.evaluation_state import FLAG_LEVELS, EvaluationSpan, Outage, OverdueFlag, Overrun
from alerts.models.notice import NOTICE_KINDS, OF_CONNECTIONS, OF_GROUPS, Notice, ProofRun
from alerts.models.recipient_settings import DIGEST_AT, AlertRules, EscalationStep, Habits, Subscription
from alerts.models.silence import Silence

__all__ = [
    "DIGEST_AT",
    "EMAIL",
    "FLAG_LEVELS",
    "NOTICE_KINDS",
    "OF_CONNECTIONS",
    "OF_GROUPS",
    "REACHING",
    "SET_ASIDE",
    "AlertRules",
    "Channel",
    "Delivery",
    "DeliveryLine",
    "Destination",
    "EscalationStep",
    "EvaluationSpan",
    "Habits",
    "Home",
    "Notice",
    "Outage",
    "OverdueFlag",
    "Overrun",
    "ProofRun",
    "Silence",
    "Subscription",
    "Trouble",
]
