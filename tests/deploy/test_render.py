"""The templates of the edge, filled in. That nginx takes the result: test_nginx.py."""

from pathlib import Path

import pytest

from deploy.nginx.render import HERE, NAME, render

GIVEN = {
    "EDGE_URL": "https://dossier.example",
    "EDGE_CERT": "/etc/edge/server.crt",
    "EDGE_KEY": "/etc/edge/server.key",
    "EDGE_PORTAL": "/srv/portal",
    "EDGE_SERVERS": "server 10.0.0.1:8000;",
    "EDGE_PARTNER_CA": "/etc/edge/partners.crt",
    "EDGE_SECRET": "s" * 32,
}


class TestRender:
    def test_leaves_no_variable_of_ours_and_all_of_nginx(self, tmp_path: Path) -> None:
        render(tmp_path, GIVEN)
        for path in HERE.glob("*.conf"):
            made = (tmp_path / path.name).read_text()
            assert NAME.search(made) is None
            assert ("$remote_addr" in made) == ("$remote_addr" in path.read_text())
        assert "${edge_before}-" in (tmp_path / "nginx.conf").read_text()

    def test_is_for_its_owner_alone(self, tmp_path: Path) -> None:
        render(tmp_path, GIVEN)
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}

    def test_takes_the_portals_values_for_partners(self, tmp_path: Path) -> None:
        render(tmp_path, GIVEN)
        made = (tmp_path / "partner.conf").read_text()
        assert "ssl_certificate /etc/edge/server.crt;" in made
        assert "server 10.0.0.1:8000;" in made

    def test_without_a_secret_there_is_no_door_for_partners(self, tmp_path: Path) -> None:
        render(tmp_path, {**GIVEN, "EDGE_SECRET": ""})
        assert not (tmp_path / "partner.conf").exists()

    def test_names_what_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(KeyError, match="EDGE_URL"):
            render(tmp_path, {name: value for name, value in GIVEN.items() if name != "EDGE_URL"})
