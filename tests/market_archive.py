"""The recorded market figures as an archive folder; they lie beside the project, named after where they were found."""

import json
import shutil
from pathlib import Path

RECORDED = Path(__file__).parents[2] / "shared" / "market" / "archive"
"""Not part of the project: tests that need it skip where it is absent."""

PERPETUALS = (
    *("1000PEPE", "1000SHIB", "AAVE", "ADA", "ARB", "AVAX", "BNB", "BTC", "CRV", "DOGE", "ENA", "ETH", "HYPE", "LINK"),
    *("LTC", "OP", "SOL", "SUI", "TON", "TRX", "UNI", "XRP"),
)
NAMES: dict[str, str] = {
    "binance_vision_um/BTCUSDT_bookDepth": "binance_depth/BTCUSDT",
    "binance_vision_um/BTCUSDT_fundingRate": "binance_funding/BTCUSDT",
    "binance_vision_um/BTCUSDT_metrics": "binance_open_interest/BTCUSDT",
    "coinglass/BTC_liquidation_4h": "coinglass_liquidations/BTC_binance",
    "coinglass/ETH_liquidation_4h": "coinglass_liquidations/ETH_binance",
    "coinglass/SOL_liquidation_4h": "coinglass_liquidations/SOL_binance",
    "coinglass/XRP_liquidation_4h": "coinglass_liquidations/XRP_binance",
    "hyperliquid_fills/adl_net_volume_20251010": "hyperliquid_adl/adl_net_volume_20251010",
    "hyperliquid_stats/daily_notional_liquidated_by_coin": "hyperliquid_liquidations/daily_notional_liquidated_by_coin",
    **{f"nasdaq/{ticker}": f"nasdaq/{ticker}" for ticker in ("COIN", "CRCL", "MSTR")},
    **{
        f"fred/{series}": f"fred/{series}"
        for series in (
            *("DCOILBRENTEU", "DCOILWTICO", "DGS10", "DGS2", "DGS30", "DTWEXBGS", "FEDFUNDS", "SP500", "T10Y2Y"),
            *("VIXCLS", "WALCL"),
        )
    },
    **{f"binance_vision/{coin}USDT_1d": f"binance_vision/{coin}USDT_1d" for coin in ("SOL", "XRP")},
    **{f"binance_vision_um/{coin}USDT_1h": f"binance_bars/perpetual_{coin}USDT_1h" for coin in PERPETUALS},
    "binance_vision_um/BTCUSDT_price_5m": "binance_bars/mark_BTCUSDT_5m",
}
"""`source/resource` as recorded, and as here. Those that no source reads are left out."""

NAMES |= {
    f"binance_futures/{symbol}_{kind}": f"{source}/{symbol}{period}"
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
    for kind, source, period in (
        ("fundingRate", "binance_recent_funding", ""),
        ("openInterestHist_4h", "binance_recent_open_interest", "_4h"),
        ("openInterestHist_1d", "binance_recent_open_interest", "_1d"),
    )
}

NAMES |= {
    f"coinglass/{asset}_{kind}": f"{source}/{asset}{scope}"
    for asset in ("BTC", "ETH", "SOL", "XRP")
    for kind, source, scope in (
        ("funding_oi_weighted_4h", "coinglass_funding", "_all"),
        ("open_interest_4h", "coinglass_open_interest", ""),
    )
}
NAMES |= {
    f"coinglass/BTC_funding_8h_{venue}": f"coinglass_funding/BTC_{venue}"
    for venue in ("binance", "bitget", "bybit", "gate", "htx", "hyperliquid", "mexc", "okx")
}


def convert(folder: Path) -> Path:
    """Copy what sources here read into `folder`, an archive folder; returns it."""
    for recorded, name in NAMES.items():
        source, resource = name.split("/")
        (folder / name).mkdir(parents=True, exist_ok=True)
        for meta in (RECORDED / recorded).glob("*.meta.json"):
            fields = json.loads(meta.read_text()) | {"source": source, "resource": resource}
            shutil.copyfile(meta.parent / fields["file"], folder / name / fields["file"])
            (folder / name / meta.name).write_text(json.dumps(fields))
    return folder
