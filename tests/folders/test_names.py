import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier.core.errors import Invalid
from dossier.folders.errors import BadName
from dossier.folders.names import UniquePaths, clean_name, name_key, numbered, portable_name, upload_name

EVERY_ALPHABET = [
    "Report.pdf",
    "Übergrößenträger.docx",
    "Договор № 5.pdf",
    "دليل المستخدم.pdf",
    "מסמך.txt",
    "報告書「最終」.xlsx",
    "한국어 문서.hwp",
    "दस्तावेज़.odt",
    "เอกสาร.pdf",
    "👩‍👩‍👧‍👦 family 🏴󠁧󠁢󠁥󠁮󠁧󠁿.png",
    "می‌خواهم.txt",
    ".gitignore",
    "CON",
    "ends with dots...",
    'a<b>c:"|?*.txt',
    "100%.txt",
]

BAD = {
    "empty": "",
    "blank": " \u3000 ",
    "dot": ".",
    "dots": " .. ",
    "hidden dots": "..\u200b",
    "slash": "../etc/passwd",
    "back slash": "a\\b",
    "nul": "a\0b",
    "newline": "a\nb",
    "newline at the end": "a\n",
    "escape": "a\x1b[31m",
    "delete": "a\x7f",
    "c1": "a\x85b",
    "line separator": "a\u2028b",
    "surrogate": "a\ud83d",
    "surrogate pair": "\ud83d\ude00",
    "no XML character": "a\uffff",
    "300 characters": "x" * 300,
    "256 bytes": "é" * 128,
    "a megabyte": "x" * 1_000_000,
    "right-to-left override": "report\u202efdp.exe",
    "isolate": "a\u2066b\u2069",
    "right-to-left mark": "a\u200f",
    "arabic letter mark": "a\u061cb",
    "zero width": "\u200b\u200d",
    "hangul filler": "\u3164",
    "tags": "\U000e0067\U000e007f",
    "variation selectors": "\ufe0f",
    "braille blank": "\u2800",
    "soft hyphen": "\u00ad",
}

clean = st.text(min_size=1, max_size=60).map(lambda raw: _clean_or_none(raw)).filter(bool).map(str)


def _clean_or_none(raw: str) -> str | None:
    try:
        return clean_name(raw)
    except BadName:
        return None


class TestCleanName:
    @pytest.mark.parametrize("name", EVERY_ALPHABET)
    def test_every_alphabet_stays(self, name: str) -> None:
        assert clean_name(name) == unicodedata.normalize("NFC", name)

    def test_becomes_nfc_without_surrounding_white_space(self) -> None:
        assert clean_name("\u00a0 Cafe\u0301.txt \u3000") == "Café.txt"

    @pytest.mark.parametrize("raw", BAD.values(), ids=BAD.keys())
    def test_refuses_with_a_reason(self, raw: str) -> None:
        with pytest.raises(BadName) as refusal:
            clean_name(raw)
        assert isinstance(refusal.value, Invalid)
        assert refusal.value.code == "bad_name"
        assert refusal.value.fields == {"name": refusal.value.detail}

    def test_255_bytes_fit(self) -> None:
        assert clean_name("x" * 255) == "x" * 255
        assert clean_name("é" * 127 + "x") == "é" * 127 + "x"
        assert clean_name("e\u0301" * 127) == "é" * 127

    @given(st.text(max_size=400) | st.text(st.characters(codec=None, categories=("Cs", "Cc", "Cf", "Zs", "Po"))))
    def test_answers_or_refuses_and_is_stable(self, raw: str) -> None:
        name = _clean_or_none(raw)
        if name is not None:
            assert clean_name(name) == name
            assert 0 < len(name.encode()) <= 255
            assert 0 < len(name_key(name)) <= 1024


class TestUploadName:
    def test_takes_off_the_fake_path_of_browsers(self) -> None:
        assert upload_name("C:\\fakepath\\x.pdf") == "x.pdf"
        assert upload_name("c:\\FakePath\\x.pdf") == "x.pdf"

    @pytest.mark.parametrize("raw", ["a/x.pdf", "C:\\Users\\me\\x.pdf", "C:\\fakepath\\a\\x.pdf", "C:\\fakepath\\"])
    def test_refuses_any_other_path(self, raw: str) -> None:
        with pytest.raises(BadName):
            upload_name(raw)


class TestNameKey:
    @pytest.mark.parametrize(
        ("left", "right"),
        [("Report.PDF", "report.pdf"), ("Straße", "STRASSE"), ("ΣΊΣΥΦΟΣ", "σίσυφοσ"), ("Café", "CAFE\u0301")],
    )
    def test_ignores_case_and_composition(self, left: str, right: str) -> None:
        assert name_key(left) == name_key(right)

    def test_keeps_different_names_apart(self) -> None:
        assert len({name_key(name) for name in EVERY_ALPHABET}) == len(EVERY_ALPHABET)

    def test_no_code_point_makes_a_key_too_long(self) -> None:
        def growth(char: str) -> float:
            name = unicodedata.normalize("NFC", char)
            return len(name_key(name)) / len(name.encode())

        code_points = (chr(n) for n in range(1, sys.maxunicode + 1) if not 0xD800 <= n < 0xE000)
        assert max(map(growth, code_points)) * 255 <= 1024

    @pytest.mark.parametrize("raw", ["x" * 1025, "\u0390" * 5000, "\udc80"])
    def test_refuses_what_is_no_name(self, raw: str) -> None:
        with pytest.raises(BadName):
            name_key(raw)


class TestNumbered:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("Report.pdf", "Report (2).pdf"),
            ("backup.tar.gz", "backup (2).tar.gz"),
            ("README", "README (2)"),
            (".gitignore", ".gitignore (2)"),
            ("v1. Final draft", "v1. Final draft (2)"),
            ("Minutes 12.2024", "Minutes 12.2024 (2)"),
            ("song.mp3", "song (2).mp3"),
            ("données.été", "données (2).été"),
            (".tar.gz", ".tar (2).gz"),
        ],
    )
    def test_goes_before_the_extension(self, name: str, expected: str) -> None:
        assert numbered(name, 2) == expected

    def test_goes_at_the_end_of_a_folder(self) -> None:
        assert numbered("site.example", 3, extension=False) == "site.example (3)"

    def test_cuts_the_stem_between_characters(self) -> None:
        name = numbered("é" * 125 + ".docx", 12)
        assert name == "é" * 122 + " (12).docx"
        assert len(name.encode()) == 254

    @given(clean, st.integers(2, 10**6), st.booleans())
    def test_is_a_clean_name(self, name: str, n: int, extension: bool) -> None:
        result = numbered(name * 5, n, extension)
        assert clean_name(result) == result
        assert f"({n})" in result


class TestPortableName:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("Report.pdf", "Report.pdf"),
            ("報告.pdf", "報告.pdf"),
            ('a<b>c:"|?*.txt', "a_b_c_____.txt"),
            ("ends...", "ends___"),
            ("CON", "_CON"),
            ("nul.tar.gz", "_nul.tar.gz"),
            ("com¹.txt", "_com¹.txt"),
            ("console.log", "console.log"),
            ("aux .txt", "_aux .txt"),
            ("..", "__"),
            ("", "_"),
            ("a\0/\\\n\ud800b", "a_____b"),
        ],
    )
    def test_maps_what_windows_refuses(self, name: str, expected: str) -> None:
        assert portable_name(name) == expected

    @given(st.text(st.characters(codec=None), max_size=300))
    def test_takes_anything_and_is_stable(self, name: str) -> None:
        result = portable_name(name)
        assert portable_name(result) == result
        assert 0 < len(result.encode()) <= 255

    def test_a_reserved_name_of_full_length_still_fits(self) -> None:
        assert len(portable_name("nul." + "x" * 251)) == 255


class TestUniquePaths:
    def test_numbers_what_is_taken(self) -> None:
        paths = UniquePaths()
        assert [paths.claim(path) for path in ("a/b.pdf", "a/b.pdf", "A/B.PDF", "a/c.pdf")] == [
            "a/b.pdf",
            "a/b (2).pdf",
            "a/B (3).PDF",
            "a/c.pdf",
        ]

    def test_passes_over_numbers_that_are_taken(self) -> None:
        paths = UniquePaths()
        assert [paths.claim(path) for path in ("b (2).pdf", "b.pdf", "b.pdf")] == ["b (2).pdf", "b.pdf", "b (3).pdf"]

    def test_keeps_files_and_folders_apart(self) -> None:
        paths = UniquePaths()
        assert paths.claim("x/") == "x/"
        assert paths.claim("x") == "x (2)"
        assert paths.claim("x/") == "x (3)/"
        assert paths.claim("x (3)/y.txt") == "x (3)/y.txt"

    def test_a_parent_never_takes_the_path_of_a_file(self) -> None:
        paths = UniquePaths()
        assert paths.claim("a") == "a"
        assert paths.claim("a/b/c.txt") == "a (2)/b/c.txt"
        assert paths.claim("a/b/d.txt") == "a (2)/b/d.txt"

    def test_many_equal_names_take_linear_time(self) -> None:
        paths = UniquePaths()
        assert len({paths.claim("folder/same.pdf") for _ in range(20_000)}) == 20_000

    @given(
        st.lists(st.sampled_from(["a", "A", "a/", "a/b", "a/B/", "a (2)", "a (2)/", "a/b/c", "b.x", "B.x", "ß", "SS"]))
    )
    def test_no_two_are_equal_whatever_is_claimed(self, wanted: list[str]) -> None:
        paths = UniquePaths()
        given_paths = [paths.claim(path) for path in wanted]
        keys = [name_key(path.rstrip("/")) for path in given_paths]
        assert len(set(keys)) == len(keys)
        files = {key for key, path in zip(keys, given_paths, strict=True) if not path.endswith("/")}
        parents = {name_key(path.rstrip("/").rpartition("/")[0]) for path in given_paths}
        assert not files & parents
