"""Where a setting comes from, which of several counts, and that what is secret does not show."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from dossier.core.settings import Settings, SettingsFault
from tests.moto import SecretsManager

URL = "mysql+aiomysql://dossier@db.example:3307/dossier"
Env = pytest.MonkeyPatch


class TestOrder:
    def test_a_file_before_the_default(self, environment: Env, tmp_path: Path) -> None:
        (tmp_path / "port").write_text("8123\n")
        environment.setenv("DOSSIER_PORT_FILE", str(tmp_path / "port"))
        assert Settings().port == 8123

    def test_the_variable_before_a_file(self, environment: Env, tmp_path: Path) -> None:
        (tmp_path / "port").write_text("8123")
        environment.setenv("DOSSIER_PORT_FILE", str(tmp_path / "port"))
        environment.setenv("DOSSIER_PORT", "8124")
        assert Settings().port == 8124

    def test_what_code_gives_before_all(self, environment: Env) -> None:
        environment.setenv("DOSSIER_PORT", "8124")
        assert Settings(port=8125).port == 8125

    @pytest.mark.slow
    def test_secrets_before_the_default_and_after_the_others(
        self, environment: Env, manager: SecretsManager, tmp_path: Path
    ) -> None:
        """Of four settings in the secret one is in the environment too, one in a file, one in both."""
        told = {"port": 1001, "drain_seconds": 1002, "lock_minutes": 1003, "DOSSIER_TRASH_DAYS": "1004"}
        manager.keep("order", json.dumps(told))
        for name in ("DRAIN_SECONDS", "LOCK_MINUTES"):
            (tmp_path / name).write_text("2000")
            environment.setenv(f"DOSSIER_{name}_FILE", str(tmp_path / name))
        environment.setenv("DOSSIER_PORT", "3000")
        environment.setenv("DOSSIER_LOCK_MINUTES", "3000")
        environment.setenv("DOSSIER_SECRETS", manager.address("order"))
        settings = Settings()
        found = settings.port, settings.drain_seconds, settings.lock_minutes, settings.trash_days
        assert found == (3000, 2000, 3000, 1004)

    @pytest.mark.slow
    def test_of_two_secrets_the_first(self, environment: Env, manager: SecretsManager) -> None:
        manager.keep("team/first", '{"trash_days": 11}')
        manager.keep("team/second", '{"trash_days": 12, "lock_minutes": 12}')
        environment.setenv("DOSSIER_SECRETS", f"{manager.address('team/first')} {manager.address('team/second')}")
        settings = Settings()
        assert (settings.trash_days, settings.lock_minutes) == (11, 12)

    @pytest.mark.slow
    def test_the_address_of_the_secret_may_lie_in_a_file(
        self, environment: Env, manager: SecretsManager, tmp_path: Path
    ) -> None:
        manager.keep("from-file", '{"trash_days": 13}')
        (tmp_path / "address").write_text(manager.address("from-file"))
        environment.setenv("DOSSIER_SECRETS_FILE", str(tmp_path / "address"))
        assert Settings().trash_days == 13


class TestFiles:
    def test_one_that_is_not_there(self, environment: Env, tmp_path: Path) -> None:
        environment.setenv("DOSSIER_SMTP_URL_FILE", str(tmp_path / "none"))
        with pytest.raises(SettingsFault, match="DOSSIER_SMTP_URL_FILE: the file cannot be read"):
            Settings()


class TestDatabase:
    def test_user_and_password_in_place_of_the_addresss(self, environment: Env) -> None:
        settings = Settings(database_url=URL, database_user="u", database_password="p@ss/word")
        assert settings.database == "mysql+aiomysql://u:p%40ss%2Fword@db.example:3307/dossier"
        assert settings.sign_in == {"user": "u", "password": "p@ss/word"}

    def test_those_of_the_address(self, environment: Env) -> None:
        assert Settings(database_url="mysql+aiomysql://a:b@h/d").sign_in == {"user": "a", "password": "b"}

    def test_what_may_change_while_the_program_runs(self, environment: Env, tmp_path: Path) -> None:
        assert not Settings(database_url=URL, database_password="p").rotates
        (tmp_path / "password").write_text("p")
        environment.setenv("DOSSIER_DATABASE_PASSWORD_FILE", str(tmp_path / "password"))
        assert Settings(database_url=URL).rotates
        assert not Settings().rotates, "SQLite has no password"

    def test_a_sqlite_has_neither(self, environment: Env) -> None:
        settings = Settings(database_url="sqlite:////srv/a.sqlite3", database_user="u", database_password="p")
        assert settings.database == "sqlite:////srv/a.sqlite3"


class TestSecrecy:
    def test_no_secret_in_its_text(self, environment: Env) -> None:
        settings = Settings(
            database_url="mysql+aiomysql://a:canary@h/d",
            database_password="canary",
            smtp_url="smtp://u:canary@h?from=a@b.c",
            otlp_endpoint="http://u:canary@h",
        )
        assert "canary" not in f"{settings!r} {settings}"

    def test_no_secret_in_the_error_of_a_wrong_value(self, environment: Env) -> None:
        environment.setenv("DOSSIER_PORT", "canary")
        with pytest.raises(ValidationError) as caught:
            Settings()
        assert "canary" not in str(caught.value)
