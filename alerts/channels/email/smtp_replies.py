"""Decides whom a refusal of a mail server is about: the recipient, the message, or us as its client.

The same basic code (550, 554) and the same enhanced code (5.7.1) serve for all of them, so the stage of the
conversation, the enhanced code and the words are read together. A reply about the recipient or the message is final
for that message; one about us is not, since every other message would meet it as well. What stays unclear is decided
by what happens to other messages (`alerts.outbox.refusals`).
"""

from __future__ import annotations

import re
from enum import Enum, auto


class Stage(Enum):
    """The command that was refused."""

    MAIL = auto()
    RCPT = auto()
    DATA = auto()


class Concern(Enum):
    """Whom a refusal is about."""

    RECIPIENT = auto()
    MESSAGE = auto()
    CLIENT = auto()  # us: our name, address, account, sender, quota, or the state of the server itself
    UNCLEAR = auto()


def _words(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns))


# Addresses and links in a reply hold words of other people; quoted host names (a block list's) stay.
_FOREIGN = re.compile(r"<[^<>]*@[^<>]*>|\S+@\S+|https?://\S+|\S+\?p=\S+")
_ENHANCED = re.compile(r"(?<![\d.])[45]\.(\d{1,3}\.\d{1,3})(?![\d.]*\d)")

# RFC 3463 and 5248, and those of Exchange; without the first digit, which repeats the basic code.
_RECIPIENT_CODES = re.compile(r"1\.(1|2|3|4|6|10)|2\.(1|4|12[12])|6\.7|4\.310|7\.(17|18|12[4-9]|13[0-6])")
_MESSAGE_CODES = re.compile(r"2\.3|3\.4|6\.\d+|7\.16")
_CLIENT_CODES = re.compile(
    r"1\.(7|8|90)|2\.25[0-2]|3\.[1235]|4\.5|5\.3"
    r"|7\.([3-9]|1[01345]|2\d|30|51|57|60|64|139|23\d|5[013-9]\d|[67]\d\d)"
)

_SIGN_IN_CODES = {530, 534, 535, 538}  # RFC 4954, 6
_COMMAND_CODES = {500, 502, 503, 504}  # the server does not know, or does not expect, what we say
_SERVICE_CODES = {421, 432}  # the server ends the conversation, or has too many of ours
_TOO_BIG = 552
_NOT_LOCAL = 551

_SENDING_LIMIT = _words(
    r"\b(sending|submission|outbound|daily|hourly|relay(ing)?|per (hour|day|minute)|this hour)\b.*\b(limit|quota)",
    r"\b(limit|quota)s?\b.*\b(sending|submission|outbound|daily|hourly|per (hour|day|minute)|this hour)\b",
    r"submissionquota",
)
_MAILBOX_FULL = _words(
    r"\b(mailbox|mail box|inbox|user|recipient|account that you tried)\b.*\b(full|over ?quota|quota|storage|space)\b",
    r"^[\d. -]*over ?quota",
    r"receiving (mail|e-?mails?|messages) (at a rate|too)",
    r"\brecipient\b.*\blimit\b.*\breceive",
)
_MESSAGE_SIZE = _words(
    r"\b(message|mail|letter|line)\b.*\b(size|length)\b",
    r"\b(size|length)\b.*\b(exceed|limit)",
    r"\bdatabytes\b",
    r"\btoo (big|large|long)\b",
)
_GREYLISTED = _words(r"gr[ae]y-?\s?list")
_SUPPRESSED = _words(r"suppression list", r"message rejected: address black ?listed")
_RELAY = _words(r"\brelay", r"\brcpthosts\b", r"non-accepted domain")
_CLIENT = _words(
    # signing in and encryption
    r"\bauth(entication|orization)? (is )?(required|needed|unsuccessful|failed|failure|disabled|command)",
    r"\bbasic authentication\b",
    r"\bnot (been )?authenticated\b",
    r"\bunauthenticated\b",
    r"\bnot logged in\b",
    r"\b(log|sign)[ -]?in (first|required|via)\b",
    r"\bcredentials?\b",
    r"\bstarttls\b",
    r"\b(tls|ssl|encryption)\b.*\b(required|needed)\b",
    # our name and address
    r"\b(helo|ehlo)\b",
    r"\bclient host\b",
    r"\b(fqdn|fully.qualified)\b",
    r"\ball messages from\b",
    r"\bresource record\b",
    r"\bblocked using\b",
    r"\b(block|black|deny) ?list",
    r"\b(rbl|dnsbl|spamhaus|spamcop|barracuda\w*)\b",
    r"\breputation\b",
    r"\b(ptr|rdns|reverse (dns|hostname|lookup))\b",
    r"\bfind your (reverse )?hostname\b",
    r"\b(your|sending|source|client|originating from your|banned sending) (ip|network|server)\b",
    # our sender
    r"\bsender\b.*\b(rejected|refused|denied|verif\w+|not allowed|not authorized|unknown|invalid|identity)\b",
    r"\b(bad|invalid|unknown|unverified) (outbound |envelope )?sender\b",
    r"\bsend ?as",
    r"\bfrom address\b",
    r"\bbadmailfrom\b",
    r"\benvelope sender\b",
    r"\bnot (allowed|authori[sz]ed|permitted) to (send|perform|use)\b(?!.{0,20} to (this|that|the) )",
    r"\b(sending|sender'?s?) domain\b",
    r"\bdomain of sender\b",
    r"\b(spf|dkim|dmarc)\b",
    r"\b(not|un)-?\s?verified\b",
    r"\bverification failed for\b",
    r"\bsandbox\b",
    r"\bauthori[sz]ed recipients\b",
    # our account and its limits
    r"\bsending (has been |is )?(paused|suspended|disabled)\b",
    r"\b(limit|quota|credits?)\b.*\b(exceeded|reached|used up)\b",
    r"\b(exceeded|reached)\b.*\b(limit|quota|max|credits?|allowed)\b",
    r"\btoo many (\w+ )?(messages|e?-?mails|connections|concurrent|recipients|errors|sessions)",
    r"\bmax(imum)?\b.*\b(rate|credits|connections|e?-?mails per|messages per)\b",
    r"\bthrottl",
    r"\brate limit",
    r"\bthread limit",
    r"\bunusual (sending )?(rate|activity)\b",
    # the server itself
    r"\bserver (is )?(too )?(busy|overloaded)\b",
    r"\b(configuration|system|local) (error|problem|failure)",
    r"\binsufficient (system )?(storage|resources|disk)",
    r"\bservice (is )?(currently |temporarily )?(un|not )available\b",
    r"\bshutting down\b",
)
_CONTESTED = _words(r"\bpolicy\b", r"\bspam\b", r"\bunsolicited\b", r"\bblocked\b", r"\badministrative")
_RECIPIENT = _words(
    r"\b(no such|unknown|invalid|non-?existent|inactive) (local |email )?"
    r"(user|recipient|mailbox|address|account|alias)",
    r"\b(user|recipient|mailbox|address|email account|alias)\b.{0,60}"
    r"\b(unknown|not ?found|(does not|doesn't) (exist|have)|unavailable|disabled|inactive|no longer|"
    r"not (a )?valid|invalid)",
    r"\bno mailbox here\b",
    r"\bunrout(e?)able address\b",
    r"\bdoes not (accept|receive) (any )?e?-?mail",
    r"\bdomain not found\b",
    r"\buser not local\b",
    r"\baddress contains control\b",
    r"\bbad recipient address\b",
)


def concern_of(stage: Stage, code: int, reply: str) -> Concern:
    """Whom a reply of 4xx or 5xx to this command is about; UNCLEAR where it may be about one message or about us."""
    text = " ".join(_FOREIGN.sub(" ", reply).lower().split())
    found = _ENHANCED.search(text)
    enhanced = found[1] if found else ""
    if stage is not Stage.MAIL and _RECIPIENT_CODES.fullmatch(enhanced):
        return Concern.RECIPIENT
    if code in _SIGN_IN_CODES or _SENDING_LIMIT.search(text):
        return Concern.CLIENT
    if stage is not Stage.MAIL and (enhanced == "2.2" or _MAILBOX_FULL.search(text)):
        return Concern.RECIPIENT
    if _MESSAGE_CODES.fullmatch(enhanced) or _MESSAGE_SIZE.search(text):
        return Concern.MESSAGE
    if code < 500 and _GREYLISTED.search(text):
        return Concern.UNCLEAR
    if stage is not Stage.MAIL and _SUPPRESSED.search(text):
        return Concern.RECIPIENT
    if _CLIENT_CODES.fullmatch(enhanced) or _CLIENT.search(text):
        return Concern.CLIENT
    return _concern_by_stage(stage, code, enhanced, text)


def _concern_by_stage(stage: Stage, code: int, enhanced: str, text: str) -> Concern:
    """The concern of a reply that is not about us by its code or words."""
    if stage is Stage.MAIL:  # names one sender and the size: every message has the same sender
        return Concern.MESSAGE if code == _TOO_BIG else Concern.CLIENT
    if _RELAY.search(text) or _CONTESTED.search(text):
        return Concern.UNCLEAR
    if (enhanced == "4.1" and "recipient address rejected" in text) or _RECIPIENT.search(text):
        return Concern.RECIPIENT
    if code in _COMMAND_CODES | _SERVICE_CODES or (code < 500 and enhanced[:2] == "3."):
        return Concern.CLIENT
    if code == _TOO_BIG and enhanced == "":
        return Concern.RECIPIENT if stage is Stage.RCPT else Concern.MESSAGE
    return Concern.RECIPIENT if code == _NOT_LOCAL else Concern.UNCLEAR
