"""Fill the templates beside this file in: ``render.py FOLDER NAME=value …``, for machines without envsubst.

Every ``${EDGE_…}`` needs a value, from the arguments or, where it has one, its default. Files are for their owner's eyes,
since one of them holds the edge's secret. Without EDGE_SECRET the partners' door is left out.
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
NAME = re.compile(r"\$\{(EDGE_[A-Z_]+)\}")
DEFAULTS = {
    "EDGE_RUN": "/run/dossier-edge",
    "EDGE_LOG": "/dev/stdout",
    "EDGE_ERROR_LOG": "stderr",
    "EDGE_HTTP_LISTEN": "80",
    "EDGE_LISTEN": "443",
    "EDGE_PARTNER_LISTEN": "8443",
    "EDGE_BLOBS": "/nonexistent",
    "EDGE_BLOBS_PREFIX": "/_blobs/",
    "EDGE_BROTLI": "",
}
SAME = {
    "EDGE_PARTNER_SERVERS": "EDGE_SERVERS",
    "EDGE_PARTNER_CERT": "EDGE_CERT",
    "EDGE_PARTNER_KEY": "EDGE_KEY",
}


def render(folder: Path, given: dict[str, str]) -> None:
    """Write the configuration. Raises KeyError for a value that is missing."""
    values = DEFAULTS | given
    values |= {name: values[other] for name, other in SAME.items() if name not in values and other in values}
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    for template in sorted(HERE.glob("*.conf")):
        if template.name == "partner.conf" and not values.get("EDGE_SECRET"):
            continue
        path = folder / template.name
        path.touch(mode=0o600)
        path.write_text(NAME.sub(lambda found: values[found[1]], template.read_text()))


if __name__ == "__main__":
    try:
        render(Path(sys.argv[1]), dict(each.split("=", 1) for each in sys.argv[2:]))
    except KeyError as error:
        sys.exit(f"render.py: {error.args[0]} has no value")
    except (IndexError, ValueError):
        sys.exit(__doc__)
