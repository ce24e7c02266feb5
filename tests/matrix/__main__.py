"""What every server gives, as the tests demand it.

`python -m tests.matrix > docs/servers.md` writes the page; `python -m tests.matrix summary` prints what README shows.
"""

from __future__ import annotations

import sys

from tests.matrix.directions import DIRECTIONS
from tests.matrix.table import document, summary

if __name__ == "__main__":
    sys.stdout.write("\n".join(map(summary, DIRECTIONS)) if sys.argv[1:] == ["summary"] else document())
