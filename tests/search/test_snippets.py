"""Snippets: the place that was hit, marked as it is written, and never more work than bounded."""

import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier.search import tokens
from dossier.search.snippets import LOOKED_AT, PIECE, WIDTH, snippet
from tests.documents.test_documents import add

if TYPE_CHECKING:
    from tests.conftest import World


def cut(q: str, *sources: str) -> list[tuple[str, bool]]:
    """The snippet for a query."""
    return snippet(tokens.query_words(q), *sources)


def marked(q: str, *sources: str) -> list[str]:
    """What is marked in it."""
    return [text for text, is_hit in cut(q, *sources) if is_hit]


class TestMarks:
    @pytest.mark.parametrize(
        ("q", "text", "expected"),
        [
            ("strasse ", "Die Hauptstraße, STRASSE und Straße.", ["STRASSE", "Straße"]),
            ("grosse ", "Größe und Grösse, Groß", ["Größe", "Grösse"]),
            ("wohn", "Wohnung, Mietwohnung, wohnt", ["Wohnung", "wohnt"]),
            ("wohn ", "Wohnung, wohn", ["wohn"]),
            ("cafe ", "cafe\u0301 CAFÉ Café cafeteria", ["cafe\u0301", "CAFÉ", "Café"]),
            ("istanbul ", "İSTANBUL", ["İSTANBUL"]),
            ("fi ", "ﬁ fi ﬁsch", ["ﬁ", "fi"]),
            ("aether ", "æther", ["æther"]),
            ("soft ", "so\u00adft", ["so\u00adft"]),
            ("東京 ", "これは東京都です", ["東京"]),
            ("東京都 ", "これは東京都です", ["東京都"]),
            ("都", "東京都です", ["都"]),
            ("한국 ", "\u1112\u1161\u11ab\u1100\u116e\u11a8 말", ["\u1112\u1161\u11ab\u1100\u116e\u11a8"]),
            ("नमस्ते ", "यह नमस्ते है", ["नमस्ते"]),
            ("й ", "й и", ["й"]),
            ("two words ", "words then two", ["words", "two"]),
            ("a", "b c", []),
        ],
    )
    def test_as_the_index_finds_and_as_it_is_written(self, q: str, text: str, expected: list[str]) -> None:
        assert marked(q, text) == expected

    def test_the_parts_are_the_text(self) -> None:
        text = "One straße, two\n  Straßen; and straße"
        assert cut("straße ", text) == [
            ("One ", False),
            ("straße", True),
            (", two Straßen; and ", False),
            ("straße", True),
        ]

    @given(st.text(max_size=300), st.text(max_size=20))
    def test_any_text(self, text: str, q: str) -> None:
        parts = cut(q, text)
        plain = " ".join(text.split())
        shown = " ".join("".join(part for part, _ in parts).split())
        assert shown.strip("… ") in plain or not shown.strip("… ")
        words = {word for word, _ in tokens.query_words(q)}
        if parts and words:
            for part, is_hit in parts:
                assert not is_hit or any(word in " ".join(tokens.words(part)) for word in words) or len(part) > 40

    @given(st.lists(st.sampled_from(["Straße", "cafe\u0301", "東京都", "x", "नमस्ते", "ﬁ", "\n", "İ"]), max_size=40))
    def test_whatever_the_index_has_is_marked(self, words: list[str]) -> None:
        text = " ".join(words)
        for word in {word for word in words if word.strip()}:
            assert marked(f"{word} ", text), word


class TestPlace:
    def test_around_the_hit_with_marks_of_omission(self) -> None:
        parts = cut("needle ", "straw " * 900 + "needle " + "hay " * 900)
        assert [text for text, is_hit in parts if is_hit] == ["needle"]
        assert (parts[0][0][:2], parts[-1][0][-2:]) == ("… ", " …")
        assert sum(len(text) for text, _ in parts) <= WIDTH + 8

    def test_where_most_words_are(self) -> None:
        text = "lease " + "x " * 500 + "term " + "x " * 1500 + "the lease has a term " + "y " * 500
        assert marked("lease term ", text) == ["lease", "term"]

    def test_no_word_is_cut(self) -> None:
        parts = cut("needle ", "straw " * 900 + "needle " + "hay " * 900)
        words = "".join(text for text, _ in parts).strip("… ").split()
        assert set(words) == {"straw", "needle", "hay"}

    def test_at_the_border_of_two_pieces(self) -> None:
        for shift in range(12):
            assert marked("needle ", "x" * (PIECE - 10 + shift) + " needle and more") == ["needle"], shift

    def test_without_a_hit_how_it_begins(self) -> None:
        assert cut("nowhere ", "\n It begins  so", "about it") == [("It begins so", False)]
        assert cut("nowhere ", "", "about it") == [("about it", False)]
        assert cut("nowhere ", "", " ") == []
        assert cut("", "It begins so") == [("It begins so", False)]

    def test_the_next_source_where_the_first_has_none(self) -> None:
        assert cut("lease ", "It begins so", "A lease") == [("A ", False), ("lease", True)]


class TestWork:
    @pytest.mark.parametrize("text", ["straße übel ", "東京都", "x", "needl ", "é", "a\u0301"])
    def test_is_bounded(self, text: str) -> None:
        text *= LOOKED_AT // len(text)
        started = time.process_time()
        for q in ("needle straße ", "東京大", "n", "übel fehlt", "x" * 500):
            cut(q, text)
        assert time.process_time() - started < 3


class TestSearchDocuments:
    async def found(self, world: "World", q: str, **query: Any) -> list[Any]:
        answer = await world.viewer.client.get("/api/v1/search/documents", params={"q": q, **query})
        assert answer.status_code == 200, answer.text
        items: list[Any] = answer.json()["items"]
        return items

    async def test_from_the_text_of_the_head(self, world: "World") -> None:
        document = await add(world.editor.client, "Mietvertrag.txt", "Größe der Wohnung: 80 m²".encode())
        await world.work()
        (hit,) = await self.found(world, "grosse")
        assert hit["document"]["name"] == "Mietvertrag.txt"
        assert hit["snippet"] == [["Größe", True], [" der Wohnung: 80 m²", False]]
        (hit,) = await self.found(world, "mietvertrag")
        assert hit["snippet"] == [["Größe der Wohnung: 80 m²", False]]
        path = f"/api/v1/documents/{document['id']}"
        await world.editor.client.post(f"{path}/versions", content="Größer: 90 m²".encode())
        await world.editor.client.patch(path, json={"description": "Die große Wohnung", "tags": ["lease"]})
        await world.work()
        assert [hit["snippet"][0] for hit in await self.found(world, "grosser")] == [["Größer", True]]
        assert [hit["snippet"][1] for hit in await self.found(world, "wohnung", tag="Lease")] == [["Wohnung", True]]
        for query in ({"tag": "none"}, {"type": "image/"}):
            assert await self.found(world, "wohnung", **query) == []

    async def test_pages(self, world: "World") -> None:
        for n in range(5):
            await add(world.editor.client, f"report {n}.txt", b"same text")
        await world.work()
        seen, query = list[str](), dict[str, Any](limit=2, q="same")
        while True:
            page = (await world.viewer.client.get("/api/v1/search/documents", params=query)).json()
            seen += [hit["document"]["name"] for hit in page["items"]]
            assert all(hit["snippet"] == [["same", True], [" text", False]] for hit in page["items"])
            if page["next"] is None:
                break
            query["after"] = page["next"]
        assert sorted(seen) == [f"report {n}.txt" for n in range(5)]

    @pytest.mark.parametrize("query", [{}, {"q": "a", "limit": 51}, {"q": "a" * 501}, {"q": "a", "after": "x"}])
    async def test_bad(self, world: "World", query: dict[str, Any]) -> None:
        await add(world.editor.client, "a.txt", b"a")
        await world.work()
        answer = await world.viewer.client.get("/api/v1/search/documents", params=query)
        assert answer.status_code == 422

    async def test_another_workspace_with_the_same_text(self, world: "World") -> None:
        await add(world.editor.client, "a.txt", b"apples")
        await world.work()
        answer = await world.stranger.client.get("/api/v1/search/documents", params={"q": "apples"})
        assert answer.json() == {"items": [], "next": None}
