"""Files as people have them, made on the spot: PDFs of several pages of text, images."""

import io

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 595, 842


def pdf(*pages: list[str]) -> bytes:
    """A PDF (A4) with these lines on its pages, in Helvetica, as text that can be selected."""
    count = len(pages)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(b"%d 0 R" % (4 + 2 * n) for n in range(count)), count),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, lines in enumerate(pages):
        body = _body(lines)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>"
            % (WIDTH, HEIGHT, 5 + 2 * number)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(body), body))
    return _file(objects)


def _body(lines: list[str]) -> bytes:
    escaped = [line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)") for line in lines]
    shown = b"".join(b"(%s) Tj T*\n" % line.encode("cp1252", "replace") for line in escaped)
    return b"BT /F1 12 Tf 18 TL 72 %d Td\n%sET" % (HEIGHT - 72, shown)


def _file(objects: list[bytes]) -> bytes:
    out, places = io.BytesIO(), []
    out.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    for number, body in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    out.write(b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start))
    return out.getvalue()


def lease(rent: int, term: str, pages: int = 5) -> bytes:
    """A lease of several pages: the rent stands on the first, the term on the third."""
    filler = [
        f"{n}. The tenant keeps the rooms in good order and tells the landlord of any damage at once."
        for n in range(2, 30)
    ]
    texts = [[f"Lease of the rooms at Main Street 12, page {page} of {pages}", ""] for page in range(1, pages + 1)]
    texts[0] += [f"1. The rent is {rent} euros a month, due on the first working day.", *filler]
    texts[2] += [f"7. The lease has a term of {term} from the first of January.", *filler]
    for page in (1, *range(3, pages)):
        texts[page] += filler
    return pdf(*texts)


def png(width: int = 640, height: int = 400, colour: str = "#305a9f") -> bytes:
    """An image with a frame in it."""
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).rectangle((40, 40, width - 40, height - 40), outline=colour, width=12)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
