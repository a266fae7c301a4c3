"""A driveItem as the contract's Item."""

from datetime import UTC, datetime

from dossier.connectors import Item


def test_an_item_of_a_personal_drive() -> None:
    from dossier.connectors.graph.items import item_of

    raw = {
        "id": "1",
        "name": "a",
        "eTag": "e",
        "size": 3,
        "lastModifiedDateTime": "2020-03-20T11:00:00.0000000Z",
        "lastModifiedBy": {"application": {"displayName": "Word"}},
        "file": {"hashes": {"sha1Hash": "AB12", "sha256Hash": "CD34", "quickXorHash": "not base 64!"}},
    }
    item = item_of(raw, "root")
    assert item == Item(
        "1",
        "",
        "a",
        False,
        "e",
        "e",
        3,
        datetime(2020, 3, 20, 11, tzinfo=UTC),
        "Word",
        {"sha1": "ab12", "sha256": "cd34"},
    )
