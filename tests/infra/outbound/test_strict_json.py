"""JSON without leniency (05-reliability E8, E10, E11)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.outbound.strict_json import InvalidJson, parse_strict_json

PAGE = b'{"value":[{"PeriodStatus":"Closed","name":"P\\u00e9riode 5"}],"@odata.nextLink":null}'


def test_a_plain_page_is_read() -> None:
    assert parse_strict_json(PAGE) == {
        "value": [{"PeriodStatus": "Closed", "name": "Période 5"}],
        "@odata.nextLink": None,
    }


@pytest.mark.parametrize(
    "body",
    [
        b'{"status":"Open","status":"Closed"}',
        b'{"status" :"Open", "status":"Closed"}',
        b'{"value":[{"a":1},{"a":{"b":1,"b":1}}]}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1}{"a":1}',
        b'{"a":1} garbage}',
        b'{"a":1} garbage',
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":01}',
        b"\xef\xbb\xbf{}",
        b'{"a":"\xff"}',
        b'{"a":"\n"}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' + b"9" * 10_000 + b"}",
    ],
)
def test_lenient_readings_are_refused(body: bytes) -> None:
    with pytest.raises(InvalidJson) as refused:
        parse_strict_json(body)
    assert not refused.value.cut_short
    assert len(str(refused.value)) < 200


@given(st.integers(min_value=0, max_value=len(PAGE) - 1))
def test_e08_a_page_cut_anywhere_is_known_to_be_cut(length: int) -> None:
    with pytest.raises(InvalidJson) as refused:
        parse_strict_json(PAGE[:length])
    assert refused.value.cut_short
