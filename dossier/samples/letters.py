"""The sample PDFs: a lease, an invoice, a report. ``stage`` counts their versions from 0."""

from reportlab.graphics.charts.barcharts import VerticalBarChart
from reportlab.graphics.shapes import Drawing
from reportlab.lib import colors
from reportlab.platypus import Flowable, PageBreak

from dossier.samples.papers import Marked, Printed, gap, para, printed, signatures, styles, table
from dossier.samples.texts import STUDIO

LANDLORD = "Kessel Property"
RENT, TERM, NOTICE = ("2,450", "2,300", "2,300"), ("five", "three", "three"), ("six", "six", "three")


def lease(stage: int) -> Printed:
    """Four pages with clauses; draft, as agreed, ready to be signed."""
    into = Printed()
    story: list[Flowable] = [
        para("Lease of an office", "title"),
        para("Draft, not binding" if stage < 2 else "", "small"),
    ]
    story += [para(f"between {LANDLORD}, Quay 3 (the landlord), and {STUDIO}, Mill Lane 8 (the tenant).")]
    for number, (name, texts) in enumerate(_clauses(stage), 1):
        story.append(para(f"{number}. {name}", "head"))
        for text in texts:
            marked = {"The monthly rent": "rent", "Either party may": "notice"}.get(" ".join(text.split()[:3]))
            story.append(Marked(text, styles()["text"], marked, into) if marked else para(text))
        if number in (4, 8):
            story.append(PageBreak())
    story += [gap(50), signatures(f"{LANDLORD}, place and date", f"{STUDIO}, place and date")]
    story += [PageBreak(), para("Annex: what the landlord hands over", "title"), _handed_over(stage)]
    return printed("Lease contract, Harbour Street 12", story, into)


def _clauses(stage: int) -> list[tuple[str, list[str]]]:
    repairs = (
        "Small repairs up to 150 euros each, and 600 euros a year, are the tenant's; all others are the landlord's."
    )
    if stage == 0:
        repairs = "All repairs inside of the rooms are the tenant's, whatever they cost."
    clauses = [
        ("Rooms", [_ROOMS, "Two parking places in the yard, numbers 14 and 15, belong to it."]),
        ("Use", [_USE]),
        ("Term", [f"The lease begins on 1 May 2026 and runs for {TERM[stage]} years. {_RENEWAL}"]),
        ("Rent", [f"The monthly rent is {RENT[stage]} euros, due on the third working day of each month. {_RENT}"]),
        ("Costs", [_COSTS, "They are settled once a year; the tenant may look at all receipts."]),
        ("Deposit", ["The deposit is three monthly rents. It lies in an account of its own and bears interest."]),
        (
            "Notice",
            [
                f"Either party may end this lease with a notice of {NOTICE[stage]} months to the end of a quarter, "
                "in writing.",
                _NOTICE,
            ],
        ),
        ("Repairs", [repairs, _REPAIRS]),
        ("Changes to the rooms", [_CHANGES]),
        ("Handing back", [_BACK]),
    ]
    if stage == 2:
        clauses.insert(
            9, ("Subletting", ["The tenant may let single desks to others. It tells the landlord who they are."])
        )
    return clauses


_ROOMS = (
    "The landlord lets the second floor of Harbour Street 12: 164 square metres with one large room, two small "
    "ones, a kitchen, two bathrooms and a store. The plan of the floor is part of this contract."
)
_USE = (
    "The rooms serve as a design studio with visits of clients. Any other use needs the landlord's consent, which "
    "it gives unless there is a weighty reason against it. Photographs may be taken in all rooms."
)
_RENEWAL = (
    "It goes on for another year each time, unless one of the parties has said three months before its end that it "
    "shall end."
)
_RENT = (
    "Value added tax comes on top. The rent stays the same for two years; after that it may rise once a year by as "
    "much as consumer prices have risen in the country."
)
_COSTS = (
    "Heating, water, cleaning of the stairs, insurance of the house and the caretaker are paid in advance by 310 "
    "euros a month. Electricity and telephone the tenant orders and pays by itself."
)
_NOTICE = (
    "The right of both to end it at once for an important reason stays untouched. A rent that is two months late is "
    "such a reason, and so is a room that cannot be used for longer than a month."
)
_REPAIRS = (
    "The tenant tells of damage without delay. The landlord begins to mend what makes the rooms unusable within two "
    "working days. For as long as that takes the rent is less, by as much as the use is."
)
_CHANGES = (
    "Walls may be painted in any colour. Shelves, lamps and screens may be fixed. Whatever touches pipes, wires or "
    "bearing walls needs consent in writing. At the end the tenant leaves what it built in, or takes it away and "
    "closes the holes."
)
_BACK = (
    "The rooms are handed back swept and empty, with all keys. Both walk through them together and write down what "
    "they see. Normal wear is no damage."
)


def _handed_over(stage: int) -> Flowable:
    rows = [["Thing", "Pieces"], ["Keys of the house", "9"], ["Keys of the post box", "2"], ["Radiators", "11"]]
    rows += [["Ceiling lamps", "14" if stage else "12"], ["Kitchen with fridge and oven", "1"]]
    return table(rows + ([["Badges of the parking gate", "2"]] if stage == 2 else []), [300, 80])


def invoice(stage: int) -> bytes:
    """One page; as it came, and corrected."""
    hours = ((38, 52), (38, 41))[stage]
    items = [("Desk of oak, oiled, 3.2 m", 1, 2180), ("Joiner, week 3", hours[0], 58), ("Joiner, week 4", hours[1], 58)]
    items += [("Fittings and delivery", 1, 265)]
    net = sum(count * price for _, count, price in items)
    rows = [["", "Number", "Each", "Sum"]]
    rows += [[name, str(count), _euros(price), _euros(count * price)] for name, count, price in items]
    rows += [
        ["Value added tax, 19 %", "", "", _euros(net * 0.19)],
        ["To be paid, in euros", "", "", _euros(net * 1.19)],
    ]
    story = [para("Brandt Joinery", "title"), para("Werft 21 · post@brandt.example", "small"), gap(30), para(STUDIO)]
    story += [para("Harbour Street 12"), gap(30), para("Invoice 2026-0117", "head")]
    story += [para("Date: 2 February 2026" if stage == 0 else "Date: 9 February 2026, in place of that of 2 February")]
    story += [gap(8), table(rows, [220, 70, 85, 90], total=True), gap(20)]
    story += [para("Please pay within 14 days, with the number of the invoice. Thank you for the good work together.")]
    return printed("Invoice 2026-0117", story).content


def _euros(amount: float) -> str:
    return f"{amount:,.2f}"


def report(stage: int) -> bytes:
    """Three pages with a table and a chart; with the last month open, and whole."""
    income = [38, 41, 36, 47, 52, 49, 44, 58, 61, 57, 63, 66 if stage else 0]
    costs = [35, 36, 36, 39, 41, 40, 42, 44, 45, 45, 47, 49 if stage else 0]
    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    rows = [["Thousand euros", "Income", "Costs", "Left"]]
    rows += [
        [month, str(i or "open"), str(c or "open"), str(i - c) if i else "open"]
        for month, i, c in zip(months, income, costs, strict=True)
    ]
    rows += [["Year", str(sum(income)), str(sum(costs)), str(sum(income) - sum(costs))]]
    story = [para("Annual report 2025", "title"), para(f"{STUDIO}, for the meeting of the partners", "small"), gap(10)]
    story += [para("The year in short", "head"), para(_YEAR), para(_CLIENTS), para("People", "head"), para(_PEOPLE)]
    story += [PageBreak(), para("Income and costs", "head"), table(rows, [150, 90, 90, 90], total=True)]
    story += [PageBreak(), para("Month by month", "head"), _chart(income, costs, months), gap(16)]
    story += [para("What comes next", "head"), para(_NEXT if stage else "To be written once December is closed.")]
    return printed("Annual report 2025", story).content


def _chart(income: list[int], costs: list[int], months: list[str]) -> Flowable:
    styles()
    drawing, chart = Drawing(460, 220), VerticalBarChart()
    chart.x, chart.y, chart.width, chart.height = 30, 30, 420, 170
    chart.data, chart.categoryAxis.categoryNames = [income, costs], months
    chart.valueAxis.valueMin, chart.valueAxis.valueStep = 0, 10
    chart.bars[0].fillColor, chart.bars[1].fillColor = colors.HexColor("#0f766e"), colors.HexColor("#cbd5e1")
    chart.bars.strokeColor = None
    for axis in (chart.categoryAxis, chart.valueAxis):
        axis.labels.fontName, axis.labels.fontSize = "Vera", 7
    drawing.add(chart)
    return drawing


_YEAR = (
    "We began the year with seven people and one large client, and ended it with nine people and four. The spring "
    "was thin: two tenders were lost in March, and both to studios that are twice our size. From August on there "
    "was more work than hands."
)
_CLIENTS = (
    "The largest client now stands for 31 per cent of the income, after 58 per cent the year before. Three of the "
    "new ones came by word of mouth, and one by the exhibition in September, which has thus paid for itself."
)
_PEOPLE = (
    "Ines and Jakob have joined us. Nobody left. Overtime was 11 hours a head and month in autumn, which is too "
    "much: the plan for next year counts with a tenth person from March on, at first for half the week."
)
_NEXT = (
    "The move to Harbour Street costs 18,000 euros once and 400 euros a month. With the orders that are signed "
    "today, the first half of the year carries that. We propose to pay out a third of what is left, and to keep the "
    "rest for the move."
)
