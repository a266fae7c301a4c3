import base64
import hashlib
import time
import unicodedata
from datetime import UTC, datetime, timedelta
from email.message import Message
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dossier.core.content import (
    Outcome,
    Range,
    content_disposition,
    content_etag,
    content_headers,
    evaluate,
    matches,
    parse_range,
    repr_digest,
    safe_inline,
)
from dossier.core.errors import PreconditionFailed, RangeNotSatisfiable

ETAG = '"abc"'
MODIFIED = datetime(2026, 3, 1, 12, 0, 0, 999_000, tzinfo=UTC)
SAME, BEFORE, AFTER = (
    "Sun, 01 Mar 2026 12:00:00 GMT",
    "Sun, 01 Mar 2026 11:59:59 GMT",
    "Sun, 01 Mar 2026 12:00:01 GMT",
)
WHOLE = Outcome(200, 0, 100)
NOT_MODIFIED = Outcome(304, 0, 0)
PART = Outcome(206, 10, 10, "bytes 10-19/100")

names = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="/\\"), min_size=1)


def decoded(header: str) -> str:
    """RFC 8187 as the standard library reads it."""
    message = Message()
    message["Content-Disposition"] = header
    return str(message.get_filename())


class TestContentDisposition:
    @pytest.mark.parametrize(
        ("name", "plain"),
        [
            ("Report.pdf", "Report.pdf"),
            ("Übersicht é.pdf", "Ubersicht e.pdf"),
            ("報告.pdf", "__.pdf"),
            ('say "hi" 100%.txt', "say _hi_ 100_.txt"),
            ("a; filename=evil.exe", "a; filename=evil.exe"),
        ],
    )
    def test_has_both_forms(self, name: str, plain: str) -> None:
        header = content_disposition(name)
        assert header.startswith(f"attachment; filename=\"{plain}\"; filename*=UTF-8''")
        assert unquote(header.partition("filename*=UTF-8''")[2]) == name

    def test_inline(self) -> None:
        assert content_disposition("a.png", inline=True).startswith("inline; ")

    def test_empty_name(self) -> None:
        assert 'filename="download"' in content_disposition("")

    @given(names)
    @example("דוח.pdf")
    @example("👩‍👩‍👧‍👦.png")
    @example("it's 5 o'clock*.txt")
    def test_every_name_comes_back(self, name: str) -> None:
        header = content_disposition(name)
        encoded = header.rpartition("''")[2]
        assert unquote(encoded) == name
        assert decoded(f"attachment; filename*=UTF-8''{encoded}") == name.strip()

    @given(st.text(st.characters(codec=None)))
    @example("x\r\nSet-Cookie: a=b")
    @example('x"; filename="y')
    def test_no_text_breaks_out_of_the_header(self, name: str) -> None:
        header = content_disposition(name)
        assert header.isascii()
        assert header.isprintable()
        assert header.count('"') == 2
        assert "\\" not in header
        assert not set(header.rpartition("''")[2]) & set(" \"'()*,/:;<=>?@[]{}\\")


class TestValidators:
    def test_repr_digest(self) -> None:
        # The SHA-256 example of RFC 9530 §1 (appendix B.1).
        sha256 = hashlib.sha256(b'{"hello": "world"}\n').digest()
        assert repr_digest(sha256) == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
        assert base64.b64decode(repr_digest(sha256)[9:-1]) == sha256

    def test_etag_is_strong_and_hex(self) -> None:
        assert content_etag(b"\x01\xff") == '"01ff"'


class TestParseRange:
    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            ("bytes=0-0", Range(0, 1)),
            ("bytes=0-99", Range(0, 100)),
            ("bytes=10-19", Range(10, 10)),
            ("bytes=90-1000", Range(90, 10)),
            ("bytes=90-", Range(90, 10)),
            ("bytes=-10", Range(90, 10)),
            ("bytes=-1000", Range(0, 100)),
            (" Bytes= 1-2 ", Range(1, 2)),
            (None, None),
            ("", None),
            ("bytes", None),
            ("bytes=", None),
            ("bytes=-", None),
            ("bytes=20-10", None),
            ("bytes=a-b", None),
            ("bytes=+1-2", None),
            ("bytes = 1 - 2", None),
            ("bytes=1-2\n-3", None),
            ("bytes=٣-٤", None),
            ("items=0-1", None),
            ("bytes=0-1,2-3", None),
            ("bytes=0-1,", None),
            ("bytes=" + "9" * 5000 + "-", None),
        ],
    )
    def test_of_100_bytes(self, header: str | None, expected: Range | None) -> None:
        assert parse_range(header, 100) == expected

    @pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=9999999999999999999-"])
    def test_outside_is_refused_with_the_size(self, header: str) -> None:
        with pytest.raises(RangeNotSatisfiable) as refusal:
            parse_range(header, 100)
        assert refusal.value.extra == {"size": 100}

    @pytest.mark.parametrize("header", ["bytes=0-", "bytes=-5", "bytes=3-4"])
    def test_empty_content_is_always_whole(self, header: str) -> None:
        assert parse_range(header, 0) is None

    @pytest.mark.parametrize(
        "header",
        [
            "bytes=" + ",".join(f"{n}-{n}" for n in range(10_000)),
            "bytes=0-" + "," * 1_000_000,
            "bytes" + " " * 1_000_000,
            "bytes=" + "\t" * 1_000_000 + "0-1 x",
            "bytes=" + "1" * 1_000_000,
        ],
    )
    def test_hostile_headers_are_fast(self, header: str) -> None:
        began = time.process_time()
        assert parse_range(header, 100) is None
        assert time.process_time() - began < 5  # quadratic work on a million characters takes hours

    @given(
        st.text()
        | st.from_regex(r"\Abytes=[0-9 ,-]*\Z")
        | st.tuples(st.integers(0, 99), st.integers(0, 99)).map(lambda pair: f"bytes={pair[0]}-{pair[1]}"),
        st.integers(0, 60),
    )
    def test_only_ever_refuses_as_not_satisfiable(self, header: str, size: int) -> None:
        try:
            found = parse_range(header, size)
        except RangeNotSatisfiable:
            return
        assert found is None or (found.start >= 0 and found.length > 0 and found.start + found.length <= size)


class TestMatches:
    @pytest.mark.parametrize("header", [None, "*", " * ", ETAG, f'"x", {ETAG}', f'"x,y" ,,{ETAG}', f'W/"abc",{ETAG}'])
    def test_holds(self, header: str | None) -> None:
        assert matches(header, ETAG)

    @pytest.mark.parametrize("header", ["", "abc", '"abc', '"x"', 'W/"abc"', '"ABC"', "abc*", '"x, abc"', '"*"'])
    def test_fails(self, header: str) -> None:
        assert not matches(header, ETAG)

    def test_a_weak_tag_never_matches(self) -> None:
        assert not matches('W/"abc"', 'W/"abc"')

    def test_hostile_headers_are_fast(self) -> None:
        began = time.process_time()
        for header in ('"' * 500_000, 'W/"' * 300_000, '"a' * 300_000, "W/" * 500_000):
            assert not matches(header, ETAG)
        assert time.process_time() - began < 1


class TestEvaluate:
    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ({}, WHOLE),
            ({"range": "bytes=10-19"}, PART),
            ({"range": "bytes=0-1,5-6"}, WHOLE),
            ({"if-match": ETAG}, WHOLE),
            ({"if-match": "*", "range": "bytes=10-19"}, PART),
            ({"if-match": ETAG, "if-unmodified-since": BEFORE}, WHOLE),
            ({"if-unmodified-since": SAME}, WHOLE),
            ({"if-unmodified-since": AFTER}, WHOLE),
            ({"if-unmodified-since": "yesterday"}, WHOLE),
            ({"if-none-match": ETAG}, NOT_MODIFIED),
            ({"if-none-match": 'W/"abc"'}, NOT_MODIFIED),
            ({"if-none-match": "*"}, NOT_MODIFIED),
            ({"if-none-match": '"x"'}, WHOLE),
            ({"if-none-match": '"x"', "if-modified-since": AFTER}, WHOLE),
            ({"if-none-match": ETAG, "if-modified-since": BEFORE}, NOT_MODIFIED),
            ({"if-none-match": ETAG, "range": "bytes=500-"}, NOT_MODIFIED),
            ({"if-modified-since": SAME}, NOT_MODIFIED),
            ({"if-modified-since": "Sunday, 01-Mar-26 12:00:00 GMT"}, NOT_MODIFIED),
            ({"if-modified-since": "Sun Mar  1 12:00:00 2026"}, NOT_MODIFIED),
            ({"if-modified-since": BEFORE}, WHOLE),
            ({"if-modified-since": ""}, WHOLE),
            ({"if-range": ETAG, "range": "bytes=10-19"}, PART),
            ({"if-range": SAME, "range": "bytes=10-19"}, PART),
            ({"if-range": '"x"', "range": "bytes=10-19"}, WHOLE),
            ({"if-range": 'W/"abc"', "range": "bytes=10-19"}, WHOLE),
            ({"if-range": AFTER, "range": "bytes=10-19"}, WHOLE),
            ({"if-range": "nonsense", "range": "bytes=10-19"}, WHOLE),
            ({"if-range": '"x"', "range": "bytes=500-"}, WHOLE),
            ({"if-range": ETAG}, WHOLE),
        ],
    )
    def test_get(self, headers: dict[str, str], expected: Outcome) -> None:
        assert evaluate("GET", headers, ETAG, MODIFIED, 100) == expected

    @pytest.mark.parametrize(
        "headers",
        [
            {"if-match": '"x"'},
            {"if-match": 'W/"abc"'},
            {"if-unmodified-since": BEFORE},
            {"if-match": '"x"', "if-none-match": ETAG},
        ],
    )
    def test_failed_preconditions(self, headers: dict[str, str]) -> None:
        with pytest.raises(PreconditionFailed):
            evaluate("GET", headers, ETAG, MODIFIED, 100)

    def test_range_outside(self) -> None:
        with pytest.raises(RangeNotSatisfiable):
            evaluate("GET", {"range": "bytes=100-"}, ETAG, MODIFIED, 100)

    def test_head_knows_no_range(self) -> None:
        assert evaluate("HEAD", {"range": "bytes=10-19"}, ETAG, MODIFIED, 100) == WHOLE
        assert evaluate("HEAD", {"if-none-match": ETAG}, ETAG, MODIFIED, 100) == NOT_MODIFIED

    def test_without_a_date_conditions_on_dates_are_ignored(self) -> None:
        for name in ("if-modified-since", "if-unmodified-since"):
            assert evaluate("GET", {name: BEFORE}, ETAG, None, 100) == WHOLE
        assert evaluate("GET", {"if-range": SAME, "range": "bytes=10-19"}, ETAG, None, 100) == WHOLE

    def test_dates_of_other_zones(self) -> None:
        zone = MODIFIED.astimezone(tz=datetime.now().astimezone().tzinfo) + timedelta(0)
        assert evaluate("GET", {"if-modified-since": SAME}, ETAG, zone, 100) == NOT_MODIFIED

    @given(
        st.dictionaries(
            st.sampled_from(
                ["if-match", "if-none-match", "if-range", "range", "if-modified-since", "if-unmodified-since"]
            ),
            st.text()
            | st.sampled_from(
                [SAME, ETAG, "*", "bytes=10-19", "Fri, 31 Dec 9999 23:59:59 -1200", "1 1 1 1:1:1 9", ","]
            ),
        ),
        st.sampled_from(["GET", "HEAD"]),
    )
    def test_never_fails_otherwise(self, headers: dict[str, str], method: str) -> None:
        try:
            outcome = evaluate(method, headers, ETAG, MODIFIED, 100)
        except (PreconditionFailed, RangeNotSatisfiable):
            return
        assert (outcome.content_range is not None) == (outcome.status == 206)


class TestContentHeaders:
    @pytest.mark.parametrize("media_type", ["image/png", "image/jpeg", "IMAGE/GIF", "image/webp", "application/pdf"])
    def test_safe_inline(self, media_type: str) -> None:
        assert safe_inline(media_type)
        assert safe_inline(f"{media_type} ; a=b")

    @pytest.mark.parametrize(
        "media_type",
        [
            "text/html",
            "image/svg+xml",
            "application/xml",
            "text/xml",
            "text/javascript",
            "application/xhtml+xml",
            "",
            "x",
        ],
    )
    def test_never_inline(self, media_type: str) -> None:
        assert not safe_inline(media_type)
        headers = content_headers("a", media_type, bytes(32), inline=True)
        assert headers["Content-Disposition"].startswith("attachment")

    def test_all_of_them(self) -> None:
        assert content_headers("a.txt", "text/plain", bytes(2), inline=True) == {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Disposition": "inline; filename=\"a.txt\"; filename*=UTF-8''a.txt",
            "ETag": '"0000"',
            "Repr-Digest": "sha-256=:AAA=:",
            "Accept-Ranges": "bytes",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "private, no-cache",
        }

    @pytest.mark.parametrize("media_type", ["", "text/html\r\nX: y", "a/b; c=d", "a"])
    def test_a_type_that_is_none_becomes_bytes(self, media_type: str) -> None:
        assert content_headers("a", media_type, bytes(32))["Content-Type"] == "application/octet-stream"

    def test_names_stay_nfc(self) -> None:
        name = unicodedata.normalize("NFC", "Cafe\u0301")
        assert content_disposition(name).endswith("Caf%C3%A9")
