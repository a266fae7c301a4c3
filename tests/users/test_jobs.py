"""The jobs of the users room."""

from dossier import users
from tests.users.house import House


class TestSendInvitation:
    async def test_mails_a_link_of_its_own(self, house: House) -> None:
        made = await house.run(lambda unit: users.invite(unit, "tom@example.com", "viewer", house.settings))
        await house.work()
        [(to, subject, text)] = house.mail.sent
        assert (to, subject) == ("tom@example.com", "Invitation to Acme")
        assert f"http://dossier.test/join#{house.mail.secret()}" in text
        assert house.mail.secret() not in made["url"]
        await house.run(lambda unit: users.accept_invitation(unit, house.mail.secret(), "Tom", "h"))

    async def test_says_nothing_once_revoked(self, house: House) -> None:
        made = await house.run(lambda unit: users.invite(unit, "tom@example.com", "viewer", house.settings))
        await house.run(lambda unit: users.revoke_invitation(unit, made["id"]))
        await house.work()
        assert house.mail.sent == []
