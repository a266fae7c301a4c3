"""What Microsoft Graph answers, and its refusals as the contract's."""

import pytest

from dossier.connectors.graph.answers import Answer, refusal


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "headers", "code", "kind"),
        [
            (429, {"Retry-After": "17"}, "", "throttled"),
            (429, {}, "", "throttled"),
            (503, {"Retry-After": "17"}, "serviceNotAvailable", "throttled"),
            (503, {}, "serviceNotAvailable", "unreachable"),
            (509, {"Retry-After": "17"}, "", "throttled"),
            (403, {}, "accessDenied", "refused"),
            (403, {}, "quotaLimitReached", "full"),
            (423, {}, "resourceLocked", "locked"),
            (423, {}, "notAllowed", "locked"),
            (507, {}, "", "full"),
            (500, {}, "generalException", "unreachable"),
            (502, {}, "", "unreachable"),
            (504, {}, "", "unreachable"),
            (400, {}, "invalidRequest", "refused"),
            (413, {}, "", "refused"),
            (404, {}, "itemNotFound", "missing"),
            (410, {}, "", "missing"),
            (409, {}, "nameAlreadyExists", "name_taken"),
            (409, {}, "resourceModified", "changed"),
            (409, {}, "", "changed"),
            (412, {}, "resourceModified", "changed"),
            (408, {}, "", "unreachable"),
            (302, {}, "", "unreachable"),
            (401, {}, "accessDenied", "sign_in"),
        ],
    )
    def test_each(self, status: int, headers: dict[str, str], code: str, kind: str) -> None:
        body = {"error": {"code": code, "message": "see https://somewhere.example/?sig=1"}} if code else {}
        error = refusal(Answer(status, headers, body, "id-1"))
        assert error.kind == kind
        assert error.retry_after == (17.0 if headers else None)
        assert "id-1" in error.detail and "sig=1" not in error.detail

    def test_a_code_inside(self) -> None:
        body = {"error": {"code": "conflict", "innerError": {"code": "x", "innerError": {"code": "nameAlreadyExists"}}}}
        assert refusal(Answer(409, {}, body)).kind == "name_taken"
