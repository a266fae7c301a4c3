"""Addresses of stores: what they mean, and what is refused before anything is touched."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from dossier.core.settings import MIB, Settings
from dossier.storage.addresses import MOST_PARTS, AddressUnfit, S3Address, open_store, part_bytes
from dossier.storage.local import LocalBlobs
from dossier.storage.s3 import S3Blobs


class TestS3Address:
    @pytest.mark.parametrize(
        ("text", "address"),
        [
            ("s3://acme-blobs", S3Address("acme-blobs")),
            ("s3://acme-blobs/", S3Address("acme-blobs")),
            ("s3://acme/a/b?region=eu-central-1", S3Address("acme", "a/b/", "eu-central-1")),
            ("s3://acme/a%20b/", S3Address("acme", "a b/")),
            ("s3://acme?endpoint=http://seaweed:8333", S3Address("acme", endpoint="http://seaweed:8333")),
            ("s3://acme?sse=s3", S3Address("acme", sse="s3")),
            ("s3://acme?sse=kms&kms_key=alias/x", S3Address("acme", sse="kms", kms_key="alias/x")),
        ],
    )
    def test_read(self, text: str, address: S3Address) -> None:
        assert S3Address.parse(text) == address

    @pytest.mark.parametrize(
        "text",
        [
            "s3://",
            "s3:///prefix",
            "s3://A",
            "s3://key:secret@acme",
            "s3://acme?regoin=x",
            "s3://acme?sse=aes",
            "s3://acme?kms_key=x",
            "s3://acme?endpoint=seaweed:8333",
            "s3://acme?endpoint=http://user:secret@seaweed",
            "s3://acme?endpoint=http://seaweed/path",
        ],
    )
    def test_refused(self, text: str) -> None:
        with pytest.raises(AddressUnfit) as refusal:
            S3Address.parse(text)
        assert "secret" not in str(refusal.value)


class TestOpenStore:
    def test_the_data_folder_by_default(self, tmp_path: Path) -> None:
        store = open_store(Settings(data_dir=tmp_path))
        assert isinstance(store, LocalBlobs)
        assert store.local_path(f"{'a' * 32}/{'b' * 32}").is_relative_to(tmp_path / "blobs")

    @pytest.mark.parametrize("form", ["{}", "file://{}", "file://localhost{}"])
    def test_a_folder(self, tmp_path: Path, form: str) -> None:
        store = open_store(Settings(data_dir=tmp_path / "other"), form.format(tmp_path / "with space"))
        path = store.local_path(f"{'a' * 32}/{'b' * 32}")
        assert path is not None and path.is_relative_to(tmp_path / "with space")

    def test_a_bucket(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path, storage_url="s3://acme", storage_access_key="x")
        store = open_store(settings.model_copy(update={"storage_secret_key": SecretStr("CANARY")}))
        assert isinstance(store, S3Blobs)
        assert "CANARY" not in repr(store._bucket._keys)

    @pytest.mark.parametrize("address", ["http://x", "gs://acme", "file://host/path", "s3://x"])
    def test_refused(self, tmp_path: Path, address: str) -> None:
        with pytest.raises(AddressUnfit):
            open_store(Settings(data_dir=tmp_path), address)

    @pytest.mark.slow
    def test_the_client_library_is_loaded_for_a_bucket_alone(self, tmp_path: Path) -> None:
        code = "import sys; from dossier import app; from dossier.core.settings import Settings; "
        code += "app.build(Settings()); print('aiobotocore' in sys.modules)"
        for url, loaded in (("", "False"), ("s3://acme", "True")):
            env = {"DOSSIER_STORAGE_URL": url, "DOSSIER_DATA_DIR": str(tmp_path)}
            done = subprocess.run(
                [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=60, check=True
            )
            assert done.stdout.strip() == loaded


@pytest.mark.parametrize(
    ("largest", "part"), [(1, 5 * MIB), (50_000 * MIB, 5 * MIB), (64 * 1024 * MIB, 7 * MIB), (1 << 42, 420 * MIB)]
)
def test_part_bytes(largest: int, part: int) -> None:
    assert part_bytes(largest) == part
    assert part * MOST_PARTS >= largest
