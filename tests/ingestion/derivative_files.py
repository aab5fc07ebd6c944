"""Made files of data.binance.vision, and a publisher that serves them."""

import zipfile
from datetime import datetime
from io import BytesIO

from ingestion.archive import Served
from ingestion.transport.errors import NotPublished


def zipped(name, *lines):
    """A zip of one CSV."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), "".join(f"{line}\n" for line in lines), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


class Publisher:
    """Serves what it has, 404 for the rest; `asked` are the addresses without CHECKSUM."""

    def __init__(self, contents):
        self.contents = contents
        self.asked = []

    def get(self, url):
        if url not in self.contents:
            self.asked += [] if url.endswith(".CHECKSUM") else [url]
            raise NotPublished(f"{url} answered 404.")
        self.asked.append(url)
        return Served(url, self.contents[url], datetime(2026, 7, 5))
