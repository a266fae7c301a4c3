"""What the samples are. The bytes come from the writers beside this file, which are slow to load: import this one late."""

from dossier.samples import books, letters, pictures, texts
from dossier.samples.shapes import Edition, Paper, Plan


def make() -> list[Paper]:
    """All of them, in about a second; the same bytes each time, but for the spreadsheet."""
    return [_lease(), _invoice(), _report(), *_office(), *_pictures(), *_texts()]


def _lease() -> Paper:
    drafts = [letters.lease(stage) for stage in range(3)]
    comments = ("First draft from the landlord", "Term and rent as agreed on the phone", "Ready to be signed")
    return Paper(
        "Lease contract.pdf",
        [Edition(draft.content, comment) for draft, comment in zip(drafts, comments, strict=True)],
        "Office on the second floor of Harbour Street 12",
        ("contract", "office"),
        (
            Plan(
                "Ask for a shorter notice period",
                "Six months are long for **a studio of nine people**. Three would be usual.",
                version=2,
                priority="high",
                days=-2,
                said=("I called them. They want to think about it until Friday.",),
                spot=drafts[1].spots["notice"],
                quote="Either party may end this lease",
            ),
            Plan("Check the rent against the offer", version=1, status="done", spot=drafts[0].spots["rent"]),
            Plan("Sign and send back both copies", version=3, priority="high", days=5),
        ),
    )


def _invoice() -> Paper:
    return Paper(
        "Invoice 2026-0117.pdf",
        [Edition(letters.invoice(0), "As it came"), Edition(letters.invoice(1), "Corrected: hours of the second week")],
        "Joinery of the reception desk",
        ("invoice",),
        (
            Plan(
                "Approve the invoice",
                "The hours were wrong in the first one. Compare the versions.",
                version=2,
                status="in_progress",
                days=2,
                said=("The new total is right now.",),
            ),
        ),
    )


def _report() -> Paper:
    return Paper(
        "Annual report.pdf",
        [Edition(letters.report(0), "Figures still open"), Edition(letters.report(1), "With the figures of December")],
        "For the meeting of the partners",
        ("report",),
        (Plan("Proofread before it goes to print", version=2, priority="low", days=21, mine=False),),
    )


def _office() -> list[Paper]:
    offers = ("First version", "Shorter, with a fixed price", "After our talk with the client")
    return [
        Paper(
            "Offer Nordlicht.docx",
            [Edition(books.offer(stage), comment) for stage, comment in enumerate(offers)],
            tags=("offer",),
            tasks=(Plan("Call the client about the offer", version=3, days=1),),
        ),
        Paper(
            "Budget.xlsx",
            [Edition(books.budget(0), "Plan"), Edition(books.budget(1), "With what was spent up to June")],
            tags=("budget",),
            tasks=(Plan("Explain why travel is over the plan", version=2, status="in_progress", days=4),),
        ),
        Paper("Kick-off.pptx", [Edition(books.kick_off())], tags=("offer",)),
    ]


def _pictures() -> list[Paper]:
    return [
        Paper(
            "Floor plan.png",
            [Edition(pictures.plan(0), "Survey"), Edition(pictures.plan(1), "Meeting room moved to the window")],
            tags=("office",),
            tasks=(Plan("Where does the printer go?", version=1, status="cancelled", spot=pictures.PRINTER),),
        ),
        Paper("Harbour at dusk.jpg", [Edition(pictures.harbour())], "For the wall in the meeting room"),
    ]


def _texts() -> list[Paper]:
    notes = ("Agenda", "Notes taken in the meeting", "Who does what", "Corrected: the date of the move")
    return [
        Paper(
            "Meeting notes.md",
            [Edition(text.encode(), comment) for text, comment in zip(texts.NOTES, notes, strict=True)],
            tags=("office",),
            tasks=(
                Plan("Order the moving van", version=3, days=9, quote="the van"),
                Plan("Send the notes to everyone", version=4, status="done"),
            ),
        ),
        Paper("Price list.csv", [Edition(text.encode()) for text in texts.PRICES], tags=("offer",)),
        Paper("Read me first.txt", [Edition(texts.WELCOME.encode())]),
    ]
