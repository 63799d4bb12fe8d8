"""`python -m doorstep`: the command, where its script is not on the path. `doorstep` itself is a namespace and holds nothing else."""

from doorstep.engine.cli import main

main()
