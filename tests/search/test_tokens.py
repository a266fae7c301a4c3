import importlib
import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier.search import tokens

pysqlite3 = importlib.import_module("pysqlite3")  # it has no types
MINE, THEIRS = UUID(int=1), UUID(int=2)


class Index:
    """The FTS5 table as search will have it."""

    def __init__(self) -> None:
        self._db = pysqlite3.connect(":memory:")
        self._db.execute("""CREATE VIRTUAL TABLE t USING fts5(text, tokenize="unicode61 remove_diacritics 0")""")
        self._db.execute("CREATE VIRTUAL TABLE terms USING fts5vocab(t, 'row')")

    def add(self, row: int, workspace_id: UUID, *texts: str) -> None:
        string = tokens.index_string(workspace_id, *texts)
        self._db.execute("INSERT INTO t(rowid, text) VALUES (?, ?)", (row, string))

    def find(self, workspace_id: UUID, q: str) -> list[int]:
        match = tokens.fts5_query(tokens.query_terms(workspace_id, q))
        rows = self._db.execute("SELECT rowid FROM t WHERE t MATCH ? ORDER BY rowid", (match,)) if match else ()
        return [row for (row,) in rows]

    def terms(self) -> set[str]:
        return {term for (term,) in self._db.execute("SELECT term FROM terms")}


@pytest.fixture
def index() -> Index:
    return Index()


class TestWorkspaceKey:
    def test_is_six_characters_of_base32(self) -> None:
        assert re.fullmatch("[a-z2-7]{6}", tokens.workspace_key(MINE))

    def test_is_the_same_for_ever(self) -> None:
        assert tokens.workspace_key(MINE) == "pq6m2e"

    def test_differs_between_workspaces(self) -> None:
        assert len({tokens.workspace_key(UUID(int=number)) for number in range(1000)}) == 1000


class TestWords:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("Straße ÜBER Größe", ["strasse", "uber", "grosse"]),
            ("İstanbul ISPARTA ısparta", ["istanbul", "isparta", "isparta"]),
            ("ΣΟΦΟΣ Σοφός", ["σοφοσ", "σοφοσ"]),
            ("Łódź smørrebrød æther", ["lodz", "smorrebrod", "aether"]),
            ("мой ёлка Й", ["мой", "елка", "й"]),
            ("e\u0301te\u0301 été", ["ete", "ete"]),
            ("东京都", ["东京", "京都"]),
            ("水", ["水"]),
            ("が食べる", ["が食", "食べ", "べる"]),
            ("ｶﾞ・カ", ["ガ", "カ"]),
            ("한국어 문서", ["한국", "국어", "문서"]),
            ("2026年11月", ["2026", "年", "11", "月"]),
            ("iPhone手机A", ["iphone", "手机", "a"]),
            ("ไทย", ["ไท", "ทย"]),
            ("فَتْحَة آب", ["فتحة", "اب"]),
            ("👍 ❤️ 1️⃣", ["1"]),
            ("2026-11 v1.2.3", ["2026", "11", "v1", "2", "3"]),
            ("jane.doe_x@example.com", ["jane", "doe", "x", "example", "com"]),
            ("Doku\u00adment mi\u200cp", ["dokument", "mip"]),
            ("ﬁn x² ①", ["fin", "x2", "1"]),
            ("a" * 300, ["a" * 40]),
            (" \n\t.,;", []),
            ("", []),
        ],
    )
    def test_folds_and_splits(self, text: str, expected: list[str]) -> None:
        assert list(tokens.words(text)) == expected

    def test_vowel_signs_keep_words_apart(self) -> None:
        [dil], [dal] = list(tokens.words("दिल")), list(tokens.words("दल"))
        assert dil != dal and len(dil) == 3

    @given(st.text())
    def test_gives_letters_and_digits_only(self, text: str) -> None:
        assert all(word.isalnum() and 0 < len(word) <= 40 for word in tokens.words(text))


class TestIndexString:
    def test_prefixes_and_keeps_first_appearances(self) -> None:
        key = tokens.workspace_key(MINE)
        assert tokens.index_string(MINE, "b a", "B c") == f"{key}b {key}a {key}c"

    def test_ends_at_the_limit_of_distinct_tokens(self) -> None:
        assert len(tokens.index_string(MINE, "a a b b c c d", limit=3).split()) == 3

    def test_adds_the_last_character_of_a_run(self) -> None:
        key = tokens.workspace_key(MINE)
        assert tokens.index_string(MINE, "東京") == f"{key}東京 {key}京"

    def test_of_nothing_is_empty(self) -> None:
        assert tokens.index_string(MINE, "", "…") == ""


class TestQueryTerms:
    def test_the_last_word_is_a_beginning(self) -> None:
        key = tokens.workspace_key(MINE)
        assert tokens.query_terms(MINE, "annual rep") == [(f"{key}annual", False), (f"{key}rep", True)]

    def test_a_space_ends_the_last_word(self) -> None:
        assert tokens.query_terms(MINE, "rep ") == [(tokens.workspace_key(MINE) + "rep", False)]

    def test_a_whole_word_beats_its_beginning(self) -> None:
        assert [prefix for _, prefix in tokens.query_terms(MINE, "rep rep")] == [False]

    def test_a_single_unspaced_character_is_a_beginning(self) -> None:
        assert [prefix for _, prefix in tokens.query_terms(MINE, "水 a ")] == [True, False]

    def test_gives_at_most_sixteen(self) -> None:
        terms = tokens.query_terms(MINE, " ".join(f"w{number}" for number in range(20)))
        assert len(terms) == 16 and not any(prefix for _, prefix in terms)

    def test_of_nothing_is_nothing(self) -> None:
        assert tokens.query_terms(MINE, "👍 …") == []


class TestQueries:
    TERMS = (("aone", False), ("atwo", True))

    def test_fts5(self) -> None:
        assert tokens.fts5_query(self.TERMS) == '"aone" AND "atwo" *'

    def test_mysql(self) -> None:
        assert tokens.mysql_query(self.TERMS) == "+aone +atwo*"

    def test_empty(self) -> None:
        assert tokens.fts5_query([]) == tokens.mysql_query([]) == ""


class TestOnFts5:
    @pytest.mark.parametrize(
        ("text", "q"),
        [
            ("Die Größe der Straße", "grosse STRASSE"),
            ("Die Grosse der Strasse", "größe straße"),
            ("İstanbul", "istanbul"),
            ("istanbul", "İSTANBUL"),
            ("ΣΟΦΌΣ", "σοφος"),
            ("σοφός", "ΣΟΦ"),
            ("我在东京都工作", "东京"),
            ("我在东京都工作", "作"),
            ("我在东京都工作", "东京都工"),
            ("ภาษาไทยที่ดี", "ไทย"),
            ("ภาษาไทยที่ดี", "ที่"),
            ("हिन्दी में", "हिन्दी"),
            ("Report 👍 done", "report done"),
            ("2026-11", "2026-11"),
            ("2026-11", "2026"),
            ("release v1.2.3", "v1.2"),
            ("mail jane.doe@example.com now", "jane.doe@example.com"),
            ("mail jane.doe@example.com now", "doe@exam"),
            ("x" * 300, "x" * 300),
            ("and or not near", "and or not near "),
            ('say "hi" AND (x OR y)*', '"hi" AND (x* OR ^y)'),
        ],
    )
    def test_finds(self, index: Index, text: str, q: str) -> None:
        index.add(1, MINE, text)
        index.add(2, THEIRS, text)
        assert index.find(MINE, q) == [1]
        assert index.find(THEIRS, q) == [2]

    @pytest.mark.parametrize(
        ("text", "q"),
        [
            ("annual report", "rep "),
            ("मोदी", "मदन "),
            ("东京 北都", "东京都"),
            ("мои", "мой "),
            ("one", "one two"),
            ("x", "…"),
        ],
    )
    def test_does_not_find(self, index: Index, text: str, q: str) -> None:
        index.add(1, MINE, text)
        assert index.find(MINE, q) == []

    def test_another_workspace_sees_nothing(self, index: Index) -> None:
        index.add(1, THEIRS, "secret plan 东京 ไทย", tokens.workspace_key(MINE) + "secret")
        for q in (
            "secret",
            "s",
            "plan",
            "东",
            "ไทย",
            tokens.workspace_key(THEIRS),
            tokens.workspace_key(THEIRS) + "plan",
        ):
            assert index.find(MINE, q) == []

    @given(st.text(max_size=60))
    def test_every_text_finds_itself(self, text: str) -> None:
        index = Index()
        index.add(1, MINE, text)
        index.add(2, THEIRS, text)
        assert index.find(MINE, text) == ([1] if tokens.query_terms(MINE, text) else [])

    def test_each_token_stays_whole(self, index: Index) -> None:
        # Up to the CJK blocks; without New Tai Lue and Vedic signs, which were no letters yet in Unicode 6.1.
        codes = [code for code in range(0x20, 0x3000) if code not in range(0x1980, 0x1D00)]
        text = " ".join(f"q{chr(code)}q {chr(code)}" for code in codes)
        index.add(1, MINE, text)
        assert index.terms() == set(tokens.index_string(MINE, text).split())
