"""Secrets at rest: what opens a box, and what does not."""

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from dossier.core.ids import new_id
from dossier.core.settings import Settings
from dossier.core.vault import Vault, VaultLocked, context, parse

KEY, OTHER = os.urandom(32), os.urandom(32)
HERE = context("webhooks", new_id())


def text(key: bytes) -> str:
    return base64.b64encode(key).decode()


class TestSeal:
    def test_opens_again(self) -> None:
        vault = Vault(lambda: [KEY])
        for plain in (b"", b"secret", os.urandom(1000)):
            box = vault.seal(plain, HERE)
            assert vault.open(box, HERE) == plain
            assert plain == b"" or plain not in box

    def test_is_another_box_each_time(self) -> None:
        vault = Vault(lambda: [KEY])
        assert vault.seal(b"secret", HERE) != vault.seal(b"secret", HERE)

    def test_a_box_of_32_bytes_fits_its_column(self) -> None:
        assert len(Vault(lambda: [KEY]).seal(os.urandom(64), HERE)) <= 255


class TestOpen:
    @pytest.mark.parametrize(
        "elsewhere",
        [context("webhooks", new_id()), HERE.replace(b"webhooks", b"systems"), b""],
        ids=["row", "table", "nothing"],
    )
    def test_a_box_that_was_moved_to_another_row(self, elsewhere: bytes) -> None:
        vault = Vault(lambda: [KEY])
        with pytest.raises(VaultLocked, match="another row"):
            vault.open(vault.seal(b"secret", HERE), elsewhere)

    def test_a_box_that_was_changed_anywhere(self) -> None:
        vault = Vault(lambda: [KEY])
        box = vault.seal(b"secret", HERE)
        for place in range(len(box)):
            changed = box[:place] + bytes([box[place] ^ 1]) + box[place + 1 :]
            with pytest.raises(VaultLocked):
                vault.open(changed, HERE)
        for cut in range(len(box)):
            with pytest.raises(VaultLocked):
                vault.open(box[:cut], HERE)

    def test_an_unknown_key(self) -> None:
        with pytest.raises(VaultLocked, match="not known here"):
            Vault(lambda: [OTHER]).open(Vault(lambda: [KEY]).seal(b"secret", HERE), HERE)

    def test_an_earlier_key_opens_and_does_not_seal(self) -> None:
        before = Vault(lambda: [KEY]).seal(b"secret", HERE)
        vault = Vault(lambda: [OTHER, KEY])
        assert vault.open(before, HERE) == b"secret"
        assert Vault(lambda: [OTHER]).open(vault.seal(b"new", HERE), HERE) == b"new"


class TestSettings:
    def test_of_the_variable_and_the_earlier_ones(self, tmp_path: Path) -> None:
        box = Vault.from_settings(Settings(data_dir=tmp_path, master_key=text(KEY))).seal(b"secret", HERE)
        both = Settings(
            data_dir=tmp_path, master_key=text(OTHER), master_keys_old=f"{text(os.urandom(32))}, {text(KEY)}"
        )
        assert Vault.from_settings(both).open(box, HERE) == b"secret"
        assert list(tmp_path.iterdir()) == []

    def test_embedded_a_file_of_its_own(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path)
        vault = Vault.from_settings(settings)
        assert list(tmp_path.iterdir()) == [], "it is made when it is needed"
        box = vault.seal(b"secret", HERE)
        (file,) = tmp_path.iterdir()
        assert (file.name, stat.S_IMODE(file.stat().st_mode)) == ("master.key", 0o600)
        assert len(parse(file.read_text().strip())) == 32
        assert Vault.from_settings(settings).open(box, HERE) == b"secret"

    def test_many_that_begin_at_once_have_one_key(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path)
        with ThreadPoolExecutor(8) as threads:
            boxes = list(threads.map(lambda _: Vault.from_settings(settings).seal(b"secret", HERE), range(16)))
        assert {Vault.from_settings(settings).open(box, HERE) for box in boxes} == {b"secret"}
        assert [path.name for path in tmp_path.iterdir()] == ["master.key"]

    @pytest.mark.parametrize("content", ["", "no key", text(b"short")])
    def test_a_file_that_holds_no_key(self, tmp_path: Path, content: str) -> None:
        (tmp_path / "master.key").write_text(content)
        with pytest.raises(VaultLocked, match=r"master\.key"):
            Vault.from_settings(Settings(data_dir=tmp_path)).seal(b"secret", HERE)
        assert (tmp_path / "master.key").read_text() == content, "it may be somebody's only copy"

    def test_with_a_database_server_the_key_has_to_be_set(self, tmp_path: Path) -> None:
        """A file would be another one on each machine, and gone with its container."""
        settings = Settings(data_dir=tmp_path, database_url="mysql://dossier@db/dossier")
        with pytest.raises(VaultLocked, match="DOSSIER_MASTER_KEY"):
            Vault.from_settings(settings).seal(b"secret", HERE)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        "wrong", ["x", text(b"31 bytes"), text(KEY)[:-4], "%%%%"], ids=["one letter", "short", "torn", "no Base64"]
    )
    def test_what_is_no_key_stops_the_start_and_is_not_shown(self, wrong: str) -> None:
        for name in ("master_key", "master_keys_old"):
            with pytest.raises(ValidationError, match="32 bytes in Base64") as refused:
                Settings.model_validate({name: wrong})
            assert wrong == "x" or wrong not in str(refused.value)

    def test_one_key_seals_and_a_newline_at_its_end_is_none_of_it(self) -> None:
        assert Settings(master_key=text(KEY) + "\n").master_key == text(KEY)
        with pytest.raises(ValidationError, match="32 bytes in Base64"):
            Settings(master_key=f"{text(KEY)} {text(OTHER)}")

    def test_is_in_no_description_of_the_settings(self) -> None:
        assert text(KEY) not in repr(Settings(master_key=text(KEY), master_keys_old=text(KEY)))


class TestMarks:
    def test_are_of_one_thing_and_one_key(self) -> None:
        vault = Vault(lambda: [KEY])
        assert vault.mark(b"a") == vault.mark(b"a")
        assert len({vault.mark(b"a"), vault.mark(b"b"), Vault(lambda: [OTHER]).mark(b"a")}) == 3
        assert len(vault.mark(b"a")) == 64

    def test_outlive_a_change_of_the_key(self) -> None:
        old = Vault(lambda: [KEY]).mark(b"a")
        vault = Vault(lambda: [OTHER, KEY])
        assert vault.mark(b"a") != old
        assert vault.marks(b"a") == [vault.mark(b"a"), old]
