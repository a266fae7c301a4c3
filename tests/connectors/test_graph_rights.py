"""Permissions of a driveItem as the contract's Rights."""

from typing import Any

import pytest

from dossier.connectors import Right
from dossier.connectors.contract import MOST_RIGHTS
from dossier.connectors.graph import GraphConnector
from dossier.connectors.graph.rights import rights_of
from tests.connectors.fake_graph import CREDENTIALS, FakeGraph, graph_connector
from tests.connectors.graph_calls import refused

ADA = {"user": {"id": "1", "displayName": "Ada"}}
ADA_THERE = {"siteUser": {"id": "5", "displayName": "Ada", "loginName": "i:0#.f|membership|ada@contoso.example"}}


def rights(raw: dict[str, Any]) -> list[Right]:
    """What is made of one permission."""
    return list(rights_of(raw, CREDENTIALS.client_id))


class TestRoles:
    @pytest.mark.parametrize(
        ("roles", "may"),
        [
            (["read"], "read"),
            (["write"], "write"),
            (["read", "write"], "write"),
            (["owner"], "own"),
            (["sp.full control"], "own"),
            (["write", "sp.owner"], "own"),
            (["sp.member"], "sp.member"),
            (["read", "sp.restricted view"], "read, sp.restricted view"),
            ([], "unknown"),
            (None, "unknown"),
        ],
    )
    def test_in_the_contracts_words_or_their_own(self, roles: object, may: str) -> None:
        assert rights({"roles": roles, "grantedToV2": ADA}) == [Right("Ada", may, "person")]


class TestHolders:
    @pytest.mark.parametrize(
        ("identity", "who", "kind"),
        [
            (ADA | ADA_THERE, "Ada", "person"),
            (ADA_THERE, "Ada", "person"),
            ({"user": {"email": "ada@contoso.example"}}, "ada@contoso.example", "person"),
            (
                {"group": {"id": "2", "displayName": "Team"}, "siteUser": {"displayName": "Team members"}},
                "Team",
                "group",
            ),
            ({"siteGroup": {"id": "3", "displayName": "Legal Owners"}}, "Legal Owners", "group"),
            ({"siteUser": {"displayName": "Team", "loginName": "c:0t.c|tenant|2"}}, "Team", "group"),
            ({"siteUser": {"displayName": "Everyone", "loginName": "c:0(.s|true"}}, "Everyone", "everyone"),
            (
                {"siteUser": {"displayName": "All of us", "loginName": "c:0-.f|rolemanager|spo-grid-all-users/1"}},
                "All of us",
                "everyone",
            ),
            ({"application": {"id": "another", "displayName": "Flow"}}, "Flow", "program"),
            ({"application": {"id": CREDENTIALS.client_id, "displayName": "Dossier"}}, "Dossier", "us"),
            ({"user": None, "starship": {"displayName": "x"}}, "unknown", "person"),
        ],
    )
    def test_by_their_faces(self, identity: dict[str, Any], who: str, kind: str) -> None:
        [right] = rights({"roles": ["read"], "grantedToV2": identity})
        assert (right.who, right.kind) == (who, kind)

    def test_older_words(self) -> None:
        assert rights({"roles": ["read"], "grantedTo": ADA}) == [Right("Ada", "read", "person")]

    def test_whoever_was_invited_and_has_not_come(self) -> None:
        raw = {"roles": ["write"], "invitation": {"email": "eve@client.example"}}
        assert rights(raw) == [Right("eve@client.example", "write", "person")]


class TestLinks:
    @pytest.mark.parametrize(
        ("scope", "who"),
        [
            ("anonymous", "Anyone who has the link"),
            ("organization", "Anyone in the organization who has the link"),
            ("users", "Those whom the link was sent to"),
            ("new", "new"),
            (None, "Anyone who has the link"),
        ],
    )
    def test_whoever_has_it(self, scope: str | None, who: str) -> None:
        raw = {"roles": ["write"], "link": {"scope": scope, "type": "edit", "webUrl": "https://contoso.example/secret"}}
        assert rights(raw) == [Right(who, "write", "link")]

    def test_those_whom_it_was_sent_to(self) -> None:
        raw = {"roles": ["read"], "link": {"scope": "users"}, "grantedToIdentitiesV2": [ADA, {"group": {"id": "9"}}]}
        assert rights(raw) == [Right("Ada", "read", "person"), Right("9", "read", "group")]

    def test_those_who_came_by_one_for_everybody(self) -> None:
        raw = {"roles": ["read"], "link": {"scope": "organization"}, "grantedToIdentitiesV2": [ADA]}
        assert [right.kind for right in rights(raw)] == ["link"]


class TestAsking:
    async def test_what_comes_from_further_up(self, fake: FakeGraph, graph: GraphConnector) -> None:
        folder = fake.add(None, "Legal")
        node = fake.add(folder.id, "a.txt", b"1")
        fake.permissions = {
            fake.root.id: [{"id": "1", "roles": ["owner"], "grantedToV2": ADA}],
            node.id: [{"id": "2", "roles": ["read"], "link": {"scope": "anonymous"}}],
        }
        fake.page_size = 1
        ada = Right("Ada", "own", "person")
        assert await graph.rights(None) == [ada]
        inherited = Right("Ada", "own", "person", inherited=True)
        assert await graph.rights(node.id) == [Right("Anyone who has the link", "read", "link"), inherited]
        async with graph_connector(fake, folder_id=folder.id) as below:
            assert await below.rights(None) == [inherited]

    async def test_never_more_than_can_be_told(self, fake: FakeGraph, graph: GraphConnector) -> None:
        many = [{"id": str(number), "roles": ["read"], "grantedToV2": ADA} for number in range(MOST_RIGHTS + 300)]
        fake.permissions = {fake.root.id: many}
        assert len(await graph.rights(None)) == MOST_RIGHTS
        assert len(fake.made("GET", "/permissions")) == 3

    async def test_nothing_outside_of_the_linked_folder(self, fake: FakeGraph) -> None:
        folder, other = fake.add(None, "Legal"), fake.add(None, "Board")
        async with graph_connector(fake, folder_id=folder.id) as graph:
            for item_id in (other.id, fake.root.id, folder.id, "item!404"):
                async with refused("missing"):
                    await graph.rights(item_id)
        assert fake.made("GET", "/permissions") == []

    async def test_an_app_that_may_not_ask(self, fake: FakeGraph, graph: GraphConnector) -> None:
        fake.fail("GET", "/permissions", 403, code="accessDenied")
        async with refused("refused"):
            await graph.rights(None)
