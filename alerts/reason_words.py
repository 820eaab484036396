"""The words in which pages and commands show the reasons that notices and lines of messages store.

The stored words are keys: rows of every version hold them, and an index of the database names one of them.
"""

from __future__ import annotations

from alerts.models import LineReason, MessageReason
from closing.judging.notice_rules import NoticeReason

REASON_WORDS: dict[str, str] = {
    NoticeReason.PAST_THE_LINE: "alerting, confirmed by the ERP",
    NoticeReason.PAST_A_STEP: "still not closed: the next step of the escalation",
    NoticeReason.CLOSE_EXPECTED: "waits: somebody has taken it over, and the expected close has not passed",
    NoticeReason.PAST_LINE_UNREAD: "not closed when last read, cannot be read now, alerting by today’s date",
    NoticeReason.PAST_LINE_NEVER_READ: "never read, alerting by today’s date",
    NoticeReason.CLOSE_UNDONE: "was closed and has been reopened",
    NoticeReason.PERMANENT_UNDONE: "permanently closed in Finance & Operations, and reopened",
    NoticeReason.CLOSED_AFTER_NOTICE: "closed after its alert",
    NoticeReason.DUE_IN_DAYS: "due within the days ahead that its group has chosen",
    NoticeReason.STILL_LATE: "overdue, confirmed by the ERP",
    NoticeReason.WITHOUT_A_DEADLINE: "the month has ended with no deadline set",
    NoticeReason.NO_READING: "not read for longer than its limit",
    NoticeReason.PARTLY_READ: "some of its entities were not read for longer than its limit",
    NoticeReason.TROUBLE_ENDED: "all of its entities are read again",
    NoticeReason.ACCESS_REFUSED: "access refused by the ERP",
    NoticeReason.EVERYBODY_CLOSED: "every entity of the group has counted as closed for half an hour",
    NoticeReason.ALREADY_NOTIFIED: "sent already",
    NoticeReason.WITHIN_THE_LINE: "not alerting",
    NoticeReason.DEADLINE_BEFORE_FIRST_READ: "its deadline had passed before it was first read",
    NoticeReason.NOT_CONFIRMED: "waits for the next reading",
    NoticeReason.RECENTLY_RESTARTED: "waits: Closeboard has just started again",
    NoticeReason.MAY_FLAP: "waits: closed less than half an hour ago",
    NoticeReason.SILENCED: "silenced",
    MessageReason.AWAITS_READING: "waits for the next reading",
    LineReason.NOT_VISIBLE: "may no longer see the entity",
    LineReason.OUTSIDE_GROUP: "no longer receives this entity",
    LineReason.DESTINATION_DISABLED: "the destination was switched off",
    LineReason.DESTINATION_REMOVED: "the destination was removed",
    LineReason.CLOSED_SINCE: "closed meanwhile",
    LineReason.CLOSED_NO_MORE: "reopened meanwhile",
    LineReason.NOT_LATE: "its deadline was moved, and it is no longer overdue",
    LineReason.NOT_SOON: "its deadline was moved, and it is no longer due soon",
    LineReason.HAS_A_DEADLINE: "a deadline was set meanwhile",
    LineReason.NOT_READ_ANY_MORE: "not read again meanwhile",
    LineReason.READ_AGAIN: "read again meanwhile",
    MessageReason.TROUBLE_OVER: "over before it was sent",
    LineReason.RECIPIENT_UNSUBSCRIBED: "switched off by the recipient",
    MessageReason.NO_TASK_DUE: "no task was due any more",
    MessageReason.LINES_MOVED: "included in another message",
}


def reason_words(stored: str) -> str:
    """A stored reason in words to show; one that no version here knows is shown as it was stored."""
    return REASON_WORDS.get(stored, stored)
