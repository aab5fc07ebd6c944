"""The README's picture: the head of the report that was published last, as Chromium shows it.

python tests/orchestration/publishing/picture.py data/published/latest/report.html
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parents[3] / "orchestration" / "publishing" / "report" / "report.png"
SIZE = {"width": 1200, "height": 1790}


def main(report: Path) -> None:
    """Make the picture; its size must stay below 200 kB."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE, device_scale_factor=0.68)
        page.goto(report.resolve().as_uri())
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
