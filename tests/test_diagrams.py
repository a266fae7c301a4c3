"""Every Mermaid diagram of the documentation can be drawn, in a browser without a network, at a size that can be read."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
MERMAID = ROOT / "tools/npm/node_modules/mermaid/dist/mermaid.min.js"
BLOCK = re.compile(r"^```mermaid\n(.*?)^```$", re.M | re.S)
# In CSS pixels. Where a page is read, its column is some 900 wide, and what is wider is scaled down.
LEAST, WIDEST, TALLEST = 60, 1200, 2400
DRAW = """async ([name, text]) => {
  try {
    await mermaid.parse(text);
    const {svg} = await mermaid.render(name, text);
    const holder = document.createElement("figure");
    holder.id = `shown-${name}`;
    holder.style = "margin: 0; display: inline-block; background: white";
    holder.innerHTML = svg;
    document.body.append(holder);
    const drawn = holder.querySelector("svg");
    const [, , width, height] = drawn.getAttribute("viewBox").split(" ").map(Number);
    drawn.style = `width: ${width}px; height: ${height}px; max-width: none`;
    return {
      width, height, kind: drawn.getAttribute("aria-roledescription"),
      words: [...drawn.querySelectorAll("text, foreignObject")].map((each) => each.textContent).join(" "),
    };
  } catch (error) {
    return {fault: String(error)};
  }
}"""


def diagrams() -> dict[str, str]:
    """All of them, by the page and line that they begin in."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {
        f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}": found[1]
        for page in pages
        for text in [page.read_text()]
        for found in BLOCK.finditer(text)
    }


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """An empty page with Mermaid, which can reach nothing else."""
    assert MERMAID.exists(), "Mermaid is missing: `make wiremock` fetches it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        made = browser.new_page(viewport={"width": 1600, "height": 1200})
        made.route("**/*", lambda route: route.abort())
        made.set_content("<!doctype html><meta charset=utf-8><body style='margin: 0; font: 16px sans-serif'>")
        made.add_script_tag(path=MERMAID)
        made.evaluate("mermaid.initialize({startOnLoad: false, securityLevel: 'strict'})")
        yield made
        browser.close()


def fault(page: Page, name: str, text: str) -> str | None:
    """What is wrong with a diagram, or None."""
    drawn: dict[str, Any] = page.evaluate(DRAW, [name, text])
    if "fault" in drawn:
        return str(drawn["fault"])[:300]
    if drawn["kind"] == "error" or "Syntax error" in drawn["words"]:
        return "Mermaid drew its picture of an error"
    if not drawn["words"].strip():
        return "there is not a word in it"
    if not (LEAST <= drawn["width"] <= WIDEST and LEAST <= drawn["height"] <= TALLEST):
        return f"it is {drawn['width']:.0f} x {drawn['height']:.0f} pixels"
    return None


@pytest.mark.slow
class TestDiagrams:
    def test_all_can_be_drawn(self, page: Page) -> None:
        found = {name: fault(page, f"d{i}", text) for i, (name, text) in enumerate(diagrams().items())}
        assert len(found) > 10
        assert {name: told for name, told in found.items() if told} == {}

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("flowchart TD\n  a --> [b\n", "Parse error"),
            ("no diagram at all\n", "No diagram type"),
            ("flowchart LR\n" + "".join(f"  a{i}[some words here] --> a{i + 1}\n" for i in range(12)), "pixels"),
        ],
    )
    def test_a_bad_one_is_found(self, page: Page, text: str, told: str) -> None:
        assert told in (fault(page, "bad", text) or "")


def test_every_fence_is_closed() -> None:
    """What ``BLOCK`` does not find would not be looked at."""
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        text = path.read_text()
        assert len(BLOCK.findall(text)) == len(re.findall(r"^\s*```\s*mermaid", text, flags=re.M)), path.name
