"""The settings of a home: `<home>/flowhouse.toml`, and the environment above it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ingestion.errors import UsageError
from orchestration import environment

FINAL_AFTER = 1000
"""Blocks on top of a block before it is finalized, unless a setting asks for fewer."""


class Section(BaseModel):
    """One table of the file; a key that is not known is an error, and no value of a secret is ever in a message."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Publishers(Section):
    """Who is asked, and how a scheduled run gathers captures.

    Attributes:
        contact: mail address or web page that publishers see in the User-Agent; may be empty.
        sources: names of the sources to ask; None for all whose terms allow it.
        mode: live, or held (stored captures only).
    """

    contact: str = ""
    sources: tuple[str, ...] | None = None
    mode: Literal["live", "held"] = "held"


class BitcoinNode(Section):
    """A node of one network. A folder and an address may stand together: history from files, then what is new.

    Attributes:
        confirmations: blocks on top of a block before it is finalized.
    """

    datadir: Path | None = None
    rpc: str | None = None
    cookie: Path | None = None
    user: str = ""
    password: SecretStr = SecretStr("")
    rest: str | None = None
    snapshot: Path | None = None
    confirmations: int = Field(default=FINAL_AFTER, ge=1, le=FINAL_AFTER)


class EvmProvider(Section):
    """Providers of one account chain.

    Attributes:
        rpc: addresses, possibly with keys in them; the next is asked where one is down.
        only: assets and protocols to read; empty for all.
        from_block: first block.
        chain_id: of a network that the seeds do not know.
    """

    rpc: tuple[SecretStr, ...]
    only: tuple[str, ...] = ()
    from_block: int = Field(default=0, ge=0)
    chain_id: int | None = None


class OwnSeeds(Section):
    """The user's own CSV files, which add to the project's seeds."""

    tokens: Path | None = None
    contracts: Path | None = None
    entities: Path | None = None
    fund_addresses: Path | None = None


class Schedule(Section):
    """When what is asked: cron expressions, or "off"."""

    funds: str = "*/30 * * * *"
    bars: str = "20 0,6 * * *"
    chains: str = "7 * * * *"
    archive_check: str = "40 3 * * 0"
    time_zone: str = "UTC"


class Claims(Section):
    """Whether a changed verdict fails the build."""

    strict: bool = False


class Alerts(Section):
    """Whom to tell, as addresses that Apprise knows, and how late a source must be first."""

    urls: tuple[SecretStr, ...] = ()
    late_after_hours: float = Field(default=0, ge=0)


class Publish(Section):
    """How many builds stay published, and how many bytes they may fill together."""

    keep_builds: int = Field(default=7, ge=1)
    keep_gib: float = Field(default=20, gt=0)


class Engine(Section):
    """What DuckDB may use."""

    memory_limit: str | None = None
    threads: int = Field(default=2, ge=1)


class Settings(Section):
    """All settings of a home.

    Attributes:
        bitcoin, evm: by network.
        lock_wait_seconds: how long a command waits for another that writes to the home.
        confirmations, rpc_user, rpc_password, evm_rpc_url: for a node or provider that is named on the command line.
    """

    publishers: Publishers = Publishers()
    bitcoin: Mapping[str, BitcoinNode] = {}
    evm: Mapping[str, EvmProvider] = {}
    seeds: OwnSeeds = OwnSeeds()
    schedule: Schedule = Schedule()
    claims: Claims = Claims()
    alerts: Alerts = Alerts()
    publish: Publish = Publish()
    engine: Engine = Engine()
    lock_wait_seconds: float = Field(default=600, ge=0)
    confirmations: int = Field(default=FINAL_AFTER, ge=1, le=FINAL_AFTER)
    rpc_user: str = ""
    rpc_password: SecretStr = SecretStr("")
    evm_rpc_url: SecretStr = SecretStr("")

    @classmethod
    def read(cls, home: Path, given: Mapping[str, str] | None = None) -> Self:
        """The settings of a home.

        Args:
            home: the home folder, which need not be there.
            given: the environment; that of the process where it is None.

        Raises:
            UsageError: a value is invalid.
        """
        given = environment.variables() if given is None else given
        values = {name: given.get(f"FLOWHOUSE_{name.upper()}", "") for name in ("contact", "mode", "keep_builds")}
        keep = values["keep_builds"] or "7"
        if not keep.isdigit() or int(keep) < 1:
            raise UsageError(f"FLOWHOUSE_KEEP_BUILDS is '{keep}': set it to a whole number of at least 1.")
        mode = values["mode"] or "held"
        if mode not in ("live", "held"):
            raise UsageError(f"FLOWHOUSE_MODE is '{mode}': set it to live or held.")
        confirmations = given.get("FLOWHOUSE_CONFIRMATIONS") or str(FINAL_AFTER)
        if not confirmations.isdigit() or not 1 <= int(confirmations) <= FINAL_AFTER:
            raise UsageError(f"FLOWHOUSE_CONFIRMATIONS is '{confirmations}': set it to a whole number from 1 to 1000.")
        return cls(
            confirmations=int(confirmations),
            rpc_user=given.get("FLOWHOUSE_RPC_USER", ""),
            rpc_password=SecretStr(given.get("FLOWHOUSE_RPC_PASSWORD", "")),
            evm_rpc_url=SecretStr(given.get("FLOWHOUSE_EVM_RPC_URL", "")),
            publishers=Publishers(contact=values["contact"], mode=mode),
            publish=Publish(keep_builds=int(keep)),
        )
