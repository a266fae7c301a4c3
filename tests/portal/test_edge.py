"""The include files for nginx: from the same source as the embedded program. That nginx takes them: tests/deploy."""

import re
from pathlib import Path

import pytest

from dossier.core.web import HEADERS
from dossier.portal import edge, site
from tests.conftest import BUILT_PORTAL


class TestIncludes:
    def test_has_the_headers_of_every_answer(self) -> None:
        text = edge.includes(BUILT_PORTAL, secure=True)["headers.conf"]
        for name, value in HEADERS.items():
            assert f'add_header {name} "{value}" always;' in text
        assert "Strict-Transport-Security" in text
        assert "Strict-Transport-Security" not in "".join(edge.includes(BUILT_PORTAL, secure=False).values())

    def test_has_the_policy_of_the_built_page(self) -> None:
        text = edge.includes(BUILT_PORTAL, secure=True)["site.conf"]
        policy = site.Site.load(BUILT_PORTAL).headers["Content-Security-Policy"]
        assert text.count(f'add_header Content-Security-Policy "{policy}" always;') == 2

    def test_knows_the_places(self) -> None:
        found = re.search(r'location ~ "(.+)" {', edge.includes(BUILT_PORTAL, secure=True)["site.conf"])
        assert found
        pattern = re.compile(found[1].replace(r"\z", r"\Z"))
        paths = ["/", "/documents", "/documents/", "/documents/1/2", "/sign-in", "/documentsx", "/x", "/x/documents"]
        paths += ["/documents\n", "//documents", "/tasks.html", "/index.html", "/_nuxt/a.js"]
        for path in [*paths, *(f"/{place}" for place in site.PLACES)]:
            assert bool(pattern.fullmatch(path)) == site.is_place(path), path

    def test_of_no_build_there_is_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="make portal"):
            edge.includes(tmp_path, secure=True)

    @pytest.mark.parametrize("name", ['a".js', "a$b.js"])
    def test_writes_nothing_that_would_end_a_text(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(ValueError, match="nginx"):
            edge._quoted(name)
