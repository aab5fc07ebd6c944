"""Records a stream: what it says is appended to a file at once, and filed into the archive at the end of each hour.

    <archive>/liquidation_stream/<venue>/.<hour>.open       while it is appended to
    <archive>/liquidation_stream/<venue>/<end>.gz           with its .meta.json, once it is filed

The open file is on disk every second. A kill at any moment costs at most what came since, and no segment that is filed:
the next recorder goes on with the open file of its hour, up to the last whole line, and files those of other hours. A
segment that is filed before its hour is over, because the collector was told to end, is taken over into the next one of
the same hour: the last of an hour has all of it.
"""

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from ingestion import durable
from ingestion.archive import STAMP, Archive, Capture, Served
from ingestion.errors import ArchiveDamaged
from ingestion.streams.lines import ALIVE, HOUR_MS, MAX_BYTES, Line, Mark, hour_of, packed, unpacked, whole, written
from ingestion.streams.tally import ALIVE_MS, LATE_MS
from ingestion.streams.venue import SOURCE, Subscribed, Venue
from ingestion.transport.errors import StreamLost

EXT = "gz"
OPEN_SUFFIX = ".open"
"""Not that of `durable`, which removes what processes that have ended were writing."""
SYNC_MS = 1000
REPEATED_MESSAGES = 50_000
"""Messages of the last minutes that are repeated in the next segment, so that one that comes again does not count."""


class Recorder:
    """Records one venue's stream; only one process at a time may.

    Args:
        archive: where segments are filed.
        assets: whose liquidations are asked for.
        clock: the time in ms since 1970.
        on_filed: called with each segment that is filed, and its lines.
    """

    def __init__(
        self,
        archive: Archive,
        venue: Venue,
        assets: tuple[str, ...],
        clock: Callable[[], int],
        on_filed: Callable[[Capture, list[Line]], None] = lambda capture, lines: None,
    ) -> None:
        self.venue, self.assets = venue, tuple(sorted(set(assets)))
        self._archive, self._clock, self._on_filed = archive, clock, on_filed
        self._folder = archive.root / SOURCE / venue.name
        self._file: int | None = None
        self._hour = self._size = self._synced_at = 0
        self._alive_at: int | None = None
        self._answers: list[str] = []
        self._recent: deque[Line] = deque(maxlen=REPEATED_MESSAGES)
        durable.make_folder(self._folder)

    def salvage(self) -> None:
        """Take over what an earlier recorder left, before anything is recorded."""
        now = self._clock()
        for path in sorted(self._folder.glob(f".*{OPEN_SUFFIX}")):
            lines = [*whole(path.read_bytes().splitlines(keepends=True))]
            if not lines or lines[0].mark != "opened":
                path.unlink()
            elif lines[0].hour != hour_of(now):
                self._put(path, lines, lines[0].hour + HOUR_MS)
            elif lines[0].assets == self.assets:
                os.truncate(path, sum(len(written(line)) for line in lines))
                self._go_on(path, now)
            else:
                self._put(path, lines, now)
        if self._file is None and (lines := self._filed_early(hour_of(now))):
            self._open(hour_of(now), now)
            self._append(b"".join(map(written, lines[1:])))
            self._append(written(Line(now, mark="resumed")))

    def mark(self, mark: Mark, detail: str = "") -> None:
        """Record how the connection stands."""
        self._write(Line(self._clock(), mark=mark, detail=detail))
        if mark == "lost":  # what it has answered holds no more
            self._alive_at, self._answers = None, []

    def message(self, text: str, said: object) -> None:
        """Record a message, and what it says.

        Raises:
            StreamLost: a segment of that length cannot be right.
        """
        if self._size > MAX_BYTES // 2:
            raise StreamLost(f"it sent more than {MAX_BYTES // 2:,} bytes in an hour")
        line = Line(self._clock(), text=text)
        self._write(line)
        if isinstance(said, Subscribed):
            self._answers.append(text)
        elif said:
            self._recent.append(line)

    def tick(self) -> None:
        """Bring to disk what was recorded, and file a segment whose hour is over; to be called every second."""
        now = self._clock()
        if self._file is None:
            return
        if now >= self._hour + HOUR_MS + ALIVE_MS:
            self._close(self._hour + HOUR_MS)
        elif now - self._synced_at >= SYNC_MS:
            os.fsync(self._file)
            self._synced_at = now

    def close(self) -> None:
        """File what was recorded: the collector ends."""
        if self._file is not None:
            self.mark("stopped")
            # The first second has the stamp of the hour before.
            self._close(min(max(self._clock(), self._hour + 1000), self._hour + HOUR_MS))

    def _write(self, line: Line) -> None:
        """Append a line, in the segment of its hour."""
        is_alive = line.mark in ALIVE
        goes_on = is_alive and line.mark != "connected" and self._alive_at is not None
        goes_on = goes_on and line.at - (self._alive_at or 0) <= ALIVE_MS
        if self._file is not None and hour_of(line.at) > self._hour:
            end = self._hour + HOUR_MS
            if goes_on:
                self._append(written(Line(end, mark="until")))
            self._close(end)
        if self._file is None:
            self._open(hour_of(line.at), line.at)
            if goes_on:
                self._append(written(Line(self._hour, mark="continues")))
        self._append(written(line))
        self._alive_at = line.at if is_alive else self._alive_at

    def _open(self, hour: int, at: int) -> None:
        path = self._folder / f".{_stamp(hour)}{OPEN_SUFFIX}"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        durable.sync_folders([self._folder])
        self._path, self._hour, self._size, self._synced_at = path, hour, 0, at
        before = [Line(at, before=text) for text in self._answers if self._alive_at]
        before += [Line(each.at, before=each.text) for each in self._recent if at - each.at <= LATE_MS]
        head = Line(at, mark="opened", hour=hour, assets=self.assets)
        self._append(b"".join(map(written, [head, *before])))

    def _go_on(self, path: Path, now: int) -> None:
        """Append to the file of an earlier recorder."""
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._path, self._hour, self._size, self._synced_at = path, hour_of(now), path.stat().st_size, now
        self._append(written(Line(now, mark="resumed")))

    def _append(self, content: bytes) -> None:
        assert self._file is not None
        view = memoryview(content)
        while view:
            view = view[os.write(self._file, view) :]
        self._size += len(content)

    def _close(self, stamp: int) -> None:
        assert self._file is not None
        os.close(self._file)
        self._file = None
        self._put(self._path, [*whole(self._path.read_bytes().splitlines(keepends=True))], stamp)

    def _put(self, path: Path, lines: list[Line], stamp: int) -> None:
        served = Served(self.venue.url, packed(lines), _time(stamp))
        capture = self._archive.put(SOURCE, self.venue.name, served, EXT, origin="collected")
        path.unlink()
        self._on_filed(capture, lines)

    def _filed_early(self, hour: int) -> list[Line]:
        """The lines of an hour that an earlier recorder has filed before the hour was over."""
        first, last = _stamp(hour), _stamp(hour + HOUR_MS)
        names = self._archive.names(SOURCE)
        others = frozenset(name for name in names if name[0] != self.venue.name or not first < name[1] <= last)
        captures, _ = self._archive.captures(SOURCE, others)
        for capture in sorted(captures, key=lambda each: each.order, reverse=True):
            with suppress(ArchiveDamaged, ValueError):
                lines = unpacked(self._archive.read(capture))
                if lines[0].hour == hour:
                    return lines
        return []


def _time(at: int) -> datetime:
    """A time in ms since 1970 as UTC without zone."""
    return datetime.fromtimestamp(at / 1000, UTC).replace(tzinfo=None)


def _stamp(at: int) -> str:
    return _time(at).strftime(STAMP)
