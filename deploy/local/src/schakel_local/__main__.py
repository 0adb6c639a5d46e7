"""`python -m schakel_local`: what `./schakel` hands over to."""

import sys

from schakel_local.cli import main

sys.exit(main(sys.argv[1:]))
