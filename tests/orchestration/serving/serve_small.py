"""`flowhouse serve` with small definitions: `python serve_small.py HOME PORT`."""

import sys
from pathlib import Path

from served import SECRET

from orchestration.home import Home
from orchestration.serving.serve import Listen, serve
from orchestration.settings import BitcoinNode, Settings

if __name__ == "__main__":
    settings = Settings(bitcoin={"main": BitcoinNode.model_validate({"password": SECRET})})
    home, listen = Home(Path(sys.argv[1])), Listen(int(sys.argv[2]))
    serve(
        home, settings, listen, None, lambda line: print(line, flush=True), ("small_definitions", Path(__file__).parent)
    )
