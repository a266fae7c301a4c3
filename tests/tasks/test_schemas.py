"""What may come in and what may not."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from dossier.tasks import schemas
from dossier.tasks.schemas import CarryOver, NewComment, NewTask, TaskChange
from tests.tasks.make import PAGE_4, QUOTE


def fields(shape: type[BaseModel], wire: Any) -> list[str]:
    """Where a shape finds fault."""
    with pytest.raises(ValidationError) as caught:
        shape.model_validate(wire)
    return sorted({".".join(map(str, fault["loc"])) for fault in caught.value.errors()})


class TestNewTask:
    def test_only_the_title_is_needed(self) -> None:
        new = NewTask(title="  Check clause 7 ")
        assert new.title == "Check clause 7"
        assert (new.details, new.priority, new.version, new.target) == ("", "normal", None, None)

    @pytest.mark.parametrize("title", ["Prüfen", "確認 ✅", "x" * 500, "<b>not</b> markup", "tab-free"])
    def test_every_alphabet(self, title: str) -> None:
        assert NewTask(title=title).title == title

    @pytest.mark.parametrize(
        "title", ["", "   ", "\u3000", "x" * 501, "a\nb", "a\0b", "a\u2028b", "a\x85", "\ud83d", None, 7, ["x"]]
    )
    def test_bad_titles(self, title: Any) -> None:
        assert fields(NewTask, {"title": title}) == ["title"]

    def test_details_keep_their_lines(self) -> None:
        text = "# One\n\n\t- two\r\n"
        assert NewTask(title="x", details=text).details == text

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("details", "x" * 10_001),
            ("details", "a\0b"),
            ("details", None),
            ("priority", "urgent"),
            ("assignee_id", "me"),
            ("version", 0),
            ("version", -1),
            ("version", "3"),
            ("version", True),
            ("version", 2**31),
            ("status", "done"),
            ("created_by", "somebody"),
        ],
    )
    def test_bad_fields(self, name: str, value: Any) -> None:
        assert fields(NewTask, {"title": "x", name: value}) == [name]

    def test_due_at_is_a_moment_in_utc(self) -> None:
        new = NewTask.model_validate({"title": "x", "due_at": "2026-12-01T18:00:00+02:00"})
        assert new.due_at == datetime(2026, 12, 1, 16, tzinfo=UTC)
        assert new.due_at.tzinfo is UTC

    @pytest.mark.parametrize(
        "due_at",
        [
            "2026-12-01",
            "2026-12-01T16:00:00",
            "2026-12-01 16:00:00Z",
            "2026-13-01T16:00:00Z",
            "1700000000",
            1700000000,
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59-12:00",
            "1969-12-31T23:59:59Z",
            "tomorrow",
            True,
        ],
    )
    def test_bad_due_dates(self, due_at: Any) -> None:
        assert fields(NewTask, {"title": "x", "due_at": due_at}) == ["due_at"]


class TestTarget:
    @pytest.mark.parametrize(
        "target",
        [
            PAGE_4,
            PAGE_4 | {"value": "page=1"},
            PAGE_4 | {"value": "page=12", "refinedBy": QUOTE},
            QUOTE,
            {"type": "TextQuoteSelector", "exact": "twelve\nmonths"},
        ],
    )
    def test_pages_rectangles_and_quotes(self, target: dict[str, Any]) -> None:
        assert NewTask.model_validate({"title": "x", "target": target}).target is not None

    @pytest.mark.parametrize(
        ("target", "where"),
        [
            ("page=4", "target"),
            ({}, "target"),
            ({"type": "SvgSelector", "value": "<svg onload=alert(1)>"}, "target"),
            ({"type": "FragmentSelector", "value": "page=4"}, "target.FragmentSelector.conformsTo"),
            (PAGE_4 | {"conformsTo": "http://www.w3.org/TR/media-frags/"}, "target.FragmentSelector.conformsTo"),
            (PAGE_4 | {"value": "page=0"}, "target.FragmentSelector.value"),
            (PAGE_4 | {"value": "page=4&viewrect=1,2,3"}, "target.FragmentSelector.value"),
            (PAGE_4 | {"value": "page=4&viewrect=-1,2,3,4"}, "target.FragmentSelector.value"),
            (PAGE_4 | {"value": "page=٤"}, "target.FragmentSelector.value"),
            (PAGE_4 | {"value": "page=4\n"}, "target.FragmentSelector.value"),
            (PAGE_4 | {"value": "page=" + "4" * 200}, "target.FragmentSelector.value"),
            (PAGE_4 | {"more": 1}, "target.FragmentSelector.more"),
            (PAGE_4 | {"refinedBy": PAGE_4}, "target.FragmentSelector.refinedBy.type"),
            (QUOTE | {"exact": ""}, "target.TextQuoteSelector.exact"),
            (QUOTE | {"exact": "x" * 2001}, "target.TextQuoteSelector.exact"),
            (QUOTE | {"prefix": "x" * 201}, "target.TextQuoteSelector.prefix"),
            (QUOTE | {"suffix": "x" * 201}, "target.TextQuoteSelector.suffix"),
            (QUOTE | {"suffix": "\0"}, "target.TextQuoteSelector.suffix"),
            (QUOTE | {"refinedBy": {"page": 4}}, "target.TextQuoteSelector.refinedBy"),
        ],
    )
    def test_anything_else(self, target: Any, where: str) -> None:
        assert where in fields(NewTask, {"title": "x", "target": target})
        assert where in fields(TaskChange, {"target": target})


class TestOtherShapes:
    def test_a_change_may_be_empty(self) -> None:
        assert TaskChange().model_fields_set == set()

    @pytest.mark.parametrize("wire", [{"status": "closed"}, {"title": " "}, {"version": 0}, {"comment_count": 3}])
    def test_bad_changes(self, wire: dict[str, Any]) -> None:
        assert fields(TaskChange, wire) == list(wire)

    @pytest.mark.parametrize("body", ["", " \n ", "x" * 10_001, "a\0b", None])
    def test_bad_comments(self, body: Any) -> None:
        assert fields(NewComment, {"body": body}) == ["body"]

    @pytest.mark.parametrize("ids", [[], ["x"], ["0198c0de-6666-7000-8000-000000000001"] * 501, "all"])
    def test_bad_lists(self, ids: Any) -> None:
        assert fields(CarryOver, {"task_ids": ids})[0].startswith("task_ids")

    @pytest.mark.parametrize(
        "name", ["Task", "TaskPage", "TaskList", "Comment", "CommentPage", "HistoryPage", "NewTask"]
    )
    def test_examples_fit_their_shape(self, name: str) -> None:
        shape = getattr(schemas, name)
        for example in shape.model_config["json_schema_extra"]["examples"]:
            shape.model_validate(example)
