"""`python -m doorstep.engine.cli`: the command line of an engine that is not installed."""

from . import main

main()
