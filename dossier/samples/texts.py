"""The words of the samples that are plain text, and some that several of them share."""

STUDIO = "Lindenhof Studio"
WELCOME = f"""Welcome to the sample documents.

They belong to {STUDIO}, nine people who have never existed. Nothing here is real, so try whatever you like:

- Open "Lease contract.pdf" and look at its versions. Compare the first with the second.
- A task on the second version marks a place on page 2. Carry it over to the third.
- "Meeting notes.md" has four versions. See what changed between them.
- Add a version of your own, lock a document, put one into the trash and bring it back.
- Select text on a page and make a task of it.

One click removes all of the sample documents again, with everything that was done to them. What you have put into this
folder yourself stays where it is.
"""

_AGENDA = f"""# Move to Harbour Street

{STUDIO}, Monday, 9 March 2026

## Agenda

1. When do we move?
2. What comes with us?
3. Internet and telephone
"""
_TAKEN = f"""# Move to Harbour Street

{STUDIO}, Monday, 9 March 2026

## When do we move?

In the last week of April, on a Friday. The old office is ours until the end of May.

## What comes with us?

The long table and all lamps. The grey shelves stay; the next tenants buy them for 400 euros.

## Internet and telephone

The line in the new office is ready from 1 April. Numbers stay as they are.
"""
_SHARED = f"""{_TAKEN}
## Who does what

| what | who | until |
| --- | --- | --- |
| order the van | Ines | 27 March |
| tell the bank and the tax office | Paul | 10 April |
| label the boxes | everybody | 23 April |
"""
_CORRECTED = _SHARED.replace(
    "In the last week of April, on a Friday.", "On Thursday, 30 April: the day after is a holiday."
).replace("| label the boxes | everybody | 23 April |", "| label the boxes | everybody | 28 April |")
NOTES = (_AGENDA, _TAKEN, _SHARED, _CORRECTED)

PRICES = (
    """service,unit,price in euros
Workshop for a team,day,1450
Design of a website,project,6800
Illustration,piece,320
Photographs of products,half a day,760
Correction of texts,hour,65
""",
    """service,unit,price in euros
Workshop for a team,day,1520
Workshop for a team (online),day,1180
Design of a website,project,6800
Illustration,piece,340
Photographs of products,half a day,760
Correction of texts,hour,68
Translation into English,hour,82
""",
)
