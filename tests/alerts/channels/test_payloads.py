"""What posts say: the words of the mails as each program wants them, within its limits, and whatever names hold."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from alerts.channels.delivery_errors import InvalidAddress
from alerts.channels.kinds import Draft, destination_kind, destination_kinds
from alerts.channels.post_transport import LONGEST_POST
from alerts.channels.slack.channel import slack_body
from alerts.channels.teams.channel import MOST_BYTES, counted_bytes, teams_body
from alerts.channels.webhook.channel import VERSION, webhook_body
from alerts.mail.compose import build_test_post
from alerts.mail.rows import MessageContext, MessageDetail, MessageRow, TextLink
from alerts.mail.sections import MessageContent, MessageSection, build_content
from alerts.models import Delivery, Destination, Notice
from alerts.notices.entries import EntityNotice
from alerts.outbox.queue import LEASE
from alerts.sanitize import WORD_JOINER, neutralize_markup, one_line
from closing.judging.notice_rules import NoticeKind, NoticeReason
from closing.phrasing import reader_zone
from entities.models import Group
from tests.alerts.channels.destination_builders import save_destination
from tests.alerts.mail import mail_scenarios
from tests.builders import MAY, OPEN, row, utc
from tests.golden_files import assert_golden
from tests.hypothesis_profiles import examples
from tests.sample_entities import NLDT

pytestmark = pytest.mark.usefixtures("public_address")
NOON = utc("2026-06-15 12:00")
BASE_URL = mail_scenarios.BASE_URL
HOSTILE = (
    "<!channel> <!here|x> <@U012AB3CD> @everyone @channel <at>Rosa</at> [pay](https://evil.test) *bold* _em_ ~no~"
    " `code` <script>alert(1)</script> ![i](https://evil.test/a.png) :tada: ${x} {{DATE(2026-06-01T00:00:00Z)}} &amp;"
)


def a_notice(number: int, kind: NoticeKind = NoticeKind.ALERT) -> Notice:
    return Notice(
        pk=number,
        kind=kind.value,
        period_id=number,
        episode=1,
        reason=NoticeReason.PAST_THE_LINE.value,
        raised_at=NOON,
        state="open",
        days_late=6,
        fresh=True,
    )


def items(count: int, name: str = "", **more: Any) -> list[EntityNotice]:
    made = []
    for number in range(count):
        one = replace(
            row(NLDT, ("2026-06-01 12:00", OPEN), as_of=NOON),
            entity_id=number,
            code=f"E{number:03}",
            name=name or f"Entity {number:03} with a name of some length Ltd",
            **more,
        )
        made.append(EntityNotice(a_notice(number), one, MAY))
    return made


def said_of(told: list[EntityNotice]) -> MessageContent:
    zone, zone_name = reader_zone("Europe/London")
    return build_content(
        told, MessageContext(NOON, zone, zone_name, BASE_URL, "Posted here because “X” hears of it.")
    )


def place(kind: str = "webhook", name: str = "Close") -> Destination:
    return Destination(name=name, kind=kind, group=Group(code="UK", name="United Kingdom", path="UK/"))


# limits -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 5, 49, 50, 51, 300])
def test_g4_a_card_of_300_entities_stays_below_24_kb_and_says_how_many_more(count: int) -> None:
    body = teams_body(said_of(items(count, **long_words())))
    assert len(body) <= MOST_BYTES
    assert max(counted_by_teams(body)) <= TEAMS_LIMIT
    shown = len(re.findall(rb"\bE\d{3}, May 2026", body))
    assert 1 <= shown <= 10
    if shown < count:
        assert f"and {count - shown} more" in body.decode()
        assert f"{BASE_URL}/?month=2026-05" in body.decode()
    else:
        assert not re.search(rb"and \d+ more", body)


TEAMS_LIMIT = 28_672


def counted_by_teams(body: bytes) -> list[int]:
    """The size of a message in Teams, whose property holds the attachments as text: by each usual encoder of JSON."""
    attachments = json.loads(body)["attachments"]
    dotnet = {ord(letter): f"\\u{ord(letter):04X}" for letter in "<>&'+`"}
    plain = json.dumps(json.dumps(attachments, ensure_ascii=False), ensure_ascii=False).encode()
    spaced = json.dumps(json.dumps(attachments, ensure_ascii=True), ensure_ascii=True)
    inner = json.dumps(attachments, separators=(",", ":")).replace('\\"', "\\u0022").translate(dotnet)
    outer = json.dumps(inner)[1:-1].replace('\\"', "\\u0022").translate(dotnet)
    return [len(body), len(plain), len(spaced), len(outer) + 2]


def test_c24_a_body_of_24_kb_is_counted_as_much_as_teams_did() -> None:
    """What was refused: 24,453 bytes posted, 28,897 counted, 28,672 allowed."""
    fact = {"title": "EU DTC BV", "value": "6 days"}
    message = {"type": "message", "attachments": [{"content": {"facts": [fact] * 560}}]}
    posted = len(json.dumps(message))
    assert 23_000 < posted < 25_000
    assert counted_bytes(message) >= posted * 28_897 / 24_453


LETTERS = ["a", '"', "\\", "&", "<", "'", "é", "上", "💶", "ן", "\u200d", "*_`", "&<>\"'\\+"]


@given(
    st.sampled_from(LETTERS),
    st.sampled_from(LETTERS),
    st.integers(1, 12),
    st.integers(0, 60),
    st.integers(1, 100),
    st.integers(0, 1_500),
)
@examples(200)
def test_c24_no_text_makes_a_post_too_large(
    name: str, word: str, sections: int, rows: int, length: int, path: int
) -> None:
    """Whatever letters names, reasons and errors hold: what the receiver counts stays below what it allows."""
    url = f"{BASE_URL}/entities/{'%E4%B8%8A' * (path // 9)}?a=1&b=2"
    names = ("Unconfirmed", "Deadline", "In the way", "Reason", "Expected", "Owner")
    details = [MessageDetail(each, one_line(word * 200, 200)) for each in names]
    text = one_line(name * length) or "x"
    one = MessageRow(TextLink(text, url), text, text, "open", "+6", "days late", "alert", details)
    section = MessageSection(text, one_line(word * 300, 300), [TextLink(text, url)] * 3, [one] * rows, None)
    said = MessageContent(
        text * 3, [section] * sections, "As of Mon 15 Jun.", text * 2, TextLink("Closeboard", BASE_URL)
    )
    assert max(counted_by_teams(teams_body(said))) <= TEAMS_LIMIT
    body = slack_body(said)
    message = json.loads(body)
    assert len(json.dumps(message)) <= 12_000
    assert len(message["blocks"]) <= 50
    assert 0 < len(message["blocks"][0]["text"]["text"]) <= 150
    for block in message["blocks"][1:]:
        for shown in block.get("elements") or [block["text"]]:
            assert 0 < len(shown["text"]) <= 3_000
            assert shown["text"].count("<") == shown["text"].count(">")
            assert not re.search(r"&(?!amp;|lt;|gt;)", re.sub(r"<[^|>]*", "", shown["text"]))


@pytest.mark.parametrize("count", [1, 10, 11, 300])
def test_a_slack_message_keeps_to_its_limits(count: int) -> None:
    message = json.loads(slack_body(said_of(items(count, **long_words()))))
    blocks = message["blocks"]
    assert len(blocks) <= 50
    assert len(blocks[0]["text"]["text"]) <= 150
    texts = [block["text"]["text"] for block in blocks if block["type"] == "section"]
    assert all(0 < len(text) <= 3_000 for text in texts)
    assert len(json.dumps(message)) < 17_000
    assert 0 < len(message["text"]) <= 4_000
    shown = len(re.findall(r"E\d{3}, May 2026", json.dumps(message)))
    assert (f"and {count - shown} more" in json.dumps(message)) == (shown < count)


def long_words() -> dict[str, Any]:
    return {"because": "waits for the bank, " * 40, "read_error": "no answer " * 40}


def test_a_webhook_tells_of_all() -> None:
    told = items(300)
    brought = json.loads(webhook_body("msg_1", place(), said_of(told), told, NOON))
    assert [each["entity"]["code"] for each in brought["data"]["notices"]] == [f"E{n:03}" for n in range(300)]


def test_a_post_is_over_long_before_its_lease() -> None:
    assert timedelta(seconds=5 * LONGEST_POST) < LEASE


# words --------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["teams", "slack", "webhook"])
@pytest.mark.parametrize("name", ["mixed", "hostile", "escalation"])
def test_the_post_of_each_story(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stories of the mails, as Rosa's destination is told them."""
    body = posted_of(name, kind, monkeypatch)
    tidy = json.dumps(json.loads(body), indent=1, ensure_ascii=False, sort_keys=False) + "\n"
    tidy = re.sub(r'"id": \d+', '"id": 0', re.sub(r"msg_[0-9a-f]{32}", "msg_N", tidy))
    assert_golden(f"posts/{name}.{kind}.json", tidy)


def posted_of(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> bytes:
    kept: list[bytes] = []

    def instead(delivery: Delivery, told: Any, as_of: Any, known: Any = None) -> Any:
        where = save_destination(kind, "https://hooks.slack.com/services/x", name="Close team")
        other = Delivery(destination=where, channel=where.channel)
        kept.append(destination_kind(where).compose(Draft(other, told, as_of)).body)
        raise Kept

    monkeypatch.setattr(mail_scenarios, "compose_mail", instead)
    with pytest.raises(Kept):
        mail_scenarios.STORIES[name]()
    return kept[0]


class Kept(Exception):
    """The story has come to its mail."""


def test_the_words_are_those_of_the_mail() -> None:
    said = said_of(items(3))
    for body in (teams_body(said), slack_body(said)):
        text = body.decode()
        assert "3 entities are more than 5 days late" in text
        assert "Posted here because “X” hears of it." in text
        assert "As of Mon 15 Jun" in text
        assert "calendar days late" in text


def test_what_a_webhook_says_of_an_entity() -> None:
    told = items(1, "EU DTC BV")
    brought = json.loads(webhook_body("msg_1", place(), said_of(told), told, NOON))
    assert {name: brought[name] for name in ("id", "type", "timestamp")} == {
        "id": "msg_1",
        "type": "closeboard.notices",
        "timestamp": "2026-06-15T12:00:00Z",
    }
    data = brought["data"]
    assert (data["version"], data["group"]["code"]) == (VERSION, "UK")
    [notice] = data["notices"]
    assert (notice["kind"], notice["month"]) == ("alert", "2026-05")
    entity = notice["entity"]
    assert (entity["code"], entity["state"], entity["days_late"]) == ("E000", "open", 6)
    assert (entity["days_count"], entity["deadline"]) == ("calendar_days", "2026-06-09")
    assert entity["url"] == f"{BASE_URL}/entities/E000/?month=2026-05"


# names that want to do something ------------------------------------------------------------------------------------


def hostile() -> MessageContent:
    return said_of(items(2, HOSTILE, owner=HOSTILE, because=HOSTILE, read_error=HOSTILE))


def strings(found: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(found, dict):
        for name, value in found.items():
            yield from strings(value, (*path, name))
    elif isinstance(found, list):
        for value in found:
            yield from strings(value, path)
    elif isinstance(found, str):
        yield path, found


def test_g6_names_can_do_nothing_in_teams() -> None:
    """No markdown element holds foreign text, nothing is mentioned, nothing is loaded, all links are ours."""
    card = json.loads(teams_body(hostile()))["attachments"][0]["content"]
    assert set(card["msteams"]) == {"width"}
    kinds = {text for path, text in strings(card) if path[-1] == "type"}
    assert kinds <= {"AdaptiveCard", "RichTextBlock", "TextRun", "Container", "Action.OpenUrl"}
    for path, text in strings(card):
        if path[-1] == "url":
            assert text.startswith(f"{BASE_URL}/")
        elif path[-1] not in {"$schema", "type"}:
            assert "](" not in text
            assert not re.search(r"(?<![\w.])@(?=[A-Za-z])|\{\{|\$\{|[*`~]|:tada:", text), text
    assert any("alert(1)" in text for _, text in strings(card))  # as text, which cards never take for HTML


def test_g6_names_can_do_nothing_in_slack() -> None:
    """All `<…>` are our own links; what others wrote has entities; no mark of emphasis but ours."""
    message = json.loads(slack_body(hostile()))
    for path, text in strings(message):
        if path[-1] != "text":
            continue
        for inside in re.findall(r"<([^>]*)>", text):
            assert inside.startswith(f"{BASE_URL}/"), text
        ours = re.sub(r"<[^>|]*\|([^>]*)>", r"\1", text)
        assert "<" not in ours
        assert not re.search(r"&(?!amp;|lt;|gt;)", ours)
        assert not re.search(r"(?<![\w.])@(?=[A-Za-z])|[`~]|(?<!\w)_\w|:tada:", ours), ours
        assert ours.count("*") % 2 == 0
        foreign = re.sub(r"^\*[^*]*\*|\*[^*]*late[^*]*\*", "", ours, flags=re.MULTILINE)
        assert "*" not in foreign, foreign
    texts = [each for each in walk(message) if each.get("type") == "mrkdwn"]
    assert texts
    assert all(each["verbatim"] is True for each in texts)
    assert message["unfurl_links"] is message["unfurl_media"] is False


def walk(found: Any) -> Iterator[dict[str, Any]]:
    if isinstance(found, dict):
        yield found
    for value in found.values() if isinstance(found, dict) else found if isinstance(found, list) else ():
        yield from walk(value)


def test_g6_names_are_data_in_a_webhook() -> None:
    told = items(1, HOSTILE + "\r\n\x00\u202e")
    body = webhook_body("msg_1", place(), said_of(told), told, NOON)
    assert b"\r" not in body
    assert b"\n" not in body
    name = json.loads(body)["data"]["notices"][0]["entity"]["name"]
    assert name.startswith("<!channel>")
    assert "\u202e" not in name


@given(st.text())
@examples(300)
def test_defused_text_looks_the_same_and_does_nothing(text: str) -> None:
    made = neutralize_markup(text)
    assert not re.search(r"[*`~]|\]\(|!\[|\{\{|\$\{|(?<![\w.+-])@\w", made)
    assert neutralize_markup(made) == made
    assert len(made.replace(WORD_JOINER, "")) == len(text.replace(WORD_JOINER, ""))


@pytest.mark.parametrize(
    "text", ["UK_RT", "UK Retail Ltd", "sanne@meridian.test", "12:30", "A & B", "Müller GmbH", "(50%)"]
)
def test_usual_names_stay_as_they_are(text: str) -> None:
    assert neutralize_markup(text) == text


# addresses ----------------------------------------------------------------------------------------------------------

WORKFLOW = (
    "https://prod-23.westeurope.logic.azure.com:443/workflows/1f/triggers/manual/paths/invoke?api-version=2016-06-01"
    "&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=abc"
)
NEWER_WORKFLOW = (
    "https://default1f2e.09.environment.api.powerplatform.com:443/powerautomate/automations/direct/workflows/8/"
    "triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=abc"
)


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("teams", WORKFLOW),
        ("teams", NEWER_WORKFLOW),
        ("slack", "https://hooks.slack.com/services/T0/B0/x"),
        ("webhook", "https://hooks.meridian.test/in?x=1"),
        ("webhook", "https://a.in.meridian.test:8443/in"),
        ("webhook", "http://127.0.0.1:9/in"),
        ("teams", "http://127.0.0.1:9/in?sig=x"),
    ],
)
def test_g3_where_posts_may_go(kind: str, url: str, settings: Settings) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ("hooks.meridian.test", "*.in.meridian.test:8443", "127.0.0.1")
    assert destination_kinds()[kind].check_address(url).path


@pytest.mark.parametrize(
    ("kind", "url", "said"),
    [
        ("teams", "https://meridian.webhook.office.com/webhookb2/1@2/IncomingWebhook/3", "retired"),
        ("teams", "https://outlook.office.com/webhook/1", "retired"),
        ("teams", "https://hooks.slack.com/services/T0/B0/x", "logic.azure.com"),
        ("teams", "https://logic.azure.com.evil.test/x?sig=1", "logic.azure.com"),
        ("teams", "https://prod-23.westeurope.logic.azure.com/workflows/1f", "what follows the “?”"),
        ("teams", "http://prod-23.westeurope.logic.azure.com/workflows/1f?sig=1", "https://"),
        ("slack", WORKFLOW, "hooks.slack.com"),
        ("slack", "https://slack.com/api/chat.postMessage", "hooks.slack.com"),
        ("slack", "https://hooks.slack.com/workflows/x", "three more parts"),
        ("webhook", "https://hooks.slack.com/services/T0/B0/x", "WEBHOOK_ALLOWED_HOSTS"),
        ("webhook", "https://10.0.0.1/in", "WEBHOOK_ALLOWED_HOSTS"),
        ("webhook", "http://hooks.meridian.test/in", "https://"),
        ("webhook", "http://169.254.169.254/latest", "WEBHOOK_ALLOWED_HOSTS"),
        ("webhook", "https://user:word@hooks.meridian.test/in", "not an address"),
        ("webhook", "hooks.meridian.test/in", "not an address"),
        ("webhook", "file:///etc/passwd", "not an address"),
    ],
)
def test_g3_g7_where_posts_may_not_go(kind: str, url: str, said: str, settings: Settings) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ("hooks.meridian.test", "127.0.0.1")
    with pytest.raises(InvalidAddress, match=re.escape(said)):
        destination_kinds()[kind].check_address(url)


def test_nothing_is_allowed_to_webhooks_unless_the_operator_says_so(settings: Settings) -> None:
    settings.WEBHOOK_ALLOWED_HOSTS = ()
    assert destination_kinds()["webhook"].allowed_hosts() == ()
    assert not any("127" in each for each in destination_kinds()["teams"].allowed_hosts())


def test_a_test_post_says_who_asked() -> None:
    said = build_test_post(place("slack"), "Rosa <!channel>", NOON)
    assert b"<!channel>" not in slack_body(said)
    assert "a test post" in slack_body(said).decode()
