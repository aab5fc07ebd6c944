"""The settings of a home: `<home>/flowhouse.toml`, and the environment above it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic.config import JsonDict

from ingestion.bitcoin.networks import NETWORKS
from ingestion.errors import UsageError
from ingestion.streams.venue import ASSETS, SOURCE
from orchestration import environment, seeds
from orchestration.configuration import checks, layers
from orchestration.configuration.choices import nearest
from orchestration.configuration.keys import KeyPath
from orchestration.configuration.sentences import mistake
from orchestration.ingest_mode import Live

if TYPE_CHECKING:
    from ingestion.source import Source

FILE_NAME = "flowhouse.toml"
FINAL_AFTER = 1000
"""Blocks on top of a block before it is finalized, unless a setting asks for fewer."""

SPARK_MEBIBYTES = 512
"""Spark does not start with less than 450 MiB (UnifiedMemoryManager: 1.5 times the 300 MiB that it sets aside)."""

MAX_RANGES = 10_000
"""Of a chain's history: Dagster shows each as a partition."""

VARIABLES_ONLY = {"confirmations", "rpc_user", "rpc_password", "evm_rpc_url"}
SCHEMES = ("http://", "https://")
SECRET: JsonDict = {"secret": True}
Count = Annotated[int, BeforeValidator(checks.no_boolean)]
Texts = BeforeValidator(checks.split)
"""A list may be one text with spaces between its items, as in a variable."""
Cron = Annotated[str, AfterValidator(checks.cron)]


class Section(BaseModel):
    """One table of the file; a key that is not known is an error, and no value of a secret is ever in a message."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)


class Publishers(Section):
    """Who is asked, and how a scheduled run gathers captures.

    Attributes:
        contact: mail address or web page that publishers see in the User-Agent; may be empty.
        sources: names of the sources to ask; None for all whose terms allow it.
        mode: live, or held (stored captures only).
        bitview_url: the user's own instance of the Bitcoin Research Kit; empty for the public one.
        coinglass_key, coinalyze_key, coinshares_key: the user's own keys, without which these publishers are not asked.
    """

    contact: str = ""
    sources: Annotated[tuple[Annotated[str, AfterValidator(checks.source_name)], ...] | None, Texts] = None
    mode: Literal["live", "held"] = "held"
    bitview_url: Annotated[str, AfterValidator(checks.instance_url)] = ""
    coinglass_key: SecretStr = SecretStr("")
    coinalyze_key: SecretStr = SecretStr("")
    coinshares_key: SecretStr = SecretStr("")

    @property
    def keys(self) -> dict[str, str]:
        """The keys there are, by the name of their publisher."""
        keys = {
            "coinglass": self.coinglass_key,
            "coinalyze": self.coinalyze_key,
            "coinshares": self.coinshares_key,
        }
        return {name: key.get_secret_value() for name, key in keys.items() if key.get_secret_value()}

    @property
    def instances(self) -> dict[str, str]:
        """The user's own instances that there are, by the name of the source."""
        return {"bitview": self.bitview_url} if self.bitview_url else {}

    def live(self) -> Live:
        """Gathering from publishers, as these settings have it."""
        return Live(self.contact, self.keys, self.instances)

    def asks(self, source: "Source[Any]") -> bool:
        """Whether a source is asked: it is chosen, and there is a key where it needs one."""
        return source.is_chosen(self.sources) and (source.api_key is None or source.api_key.name in self.keys)


class BitcoinNode(Section):
    """A node of one network. A folder and an address may stand together: history from files, then what is new.

    Attributes:
        confirmations: blocks on top of a block before it is finalized.
    """

    datadir: Path | None = None
    rpc: str | None = Field(default=None, repr=False, json_schema_extra=SECRET)
    cookie: Path | None = None
    user: str = ""
    password: SecretStr = SecretStr("")
    rest: str | None = Field(default=None, repr=False, json_schema_extra=SECRET)
    snapshot: Path | None = None
    confirmations: Count = Field(default=FINAL_AFTER, ge=1, le=FINAL_AFTER)


class EvmProvider(Section):
    """Providers of one account chain.

    Attributes:
        rpc: addresses, possibly with keys in them; the next is asked where one is down.
        only: assets and protocols to read; empty for all.
        from_block: first block.
        range_blocks: the blocks below are history that is read in ranges of so many, each by itself.
        chain_id: of a network that the seeds do not know.
        blooms: whether the chain fills the blooms of its blocks; where they are absent, quiet blocks are asked for one
            by one.
    """

    rpc: Annotated[tuple[SecretStr, ...], Texts]
    only: Annotated[tuple[str, ...], Texts] = ()
    from_block: Count = Field(default=0, ge=0)
    range_blocks: Count | None = Field(default=None, ge=1)
    chain_id: Count | None = Field(default=None, ge=1)
    blooms: Literal["filled", "absent"] = "filled"


class OwnSeeds(Section):
    """The user's own CSV files, which add to the project's seeds, and a folder of TagPacks.

    Attributes:
        tagpacks: its labels are entities, below the user's own rows.
    """

    tokens: Path | None = None
    contracts: Path | None = None
    entities: Path | None = None
    fund_addresses: Path | None = None
    internal_moves: Path | None = None
    tagpacks: Path | None = None


class Schedule(Section):
    """When what is asked: cron expressions, or "off"."""

    funds: Cron = "*/30 * * * *"
    bars: Cron = "20 0,6 * * *"
    chains: Cron = "7 * * * *"
    archive_check: Cron = "40 3 * * 0"
    time_zone: Annotated[str, AfterValidator(checks.time_zone)] = "UTC"


class Collect(Section):
    """Which streams `serve` listens to.

    Attributes:
        liquidations: venues whose liquidations are collected; empty for none.
        assets: whose contracts are listened to.
    """

    liquidations: Annotated[tuple[Annotated[str, AfterValidator(checks.venue_name)], ...], Texts] = ()
    assets: Annotated[tuple[Annotated[str, AfterValidator(checks.asset_name)], ...], Texts] = ASSETS


class Claims(Section):
    """Whether a changed verdict fails the build."""

    strict: bool = False


class Alerts(Section):
    """Whom to tell, as addresses that Apprise knows, and how late a source must be first."""

    urls: Annotated[tuple[SecretStr, ...], Texts] = ()
    late_after_hours: float = Field(default=0, ge=0)


class Publish(Section):
    """How many builds stay published, and how many bytes they may fill together.

    Attributes:
        to: a folder, or s3://bucket/prefix, gs:// or az:// likewise, that each build is copied to.
    """

    keep_builds: Count = Field(default=7, ge=1)
    keep_gib: float = Field(default=20, gt=0)
    to: Annotated[Path | str | None, AfterValidator(checks.publish_target)] = None


class LakePlace(Section):
    """Where the raw tables are.

    Attributes:
        url: s3://bucket/prefix, gs:// or az:// likewise; None for the folder `lake` of the home.
    """

    url: Annotated[str, AfterValidator(checks.store_url)] | None = None


class Engine(Section):
    """What builds the marts, and what it may use.

    Attributes:
        memory_limit: of DuckDB; on Spark, of the driver and of each executor by itself.
        threads: of DuckDB; on Spark, models at a time, and threads where it runs on this machine.
        spark_master: where Spark runs; None for this machine.
    """

    name: Literal["duckdb", "spark"] = "duckdb"
    memory_limit: Annotated[str, AfterValidator(checks.memory)] | None = None
    threads: Count = Field(default=2, ge=1)
    spark_master: Annotated[str, AfterValidator(checks.spark_master)] | None = None

    @property
    def master(self) -> str:
        """Where Spark runs."""
        return self.spark_master or f"local[{self.threads}]"

    def with_choice(self, name: str | None, master: str | None) -> Self:
        """The same with what a command line names; DuckDB has no master.

        Raises:
            UsageError: it does not fit the rest.
        """
        chosen = name or self.name
        master = master or (self.spark_master if chosen == "spark" else None)
        engine = self.model_copy(update={"name": chosen, "spark_master": master})
        for _, sentence in _about_engine(engine):
            raise UsageError(sentence)
        return engine


class Settings(Section):
    """All settings of a home. Constructed by hand, it reads neither a file nor the environment.

    Attributes:
        bitcoin, evm: by network.
        lock_wait_seconds: how long a command waits for another that writes to the home.
        confirmations, rpc_user, rpc_password, evm_rpc_url: for a node or provider that is named on the command line;
            only in the environment.
    """

    publishers: Publishers = Publishers()
    bitcoin: dict[str, BitcoinNode] = {}
    evm: dict[str, EvmProvider] = {}
    seeds: OwnSeeds = OwnSeeds()
    schedule: Schedule = Schedule()
    collect: Collect = Collect()
    claims: Claims = Claims()
    alerts: Alerts = Alerts()
    publish: Publish = Publish()
    lake: LakePlace = LakePlace()
    engine: Engine = Engine()
    lock_wait_seconds: float = Field(default=600, ge=0)
    confirmations: Count = Field(default=FINAL_AFTER, ge=1, le=FINAL_AFTER)
    rpc_user: str = ""
    rpc_password: SecretStr = SecretStr("")
    evm_rpc_url: SecretStr = SecretStr("")

    @property
    def account_chains(self) -> dict[str, int]:
        """The chain id of each account chain that the project's seeds or these settings know, by network."""
        own = {name: provider.chain_id for name, provider in self.evm.items() if provider.chain_id is not None}
        return seeds.chain_ids() | own

    def asks(self, source: "Source[Any]") -> bool:
        """Whether a source is asked; that of a stream is while it is collected, since its segments are to be read."""
        is_collected = source.name == SOURCE and bool(self.collect.liquidations)
        return is_collected or self.publishers.asks(source)

    @classmethod
    def read(cls, home: Path, given: Mapping[str, str] | None = None) -> Self:
        """The settings of a home.

        Args:
            home: the home folder, which need not be there.
            given: the environment; that of the process where it is None.

        Raises:
            UsageError: the file cannot be read, or a value in it or in the environment is invalid; the sentence names
                file and line, or the variable.
        """
        return cls.read_with_places(home, given)[0]

    @classmethod
    def read_with_places(cls, home: Path, given: Mapping[str, str] | None = None) -> tuple[Self, Mapping[KeyPath, str]]:
        """The settings of a home, and where each value that is no default comes from.

        Raises:
            UsageError: as `read` says.
        """
        given = environment.variables() if given is None else given
        file = layers.file_layer(cls, home / FILE_NAME, given)
        above = layers.environment_layer(cls, given, {*environment.OTHER_VARIABLES, *file.variables})
        for key in VARIABLES_ONLY & file.values.keys():
            raise UsageError(f"{file.place((key,))}: {key} is not read here: write it in the table of its network.")
        layer = file.below(above)
        if "confirmations" in above.values:
            _confirm_all(layer, above)
        try:
            settings = cls(**layer.values)
        except ValidationError as error:
            raise mistake(error, cls, layer) from None
        for path, sentence in _contradictions(settings):
            raise UsageError(f"{layer.place(path)}: {sentence}")
        return settings, layer.places


def _confirm_all(layer: layers.Layer, above: layers.Layer) -> None:
    """Let the variable for all networks stand above the file's number for one."""
    networks = layer.values.get("bitcoin", {})
    for name, node in networks.items():
        path = ("bitcoin", name, "confirmations")
        if isinstance(node, dict) and path not in above.places:
            networks[name] = {**node, "confirmations": above.values["confirmations"]}
            layer.places[path] = above.places[("confirmations",)]


def _contradictions(settings: Settings) -> Iterator[tuple[KeyPath, str]]:
    """What is wrong about keys that fit by themselves: the path of a table or key, and a sentence."""
    for name, node in settings.bitcoin.items():
        yield from ((("bitcoin", name, key), sentence) for key, sentence in _about_node(name, node))
    yield from ((("engine", key), sentence) for key, sentence in _about_engine(settings.engine))
    chain_ids = seeds.chain_ids()
    for name, provider in settings.evm.items():
        known = chain_ids.get(name)
        if not provider.rpc:
            yield ("evm", name, "rpc"), f"evm.{name}.rpc is empty: write the address of a provider."
        if not all(each.get_secret_value().startswith(SCHEMES) for each in provider.rpc):
            yield ("evm", name, "rpc"), f"evm.{name}.rpc is no address: write one that begins with http:// or https://."
        if known is None and provider.chain_id is None:
            choices = nearest(name, chain_ids)
            yield ("evm", name), f"the seeds do not know the network {name}: {choices}, or give its chain_id."
        if known is not None and provider.chain_id not in (None, known):
            yield ("evm", name, "chain_id"), f"the chain id of {name} is {known}: write that, or give another name."
        if provider.range_blocks and not 0 < provider.from_block <= MAX_RANGES * provider.range_blocks:
            yield (
                ("evm", name, "range_blocks"),
                f"evm.{name}.range_blocks cuts the blocks below from_block into ranges, 1 to {MAX_RANGES:,} of them:"
                " write the from_block at which new blocks begin, and larger ranges.",
            )
        if name in NETWORKS:
            yield ("evm", name), f"{name} is a network of Bitcoin: give the account chain another name."


def _about_engine(engine: Engine) -> Iterator[tuple[str, str]]:
    if engine.name != "spark":
        if engine.spark_master:
            yield "spark_master", f"engine.spark_master says nothing to {engine.name}: set engine.name to spark."
        return
    limit = engine.memory_limit and checks.mebibytes(engine.memory_limit)
    if engine.memory_limit and (not limit or limit < SPARK_MEBIBYTES):
        needed = f"a size of at least {SPARK_MEBIBYTES}MiB"
        yield "memory_limit", f"engine.memory_limit is '{engine.memory_limit}': on spark, write {needed}."


def _about_node(name: str, node: BitcoinNode) -> Iterator[tuple[str, str]]:
    if name not in NETWORKS:
        yield "", f"there is no network {name} of Bitcoin: {nearest(name, NETWORKS)}."
    if not (node.datadir or node.rpc or node.rest):
        yield "", f"bitcoin.{name} has nothing to read from: write datadir, rpc or rest."
    if node.rpc and node.rest:
        yield "rest", f"bitcoin.{name} has rpc and rest: keep one of them."
    for key, address in (("rpc", node.rpc), ("rest", node.rest)):
        if address and not address.startswith(SCHEMES):
            yield key, f"bitcoin.{name}.{key} is no address: write one that begins with http:// or https://."
        if address and "@" in address:
            yield key, f"bitcoin.{name}.{key} holds a password: write it as the keys user and password."
    has_password = bool(node.password.get_secret_value())
    if bool(node.user) != has_password:
        yield "user", f"bitcoin.{name} has {'a password' if has_password else 'a user'} alone: write both, or a cookie."
    if node.cookie and has_password:
        yield "cookie", f"bitcoin.{name} has a cookie and a password: keep one of them."
    if (node.cookie or has_password) and not node.rpc:
        yield "cookie", f"bitcoin.{name} has a password or a cookie, which only rpc needs: write rpc, or remove them."
