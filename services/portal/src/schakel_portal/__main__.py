"""``python -m schakel_portal serve|migrate``, and ``draw-map GEOJSON`` for the provinces on the map."""

import sys
from pathlib import Path

from schakel_common.cli import main
from schakel_portal import geography
from schakel_portal.app import PORTAL

if __name__ == "__main__":
    if sys.argv[1:2] == ["draw-map"]:
        geography.write(Path(sys.argv[2]))
    else:
        sys.exit(main(PORTAL, sys.argv[1:]))
