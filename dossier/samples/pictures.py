"""The sample images, drawn: the plan of a floor, and a harbour at dusk."""

import io
import math
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from dossier.samples.shapes import Spot

WALL, WATER = "#334155", (24, 44, 84)
PRINTER = Spot(1, 560, 590, 190, 110)
"""Where the printer might stand, in pixels of the plan."""


def plan(stage: int) -> bytes:
    """A PNG of a floor; the meeting room in the middle, and by the window."""
    image = Image.new("RGB", (1200, 800), "#f8fafc")
    draw = ImageDraw.Draw(image)
    draw.rectangle((80, 80, 1120, 720), outline=WALL, width=10)
    for left in range(140, 1000, 180):
        draw.rectangle((left, 74, left + 110, 92), fill="#7dd3fc")  # windows
    meeting = ((420, 300, 800, 560), (820, 85, 1115, 400))[stage]
    _room(draw, meeting, "Meeting")
    _room(draw, (85, 520, 340, 715), "Kitchen")
    _room(draw, (860, 520, 1115, 715), "Store")
    for place in _DESKS[stage]:
        draw.rounded_rectangle((*place, place[0] + 110, place[1] + 60), 8, fill="#ccfbf1", outline="#0f766e", width=3)
    label = f"Harbour Street 12, second floor, 1:100 - sheet {stage + 1}"
    draw.text((100, 740), label, fill=WALL, font=_font(22))
    return _saved(image, "PNG", optimize=True)


_DESKS = (
    [(140, 140), (290, 140), (480, 140), (630, 140), (880, 140), (880, 260), (140, 300), (140, 400), (880, 400)],
    [(140, 140), (290, 140), (480, 140), (630, 140), (140, 300), (290, 300), (480, 300), (630, 300), (480, 420)],
)


def _room(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], name: str) -> None:
    draw.rectangle(box, outline=WALL, width=6)
    draw.text((box[0] + 18, box[1] + 16), name, fill=WALL, font=_font(26))


def _font(size: int) -> Any:
    return ImageFont.load_default(size)


def harbour() -> bytes:
    """A JPEG of water, light and three ships."""
    width, height, horizon = 1600, 1000, 560
    column = Image.new("RGB", (1, height))
    for y in range(height):
        part = y / horizon if y < horizon else (height - y) / (height - horizon)
        column.putpixel((0, y), (round(24 + 220 * part**2), round(44 + 110 * part**1.5), round(84 + 40 * part)))
    image = column.resize((width, height))
    draw = ImageDraw.Draw(image)
    draw.ellipse((1040, horizon - 70, 1180, horizon + 70), fill=(255, 214, 150))
    draw.rectangle((0, horizon, width, horizon + 5), fill=(150, 110, 104))
    for step in range(90):
        y = horizon + 6 + step * step // 20
        half = 60 + 40 * math.sin(step * 1.7)
        draw.line((1110 - half, y, 1110 + half, y), fill=(255, 205, 140), width=2 + step // 30)
    for left, scale in ((160, 1.0), (460, 0.6), (760, 0.8)):
        _ship(draw, left, horizon + 30, scale)
    return _saved(image, "JPEG", quality=82)


def _ship(draw: ImageDraw.ImageDraw, left: int, water: int, scale: float) -> None:
    def at(*points: tuple[int, int]) -> list[tuple[float, float]]:
        return [(left + x * scale, water + y * scale) for x, y in points]

    draw.polygon(at((0, -40), (220, -40), (190, 10), (30, 10)), fill=WATER)
    draw.polygon(at((100, -250), (100, -50), (20, -50)), fill=(70, 62, 88))
    draw.polygon(at((110, -250), (110, -50), (200, -50)), fill=(96, 76, 96))


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()
