"""Dossier: documents, their versions and the tasks on them.

Importing the package puts PyPI's ``pysqlite3`` in the place of the standard library's ``sqlite3``: the one that Debian's
Python carries (3.40) can corrupt a database when two connections checkpoint at once (fixed in SQLite 3.51.3).
And it keeps ``smart_open`` out, which streaming-form-data imports for targets that nobody uses here: with it would come
every cloud's SDK that is installed, 0.2 s of each start.
"""

import sys
from types import ModuleType

import pysqlite3

sys.modules["sqlite3"] = pysqlite3
sys.modules["sqlite3.dbapi2"] = pysqlite3.dbapi2
sys.modules.setdefault("smart_open", ModuleType("smart_open"))

__version__ = "0.1.0"
