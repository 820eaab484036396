"""When the answer is broken, leads astray or is too big: rows E8, E9, E13 and E14 of 05-reliability."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from closing.facts.readings import ReadResult
from infra.outbound.errors import AnswerMisread, ServerUnavailable
from infra.outbound.session import RequestLimits
from simulator.run import Running
from tests.connectors.simulator_sources import (
    COMPANIES,
    KINDS,
    MAY,
    SPRING,
    STATES,
    companies_read,
    company_refs,
    sockets_opened,
    source,
)

both = pytest.mark.parametrize("kind", KINDS)


def read(kind: str, sim: Running, **changes: Any) -> ReadResult:
    return source(kind, sim.url, **changes).read(company_refs(kind), MAY)


# E8, E9: not what was sent, not JSON


BROKEN = ["truncated_length", "truncated_chunked", "truncated_close", "reset"]


@pytest.mark.parametrize("fault", BROKEN)
@both
def test_e08_an_answer_cut_short_is_read_again(kind: str, fault: str, sim: Running) -> None:
    sim.fault(fault, match=STATES[kind], times=2)
    assert companies_read(read(kind, sim)) == set(COMPANIES[kind])


@pytest.mark.parametrize("fault", BROKEN)
@both
def test_e08_an_answer_that_is_always_cut_short_brings_nothing(kind: str, fault: str, sim: Running) -> None:
    sim.fault(fault, match=STATES[kind], keep=0.9)
    with pytest.raises(ServerUnavailable):
        read(kind, sim)


@both
def test_e09_a_login_page_with_200_is_a_misread_with_its_first_words(kind: str, sim: Running) -> None:
    sim.fault("html_login")
    with pytest.raises(AnswerMisread, match=r"text/html instead of JSON.*<!DOCTYPE html>") as misread:
        read(kind, sim)
    assert len(misread.value.words) < 500


@pytest.mark.parametrize(
    "location", [None, "http://169.254.169.254/latest/meta-data/", "//elsewhere.example/"]
)
@both
def test_e09_a_redirect_is_never_followed(kind: str, location: str | None, sim: Running) -> None:
    sim.fault("redirect", location=location)
    with sockets_opened() as opened, pytest.raises(AnswerMisread, match="redirects elsewhere"):
        read(kind, sim)
    here = sim.url.removeprefix("http://").rpartition(":")
    assert set(opened) == {f"socket.connect ('{here[0]}', {here[2]})"}


@pytest.mark.parametrize(
    "body", ["Service is being updated", '{"value":[]} trailing', "[]", '"Open"', "null"]
)
@both
def test_e09_something_else_than_a_list_brings_nothing(kind: str, body: str, sim: Running) -> None:
    sim.fault("not_json", body=body, match="/data/" if kind == "finops" else "/companies")
    with pytest.raises(AnswerMisread):
        read(kind, sim)


@pytest.mark.parametrize("type_", ["text/plain", "text/html", "application/octet-stream", ""])
@both
def test_e09_json_of_another_type_is_not_believed(kind: str, type_: str, sim: Running) -> None:
    sim.fault("not_json", body='{"value":[]}', type=type_)
    with pytest.raises(AnswerMisread, match="instead of JSON"):
        read(kind, sim)


# E13, E14: links and sizes


LINKS = ["next_link_self", "next_link_loop", "next_link_endless", "next_link_host", "next_link_scheme"]


@pytest.mark.parametrize("fault", LINKS)
@both
def test_e13_a_link_that_leads_astray_stops_the_attempt(kind: str, fault: str, sim: Running) -> None:
    sim.fault(fault, match=STATES[kind])
    with sockets_opened() as opened, pytest.raises(AnswerMisread, match=r"(link|pages)"):
        source(kind, sim.url).read(company_refs(kind)[:1], MAY)
    here = sim.url.removeprefix("http://").rpartition(":")
    assert set(opened) == {f"socket.connect ('{here[0]}', {here[2]})"}
    # The link to itself may be spelled otherwise than we asked, and is then known on its second appearance.
    most = {"next_link_endless": 200, "next_link_loop": 3, "next_link_self": 2}.get(fault, 1)
    assert most - 1 <= len(sim.requests(STATES[kind])) <= most


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9198", "127.0.0.1:{port}@evil.example", "[::1]:{port}", "localhost:{port}"]
)
@both
def test_e13_the_token_goes_to_the_pinned_origin_only(kind: str, host: str, sim: Running) -> None:
    port = sim.url.rpartition(":")[2]
    sim.fault("next_link_host", host=host.format(port=port), match=STATES[kind])
    allowed = ("127.0.0.1", "localhost", "[::1]")  # even where the host itself would be allowed
    with sockets_opened() as opened, pytest.raises(AnswerMisread, match="links to another place"):
        read(kind, sim, allowed_hosts=allowed)
    assert set(opened) == {f"socket.connect ('127.0.0.1', {port})"}


@pytest.mark.slow
@both
def test_e14_a_gzip_bomb_of_1_gb_ends_the_attempt_within_5_seconds_and_60_mb(kind: str, sim: Running) -> None:
    read(kind, sim)
    sim.fault("gzip_bomb", megabytes=1024)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, since = peak_kb(), time.monotonic()
    with pytest.raises(AnswerMisread, match=r"more than \d+ MB"):
        read(kind, sim)
    assert time.monotonic() - since < 5
    assert peak_kb() - before < 60_000


def peak_kb() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


@both
def test_e14_a_huge_page_is_a_misread(kind: str, sim: Running) -> None:
    sim.fault("huge_page", megabytes=21)
    with pytest.raises(AnswerMisread, match="MB in one answer"):
        read(kind, sim)


@both
def test_e14_all_pages_together_have_a_cap_too(kind: str, sim: Running) -> None:
    with pytest.raises(AnswerMisread, match="in one attempt"):
        source(kind, sim.url, limits=RequestLimits(attempt_bytes=2_000)).read(company_refs(kind), SPRING)
