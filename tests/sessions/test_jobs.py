"""The jobs of the sessions room."""

from dossier import users
from dossier.sessions import NOBODY, service
from dossier.sessions.service import MOST_RESET_LINKS
from tests.users.house import House


async def ask(house: House, email: str) -> None:
    await house.units.run(NOBODY, lambda unit: service.request_reset(unit, email))


class TestSendReset:
    async def test_mails_a_link_that_lies_in_no_job(self, house: House) -> None:
        await ask(house, "OLGA@example.com")
        assert await house.jobs() == [("sessions.send_reset", {"email": "OLGA@example.com"})]
        await house.work()
        [(to, subject, text)] = house.mail.sent
        assert (to, subject) == ("olga@example.com", "A new password for Dossier")
        assert f"http://dossier.test/reset#{house.mail.secret()}" in text
        assert house.mail.secret() not in str(await house.jobs())

    async def test_says_nothing_to_nobody(self, house: House) -> None:
        await ask(house, "nobody@example.com")
        tom = await house.add("tom@example.com")
        await house.run(lambda unit: users.deactivate_member(unit, tom))
        await ask(house, "tom@example.com")
        await house.work()
        assert house.mail.sent == []

    async def test_sends_only_some(self, house: House) -> None:
        for _ in range(MOST_RESET_LINKS + 2):
            await ask(house, "olga@example.com")
        await house.work()
        assert len(house.mail.sent) == MOST_RESET_LINKS
