"""The jobs of the sessions room."""

from dossier import sessions, users
from dossier.core.actor import NOBODY, Actor
from dossier.core.events import consume
from dossier.sessions import service
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


class TestEndCredentials:
    async def _follow(self, house: House) -> None:
        await house.units.run(Actor.system(house.acme), lambda unit: consume(unit, sessions.CONSUMERS[0]))

    async def _leave_and_return(self, house: House, email: str) -> list[int]:
        """What a session and a token of the member answer once the member is back."""
        member = await house.add(email, "editor")
        async with (
            await house.sign_in(email, X_Workspace="acme") as browser,
            house.client(token=await house.token(member)) as program,
        ):
            await house.run(lambda unit: users.deactivate_member(unit, member))
            await house.run(lambda unit: users.reactivate_member(unit, member))
            later = await house.token(member)
            await self._follow(house)
            async with house.client(token=later) as newer:
                clients = (browser, program, newer)
                return [(await client.get("/api/v1/members")).status_code for client in clients]

    async def test_what_was_held_does_not_come_back(self, house: House) -> None:
        tom = await house.add("tom@example.com", "editor")
        async with await house.sign_in("tom@example.com") as browser:
            await house.run(lambda unit: users.deactivate_member(unit, tom))
            await self._follow(house)
            await house.run(lambda unit: users.reactivate_member(unit, tom))
            assert (await browser.get("/api/v1/me")).status_code == 401

    async def test_tokens_end_and_newer_ones_stay(self, house: House) -> None:
        assert (await self._leave_and_return(house, "tom@example.com"))[1:] == [401, 200]

    async def test_a_session_stays_with_another_workspace(self, house: House) -> None:
        assert await self._leave_and_return(house, "sven@example.com") == [200, 401, 200]
