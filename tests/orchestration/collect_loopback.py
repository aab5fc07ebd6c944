"""`flowhouse collect liquidations` of a venue on this machine: `python collect_loopback.py HOME URL`."""

import sys
from dataclasses import replace
from pathlib import Path

from ingestion.streams.venues import VENUES
from orchestration import collecting
from orchestration.home import Home

if __name__ == "__main__":
    venue = replace(VENUES["bybit"], url=sys.argv[2])
    collecting.run(Home(Path(sys.argv[1])), [venue], ["BTC"], lambda line: print(line, flush=True))
