"""Every screen of the portal as a picture: at 1280 and 390 px, in light and dark. Run by ``make screenshots``.

A program of its own is filled through the API, looked at, and ended. PORTAL_BUILD names another build,
``--only documents,people`` some of the screens, ``--into`` another folder than screenshots/.
"""

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.e2e import content, portal  # noqa: E402  # the tests' own hands on the program
from tests.trust.server import Nursery  # noqa: E402

SIZES = {"1280": portal.DESKTOP, "390": portal.PHONE}
SCHEMES = ("light", "dark")


def main() -> None:
    """Take all pictures, and print where they are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=ROOT / "screenshots")
    parser.add_argument("--only", type=lambda text: text.split(","), default=None)
    asked = parser.parse_args()
    asked.into.mkdir(parents=True, exist_ok=True)
    nursery = Nursery()
    with tempfile.TemporaryDirectory(prefix="dossier-screenshots-") as folder:
        template = portal.prepare(nursery, Path(folder) / "template")
        server = portal.serve(template, Path(folder))
        try:
            count = take(portal.address(server), server.data.parent / "shares" / "acme", asked.into, asked.only)
        finally:
            server.kill()
            nursery.close()
    print(f"{count} pictures in {asked.into}")


def take(base: str, shares: Path, into: Path, only: list[str] | None) -> int:
    """Each screen in each size and scheme; how many that were."""
    filled = content.fill(base, shares)
    playwright, browser = portal.launch()
    count = 0
    try:
        for width, viewport in SIZES.items():
            for scheme in SCHEMES:
                for screen in content.screens(filled):
                    if only and not any(screen.name.startswith(wanted) for wanted in only):
                        continue
                    touch = {"has_touch": True, "is_mobile": True} if width == "390" else {}
                    window = portal.Window(browser, base, viewport=viewport, color_scheme=scheme, **touch)
                    if screen.who:
                        window.sign_in(screen.who)
                    page = window.open(screen.path)
                    screen.ready(page)
                    page.screenshot(path=into / f"{screen.name}-{width}-{scheme}.png")
                    window.close()
                    count += 1
    finally:
        browser.close()
        playwright.stop()
    return count


if __name__ == "__main__":
    main()
