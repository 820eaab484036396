"""Overdue flags, notices, the outbox, destinations, silences, and the notification settings of people and groups."""

from alerts.models.delivery import EMAIL as EMAIL
from alerts.models.delivery import REACHES_RECIPIENT as REACHES_RECIPIENT
from alerts.models.delivery import Channel as Channel
from alerts.models.delivery import Delivery as Delivery
from alerts.models.delivery import DeliveryLine as DeliveryLine
from alerts.models.delivery import Home as Home
from alerts.models.delivery import LineReason as LineReason
from alerts.models.delivery import MessageReason as MessageReason
from alerts.models.delivery import Trouble as Trouble
from alerts.models.destination import Destination as Destination
from alerts.models.evaluation_state import EvaluationSpan as EvaluationSpan
from alerts.models.evaluation_state import Outage as Outage
from alerts.models.evaluation_state import OverdueFlag as OverdueFlag
from alerts.models.evaluation_state import Overrun as Overrun
from alerts.models.notice import Notice as Notice
from alerts.models.notice import NoticeCutoff as NoticeCutoff
from alerts.models.notice import ProofRun as ProofRun
from alerts.models.recipient_settings import DEFAULT_DIGEST_TIME as DEFAULT_DIGEST_TIME
from alerts.models.recipient_settings import AlertRules as AlertRules
from alerts.models.recipient_settings import EscalationStep as EscalationStep
from alerts.models.recipient_settings import Habits as Habits
from alerts.models.recipient_settings import Subscription as Subscription
from alerts.models.silence import Silence as Silence
