"""The journal by itself, in this process: for faults so fine that a whole engine would only hide them.

    Life (takes, settles, parks, buries) -> DiskLog -> a VFS that records or fails -> files
      \\------ Book (what was promised, and when) -> judge <- Found (what a folder holds) <-/

A life lasts seconds of virtual time and milliseconds of real time. Unlike the rest of this harness it imports the engine: its journal,
and nothing above that.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from bench.machine import ROOT

if find_spec("doorstep") is None:
    sys.path.append(str(ROOT / "_dev"))
