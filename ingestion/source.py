"""What a source is: one raw table, and the functions that fetch, parse and frame its pages.

Each module in `ingestion/sources/` has three plain functions and ends with `SOURCE`, which names them:

    fetch(http, resource, archived, day)   what the publisher serves now, as `Served`; the only one with I/O
    parse(content)                         bytes -> rows as the publisher wrote them
    frame(rows, resource)                  rows -> key + values, typed, in our units: raw_text and value of each cell,
                                           or, of a `RowSource`, the columns that it names

A blank cell ("not reported yet") has neither raw_text nor value. A page that cannot be trusted raises `PageRefused`.
A source whose pages may contradict what is known says with `vet` what a page must be by itself, and with `rules` how
much of what is known it may change; `ingestion/judgement` applies them.
"""

import csv
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar, cast

import polars as pl
import polars.selectors as cs

from ingestion.archive import Served
from ingestion.errors import PageRefused
from ingestion.lake.observations import CELL, observation_schema
from ingestion.printable import printable

MOST = 1e15
"""What no figure comes to, in whatever unit: the largest recorded one is 9.6e10, dollars of open interest, but for two
sources that say so. A product of two has a place in the models' decimals, which end at 1e30."""

Row = TypeVar("Row")
Newest = Literal["same_day", "next_session"]


@dataclass(frozen=True, kw_only=True)
class Cadence:
    """How often a source's figures come, and when a day's are expected.

    Attributes:
        days: which days have figures: NYSE sessions, which end with their close, or days in UTC.
        ask_after: time from the end of a day until its figures can be out.
        late_after: time from the end of a day until its figures are late.
        funds: which listed funds report on a session: all of an asset that the source has, or only those it has. None
            for a source that is not about funds: its day is complete once every series has a figure.
    """

    days: Literal["session", "utc_day"]
    ask_after: timedelta
    late_after: timedelta
    funds: Literal["asset", "ticker"] | None = None


# Of 15 sessions recorded half-hourly in November 2025, 13 were complete 8 h after the close and the last after 12 h.
AFTER_CLOSE = timedelta(hours=15)
"""Time from the close of a session until the funds' figures are late."""


class Finding(NamedTuple):
    """What a page says that is off, though the page is read; of a day of a fund, or of the printed TOTAL."""

    kind: str
    asset: str
    ticker: str
    value_date: date
    detail: str


@dataclass(frozen=True)
class Sessions:
    """The sessions that count for a capture: those that had opened when it was fetched.

    Attributes:
        opened: their days, ascending.
        closed_until: the day of the newest that had closed.
        coming: the day of the next; None where nobody knows.
    """

    opened: Sequence[date]
    closed_until: date
    coming: date | None = None

    def settled_until(self, after: int) -> date:
        """The newest day after which at least so many sessions had opened."""
        return self.opened[-1 - after] if len(self.opened) > after else date.min


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How much of what is known one page may change; more, and it is held back until somebody decides.

    A figure is settled once a capture has shown it when so many sessions had opened after its day.

    Attributes:
        settled_after: that number.
        only_settled: whether figures that are not settled may change at will. If not, nonzero ones of any age may not:
            of 3,738 real pages of flows every figure that ever changed had been 0.0.
        reports_after_close: whether a figure that is printed before its session has closed is no report yet: all 49
            ever seen on pages of flows were 0.0, and half were taken back. It counts from the first capture after the
            close that still shows it.
        most_nonzero: how many figures other than zero may change or go blank.
        most: how many figures may, settled zeros among them.
        keeps_scale: whether figures are of funds' days, and stay of the order of what is known of their fund.
    """

    settled_after: int = 3
    only_settled: bool = False
    reports_after_close: bool = False
    most_nonzero: int = 1
    most: int = 3
    keeps_scale: bool = False


NO_HEADERS: Mapping[str, str] = {}


class Fetcher(Protocol):
    """A client that fetches one address, as `ingestion.transport.publisher` does."""

    def get(self, url: str, headers: Mapping[str, str] = ...) -> Served: ...

    def post(self, url: str, body: bytes, headers: Mapping[str, str] = ...) -> Served: ...


@dataclass(frozen=True)
class ApiKey:
    """A key without which a publisher answers nothing; each user has their own.

    Attributes:
        name: of the publisher: the settings have the key as `<name>_key`.
        header: the header of a request that carries it.
        parameter: the parameter of an address that carries it, where the publisher reads no header; it is added as the
            request is sent, and no address that is stored or shown has it.
    """

    name: str
    header: str = ""
    parameter: str = ""


@dataclass(frozen=True)
class OwnInstance:
    """A client that asks a user's own instance of what a publisher serves, in the public one's place.

    Attributes:
        http: the client that asks.
        public, own: the addresses that theirs begin with, without a slash at the end.
    """

    http: Fetcher
    public: str
    own: str

    def get(self, url: str, headers: Mapping[str, str] = NO_HEADERS) -> Served:
        """As the client's."""
        return self.http.get(self._own(url), headers)

    def post(self, url: str, body: bytes, headers: Mapping[str, str] = NO_HEADERS) -> Served:
        """As the client's."""
        return self.http.post(self._own(url), body, headers)

    def _own(self, url: str) -> str:
        return self.own + url.removeprefix(self.public)


@dataclass(frozen=True, kw_only=True)
class Source(Generic[Row]):
    """What every source has. Its raw table is `<name>/<table>` in the lake, in Dagster and in dbt.

    Attributes:
        name: the name of its module.
        description: its module's docstring: what it is, its limits, and on which bytes it was exercised.
        terms: the terms of use of its data.
        ext: the extension of its files in the archive.
        key: the columns that identify a cell, with their types; one of them is `value_date`.
        values: the columns that a row has beside its key, with their types.
        newest: the latest value date that a page may have: the day it was fetched, or the next NYSE session.
        cadence: when figures are expected; None where nobody promises any, as for a user's own file.
        vet: refuses a page for what it says, or leaves out what of it cannot be trusted: takes its cells in the order
            of the page, and the sessions that had opened; returns the cells to read, and findings.
        doubt: why cells that can be read are held until somebody accepts them, as a clause; None where they are not.
        contradiction: the same for what was read before: takes cells, the newest ones known, and the resource. Not
            for sources with `rules`.
        check_address: refuses bytes that are not what their address says, where they tell.
        rules: how much a page may change; None where publishers are free to replace what they published.
        is_opt_in: whether it is asked only where the settings name it.
        api_key: the key that a publisher asks for; None where everybody may ask.
        most: what no figure of its pages comes to.
        instance: the address of a public instance, in whose place the settings may name the user's own; None where
            there is but one.
    """

    name: str
    table: str
    description: str | None
    terms: str
    ext: str
    key: Mapping[str, pl.DataType]
    newest: Newest
    parse: Callable[[bytes], list[Row]]
    frame: Callable[[list[Row], str], pl.DataFrame]
    values: Mapping[str, pl.DataType] = field(default_factory=lambda: CELL)
    vet: Callable[[pl.DataFrame, Sessions], tuple[pl.DataFrame, list[Finding]]] | None = None
    doubt: Callable[[pl.DataFrame], str | None] | None = None
    contradiction: Callable[[pl.DataFrame, pl.DataFrame, str], str | None] | None = None
    check_address: Callable[[bytes, str], None] | None = None
    rules: Rules | None = None
    cadence: Cadence | None = None
    is_opt_in: bool = False
    api_key: ApiKey | None = None
    instance: str | None = None
    most: float = MOST

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """The columns of its raw table: key, observed_at, values, archive_sha256."""
        return observation_schema(self.key, self.values)

    def is_chosen(self, chosen: Collection[str] | None) -> bool:
        """Whether it is asked where the settings name these sources, or None."""
        return not self.is_opt_in if chosen is None else self.name in chosen

    def read(self, content: bytes, resource: str) -> pl.DataFrame:
        """The cells of a page, at least one: key, raw_text, value.

        Raises:
            PageRefused: it cannot be trusted as a whole, or has a figure of at least `most` or that is no number.
        """
        cells = self.frame(self.parse(content), resource)
        if cells.is_empty():
            raise PageRefused("it has no figure: look at the page.")
        _check_sizes(cells, self.most)
        return cells


@dataclass(frozen=True, kw_only=True)
class PublisherSource(Source[Row]):
    """A source whose pages are fetched.

    Attributes:
        max_bytes: of a page, where it is larger than most publishers' pages are.
        exts: the extension of the files of a resource, where it is another than `ext`.
        resources: what can be fetched; each is a folder of the archive.
        fetch: takes a client, a resource, the addresses that were read successfully before, each with the sha256 of
            what was read last, and today in UTC.
    """

    max_bytes: int | None = None
    exts: Mapping[str, str] = field(default_factory=dict[str, str])
    resources: Sequence[str]
    fetch: Callable[[Fetcher, str, Mapping[str, str], date], Iterator[Served]]


@dataclass(frozen=True, kw_only=True)
class RowSource(PublisherSource[Row]):
    """A publisher whose pages have rows of several figures, too many for a row per figure: bars, snapshots, fills.

    Its raw table is in parts, one per resource and month of the value date, and has a row per change of any of a row's
    values. No two resources have rows of the same key. `rules` and `vet` are not for it.
    """

    values: Mapping[str, pl.DataType] = field()

    def read(self, content: bytes, resource: str) -> pl.DataFrame:
        """The rows of a page, at least one: key and values.

        Raises:
            PageRefused: it cannot be trusted as a whole, or a key is not whole, or comes twice.
        """
        try:
            rows = super().read(content, resource).select(*self.key, *self.values)
        except (ValueError, ArithmeticError, RecursionError, csv.Error, pl.exceptions.PolarsError) as error:
            # What no parser foresaw: a number or a time that no column holds, or another file under the name.
            why = printable(" ".join(f"{type(error).__name__}: {error}".split()))[:150]
            raise PageRefused(f"it has what cannot be read ({why}): look at the page, and report it.") from None
        keys = rows.select(*self.key)
        if keys.null_count().sum_horizontal().item() or (keys.select(cs.string()) == "").to_numpy().any():
            raise PageRefused("it has a row whose key is not whole: look at the page.")
        if keys.is_duplicated().any():
            raise PageRefused(
                f"it has two rows of {' '.join(map(str, keys.filter(keys.is_duplicated()).row(0)))}: look at the page."
            )
        return rows


@dataclass(frozen=True, kw_only=True)
class UploadSource(Source[Row]):
    """A source of users' own files; a resource is the name that a user gives to a file.

    Attributes:
        reserved_names: names that no file may have.
    """

    reserved_names: Sequence[str]


def cell_schema(key: Mapping[str, pl.DataType]) -> dict[str, pl.DataType]:
    """The columns of a frame whose cells `key` identifies."""
    return {**key, **CELL}


def _check_sizes(rows: pl.DataFrame, most: float) -> None:
    """One figure that no decimal holds would stop every model behind it.

    Raises:
        PageRefused: a figure is that large, or no number.
    """
    for name in (name for name, dtype in rows.schema.items() if dtype.is_float()):
        is_sound = rows[name].abs() < most  # what is no number is above all
        if not is_sound.all():
            wrong = rows.filter(~is_sound)
            where = " ".join(printable(str(each)) for each in wrong.select(~cs.float()).row(0) if each is not None)[
                :120
            ]
            raise PageRefused(
                f"it has the figure {wrong[name][0]:g} ({where}), where none comes to {most:g}: look at the page."
            )


def newest_day(cells: pl.DataFrame) -> date:
    """The latest value date of a page's cells."""
    return cast(date, cells["value_date"].max())  # Polars types it as any literal
