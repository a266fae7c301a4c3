"""Streaming of multipart/form-data (RFC 7578): fields first, then files, never a whole file in memory.

FastAPI's ``UploadFile`` reads the whole body before any dependency runs; this reads as it comes.
"""

from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from streaming_form_data import ParseFailedException, StreamingFormDataParser
from streaming_form_data.targets import BaseTarget

from dossier.core.errors import BadRequest, Invalid

MOST_FIELD_BYTES = 64 * 1024


class BadForm(BadRequest):
    """The form is torn, or not a form."""

    code = "bad_form"
    title = "The form cannot be read"


class FieldsAfterFile(Invalid):
    """A field came after a file, which would have been stored before the field was known."""

    code = "fields_after_file"
    title = "Form fields must come before the file"


class FileMissing(Invalid):
    """The form has no part named ``file``."""

    code = "file_missing"
    title = "The form holds no file"


class _Field(BaseTarget):  # type: ignore[misc]  # the library has no types
    def __init__(self, form: "Form", name: str) -> None:
        super().__init__()
        self.form, self.name, self.value = form, name, b""

    def on_start(self) -> None:
        self.form.after_file = self.form.after_file or self.form.seen_file
        self.value = b""

    def on_data_received(self, chunk: bytes) -> None:
        self.value += chunk
        if len(self.value) > MOST_FIELD_BYTES:
            raise Invalid(fields={self.name: f"At most {MOST_FIELD_BYTES} bytes."})

    def on_finish(self) -> None:
        try:
            self.form.fields[self.name] = self.value.decode()
        except UnicodeDecodeError as error:
            raise Invalid(fields={self.name: "Not UTF-8."}) from error


class _File(BaseTarget):  # type: ignore[misc]  # the library has no types
    def __init__(self, form: "Form") -> None:
        super().__init__()
        self.form = form

    def on_start(self) -> None:
        self.form.seen_file = True
        self.form.pending.append(("start", self.multipart_filename or ""))

    def on_data_received(self, chunk: bytes) -> None:
        self.form.pending.append(("data", chunk))

    def on_finish(self) -> None:
        self.form.pending.append(("end", None))


@dataclass(frozen=True, slots=True)
class FilePart:
    """One file of a form: the name that it came with (not judged yet) and its bytes as they come."""

    file_name: str
    chunks: AsyncIterator[bytes]


@dataclass
class Form:
    """A form under way. ``open`` reads up to the first file; then ``fields`` is complete and ``files`` yields."""

    source: AsyncIterator[bytes]
    fields: dict[str, str] = field(default_factory=dict)
    pending: deque[tuple[str, Any]] = field(default_factory=deque)
    seen_file: bool = False
    after_file: bool = False
    parser: Any = None

    @classmethod
    async def open(cls, source: AsyncIterator[bytes], content_type: str, fields: frozenset[str]) -> "Form":
        """Read up to the first file. Raises BadForm, FileMissing, Invalid for an unknown or oversized field."""
        form = cls(source)
        try:
            form.parser = StreamingFormDataParser({"Content-Type": content_type}, strict=True)
            for name in fields:
                form.parser.register(name, _Field(form, name))
            form.parser.register("file", _File(form))
        except (ParseFailedException, ValueError) as error:
            raise BadForm from error
        while not form.pending:
            if not await form._pull():
                raise FileMissing
        return form

    async def files(self) -> AsyncIterator[FilePart]:
        """The files in order; each one's chunks must be read before the next. Raises BadForm, FieldsAfterFile."""
        while await self._next() is not None:
            kind, name = self.pending.popleft()
            if kind != "start":
                raise BadForm
            yield FilePart(name, self._chunks())
        self._check_order()

    async def _chunks(self) -> AsyncIterator[bytes]:
        while True:
            if await self._next() is None:
                raise BadForm("The form ends in the middle of a file.")
            kind, chunk = self.pending.popleft()
            if kind == "end":
                return
            yield chunk

    async def _next(self) -> tuple[str, Any] | None:
        while not self.pending:
            if not await self._pull():
                return None
        return self.pending[0]

    async def _pull(self) -> bool:
        try:
            chunk = await anext(self.source)
        except StopAsyncIteration:
            return False
        try:
            self.parser.data_received(chunk)
        except ParseFailedException as error:
            raise _refusal(error) from error
        self._check_order()
        return True

    def _check_order(self) -> None:
        if self.after_file:
            raise FieldsAfterFile


def _refusal(error: ParseFailedException) -> BadForm | Invalid:
    part = getattr(error, "part_name", None)
    return Invalid(fields={str(part): "Unknown field."}) if part is not None else BadForm()
