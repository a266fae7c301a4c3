"""Members, groups and invitations over HTTP: rights, bad input, mass assignment, other workspaces."""

from typing import Any

import pytest

from dossier import users
from dossier.core.ids import new_id
from tests.users.house import House

V1 = "/api/v1"


class TestMembers:
    async def test_shows_emails_to_owners_and_oneself(self, house: House) -> None:
        tom = await house.add("tom@example.com")
        everybody = {"Olga": "olga@example.com", "Tom": "tom@example.com"}
        async with await house.as_owner() as owner, house.client(token=await house.token(tom)) as viewer:
            seen = [(await client.get(f"{V1}/members")).json() for client in (owner, viewer)]
        assert {member["name"]: member["email"] for member in seen[0]["items"]} == everybody
        assert {member["name"]: member["email"] for member in seen[1]["items"]} == everybody | {"Olga": None}

    async def test_changes_and_deactivates(self, house: House) -> None:
        tom = await house.add("tom@example.com")
        async with await house.as_owner() as owner:
            changed = await owner.patch(f"{V1}/members/{tom}", json={"role": "editor", "active": False})
            assert (changed.json()["role"], changed.json()["active"]) == ("editor", False)
            assert (await owner.patch(f"{V1}/members/{tom}", json={"active": True})).json()["active"]
            assert (await owner.delete(f"{V1}/members/{tom}")).status_code == 204

    async def test_the_last_owner(self, house: House) -> None:
        async with await house.as_owner() as owner:
            for answer in (
                await owner.patch(f"{V1}/members/{house.owner}", json={"role": "editor"}),
                await owner.patch(f"{V1}/members/{house.owner}", json={"active": False}),
                await owner.delete(f"{V1}/members/{house.owner}"),
            ):
                assert (answer.status_code, answer.json()["code"]) == (409, "last_owner")

    @pytest.mark.parametrize(
        "body",
        [
            {"role": "god"},
            {"role": 1},
            {"active": "perhaps"},
            {"workspace_id": str(new_id())},
            {"user_id": str(new_id())},
            {"role": "owner", "name": "x"},
            {"email": "x@example.com"},
            [],
            None,
            "owner",
        ],
    )
    async def test_refuses_other_fields_and_values(self, house: House, body: Any) -> None:
        async with await house.as_owner() as owner:
            answer = await owner.patch(f"{V1}/members/{house.owner}", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert answer.json()["fields"]

    @pytest.mark.parametrize("after", ["x", "kw", "k8QBAg", "é", "A" * 500])
    async def test_refuses_a_forged_cursor(self, house: House, after: str) -> None:
        async with await house.as_owner() as owner:
            for path in ("members", "groups", "invitations", "tokens"):
                answer = await owner.get(f"{V1}/{path}", params={"after": after})
                assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")


class TestRights:
    """Every route that changes something × who may not."""

    async def _calls(self, house: House) -> list[tuple[str, str, Any]]:
        group = await house.run(lambda unit: users.create_group(unit, "Legal", []))
        made = await house.run(lambda unit: users.invite(unit, "x@example.com", "viewer", house.settings))
        return [
            ("PATCH", f"members/{house.owner}", {"role": "owner"}),
            ("DELETE", f"members/{house.owner}", None),
            ("POST", "groups", {"name": "New"}),
            ("PATCH", f"groups/{group['id']}", {"name": "New"}),
            ("DELETE", f"groups/{group['id']}", None),
            ("GET", "invitations", None),
            ("POST", "invitations", {"email": "y@example.com", "role": "viewer"}),
            ("DELETE", f"invitations/{made['id']}", None),
        ]

    @pytest.mark.parametrize("role", ["viewer", "editor", "owner without admin", "owner that only reads"])
    async def test_403_below_owner(self, house: House, role: Any) -> None:
        calls = await self._calls(house)
        if role in ("viewer", "editor"):
            token = await house.token(await house.add("tom@example.com", role))
        else:
            token = await house.token(house.owner, *(("read", "write") if "without" in role else ("read", "admin")))
        before = await house.told()
        async with house.client(token=token) as client:
            for method, path, body in calls:
                if method != "GET" or "reads" not in role:
                    answer = await client.request(method, f"{V1}/{path}", json=body)
                    assert (path, answer.status_code, answer.json()["code"]) == (path, 403, "not_allowed")
        assert await house.told() == before

    async def test_404_or_nothing_from_another_workspace(self, house: House) -> None:
        calls = await self._calls(house)
        before = await house.told()
        async with house.client(token=await house.token(house.stranger, workspace=house.other)) as stranger:
            for method, path, body in [*calls, ("GET", calls[3][1], None)]:
                if "/" in path:
                    assert (await stranger.request(method, f"{V1}/{path}", json=body)).status_code == 404, path
            for path in ("members", "groups", "invitations"):
                items = (await stranger.get(f"{V1}/{path}")).json()["items"]
                assert [item["name"] for item in items] == (["Sven"] if path == "members" else [])
        assert await house.told() == before

    async def test_401_for_nobody(self, house: House) -> None:
        async with house.client() as nobody:
            for method, path, body in [*await self._calls(house), ("GET", "members", None), ("GET", "groups", None)]:
                answer = await nobody.request(method, f"{V1}/{path}", json=body)
                assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


class TestGroups:
    async def test_the_whole_life(self, house: House) -> None:
        async with await house.as_owner() as owner:
            made = await owner.post(f"{V1}/groups", json={"name": " Legal ", "member_ids": [str(house.owner)]})
            assert (made.status_code, made.json()["name"]) == (201, "Legal")
            place = made.headers["Location"]
            assert (await owner.get(place)).json() == made.json()
            assert (await owner.patch(place, json={"member_ids": []})).json()["member_ids"] == []
            assert [one["name"] for one in (await owner.get(f"{V1}/groups")).json()["items"]] == ["Legal"]
            assert (await owner.delete(place)).status_code == 204
            assert (await owner.get(place)).status_code == 404

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"name": ""}, "name"),
            ({"name": "a\u0000b"}, "name"),
            ({"name": "a\nb"}, "name"),
            ({"name": "x" * 201}, "name"),
            ({}, "name"),
            ({"name": "x", "member_ids": ["no-id"]}, "member_ids.0"),
            ({"name": "x", "member_ids": "no-list"}, "member_ids"),
            ({"name": "x", "workspace_id": str(new_id())}, "workspace_id"),
        ],
    )
    async def test_refuses_bad_input(self, house: House, body: Any, field: str) -> None:
        async with await house.as_owner() as owner:
            answer = await owner.post(f"{V1}/groups", json=body)
        assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])

    async def test_an_unknown_member_is_named(self, house: House) -> None:
        async with await house.as_owner() as owner:
            answer = await owner.post(f"{V1}/groups", json={"name": "x", "member_ids": [str(house.stranger)]})
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_people")
        assert str(house.stranger) in answer.json()["fields"]["member_ids"]

    async def test_once_per_idempotency_key(self, house: House) -> None:
        async with await house.as_owner() as owner:
            owner.headers["Idempotency-Key"] = "k"
            first, second = [await owner.post(f"{V1}/groups", json={"name": "Legal"}) for _ in range(2)]
            other = await owner.post(f"{V1}/groups", json={"name": "Sales"})
        assert (first.status_code, first.content) == (second.status_code, second.content)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


class TestInvitations:
    async def test_shows_the_link_once(self, house: House) -> None:
        body = {"email": "tom@example.com", "role": "editor"}
        async with await house.as_owner() as owner:
            owner.headers["Idempotency-Key"] = "k"
            made = await owner.post(f"{V1}/invitations", json=body)
            assert (made.status_code, "#" in made.json()["url"]) == (201, True)
            again = await owner.post(f"{V1}/invitations", json=body)
            assert (again.status_code, again.json()["code"]) == (409, "already_done")
            listed = (await owner.get(f"{V1}/invitations")).json()["items"]
            assert listed == [{key: value for key, value in made.json().items() if key != "url"}]
            assert (await owner.delete(f"{V1}/invitations/{made.json()['id']}")).status_code == 204

    @pytest.mark.parametrize(
        "body",
        [
            {"email": "tom", "role": "viewer"},
            {"email": "a@example.com\r\nBcc: b@example.com", "role": "viewer"},
            {"email": "a@example.com,b@example.com", "role": "viewer"},
            {"email": "tom@example.com", "role": "root"},
            {"email": "tom@example.com"},
            {"email": "tom@example.com", "role": "viewer", "expires_at": "2099-01-01T00:00:00Z"},
        ],
    )
    async def test_refuses_bad_input(self, house: House, body: Any) -> None:
        async with await house.as_owner() as owner:
            answer = await owner.post(f"{V1}/invitations", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
