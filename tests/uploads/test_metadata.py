"""Upload-Metadata: what it may say, and what is refused."""

from uuid import UUID

import pytest

from dossier import folders
from dossier.core.errors import Invalid
from dossier.uploads import metadata
from dossier.uploads.errors import BadMetadata
from tests.uploads.sender import metadata as encoded

ID = "0198c0de-1111-7000-8000-000000000001"


class TestRead:
    @pytest.mark.parametrize("header", [None, "", " ", "filename", "filename ", "note eA==,filename"])
    def test_nothing_said(self, header: str | None) -> None:
        told = metadata.read(header)
        assert (told.filename, told.folder_id, told.on_conflict, told.path) == ("", None, "error", "")

    def test_all_said(self) -> None:
        told = metadata.read(
            encoded(
                filename="Übersicht 表.pdf",
                filetype="application/pdf",
                folder_id=ID,
                comment="erste Fassung",
                on_conflict="rename",
                path="2026/März",
            )
        )
        assert (told.filename, told.comment, told.path) == ("Übersicht 表.pdf", "erste Fassung", "2026/März")
        assert (told.folder_id, told.on_conflict) == (UUID(ID), "rename")

    def test_spaces_around_pairs(self) -> None:
        assert metadata.read(" filename YQ== , comment Yg==").comment == "b"

    def test_foreign_keys_may_hold_any_bytes(self) -> None:
        assert metadata.read("thumbnail /////w==,filename YQ==").filename == "a"

    @pytest.mark.parametrize(
        ("header", "field"),
        [
            ("filename YQ=", "filename"),
            ("filename Y Q==", "filename"),
            ("filename é", "filename"),
            ("filename /////w==", "filename"),
            ("filename YQ==,filename YQ==", "filename"),
            (",", "Upload-Metadata"),
            ("filename YQ==,", "Upload-Metadata"),
            ("naïve YQ==", "Upload-Metadata"),
            ("x" * 40_000, "Upload-Metadata"),
        ],
    )
    def test_not_tus(self, header: str, field: str) -> None:
        with pytest.raises(BadMetadata) as refusal:
            metadata.read(header)
        assert list(refusal.value.fields or {}) == [field]

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("folder_id", "root"),
            ("document_id", "7"),
            ("on_conflict", "overwrite"),
            ("comment", "x" * 2001),
            ("filename", "x" * 4097),
            ("if_match", "x" * 199),
        ],
    )
    def test_wrong_values(self, key: str, value: str) -> None:
        with pytest.raises(Invalid) as refusal:
            metadata.read(encoded(**{key: value}))
        assert list(refusal.value.fields or {}) == [key]


class TestNamesOf:
    @pytest.mark.parametrize(("path", "names"), [("", []), ("a", ["a"]), (" a /b c", ["a", "b c"])])
    def test_names(self, path: str, names: list[str]) -> None:
        assert metadata.names_of(path) == names

    @pytest.mark.parametrize(
        "path", ["/a", "a/", "a//b", "..", "a/../b", "a\\b", "a\0b", "/".join("a" * 65), "x" * 300]
    )
    def test_refused(self, path: str) -> None:
        with pytest.raises(folders.BadName) as refusal:
            metadata.names_of(path)
        assert list(refusal.value.fields or {}) == ["path"]
