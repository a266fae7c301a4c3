"""What OpenDAL does not tell of a service: how it holds folders, and which names."""

import re
from dataclasses import dataclass, field
from typing import Final

from dossier.connectors.names import MOST_BYTES, fitting

#: OpenDAL cuts white space off both ends of a path, and some services take a backslash for a slash.
_UNFIT: Final = re.compile("[/\\\\\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_OUTER: Final = re.compile(r"^\s+|\s+$")
_DOTS: Final = re.compile(r"\.+$")


@dataclass(frozen=True, slots=True)
class Traits:
    """Of one service."""

    #: There are only keys: a folder is a key that ends with a slash, or whatever other keys begin with.
    keys: bool = False
    #: "A" and "a" are two names.
    case_sensitive: bool = True
    #: Bytes of UTF-8 in one name.
    most: int = MOST_BYTES
    #: What is being sent lies beside the place under a name of OpenDAL's: it gets a hidden folder of its own.
    hides: bool = False
    #: A name may end with a dot.
    ends_with_dot: bool = True

    def fit(self, name: str) -> str:
        """The name, as it can be kept there."""
        name = fitting(name, _UNFIT, self.most)
        for ends in (_OUTER,) if self.ends_with_dot else (_OUTER, _DOTS):
            name = ends.sub(lambda found: "_" * len(found[0]), name)
        return name


#: By OpenDAL's names of the services.
TRAITS: Final[dict[str, Traits]] = {
    "azblob": Traits(keys=True, ends_with_dot=False),
    "azdls": Traits(ends_with_dot=False),
    "b2": Traits(keys=True),
    "cos": Traits(keys=True),
    "dropbox": Traits(case_sensitive=False),
    # While a file is sent, its name has a dot and eight letters more.
    "ftp": Traits(most=MOST_BYTES - 9, hides=True),
    "gcs": Traits(keys=True),
    "gdrive": Traits(),
    "obs": Traits(keys=True),
    "oss": Traits(keys=True),
    "seafile": Traits(),
}


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the link leads: what lies below ``root`` in a service, and how to reach that, in OpenDAL's words."""

    service: str
    config: dict[str, str] = field(repr=False)
    root: str = ""
    traits: Traits = Traits()
