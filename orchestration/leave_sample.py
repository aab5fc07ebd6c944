"""How a home leaves the bundled sample behind, whichever real data come first."""

from ingestion import registry
from ingestion.refresh import refresh
from orchestration.home import Home, now


def leave_sample(home: Home) -> None:
    """Drop a lake that is the sample's, and read what the archive holds beside the sample; under the home's lock."""
    home.lake.drop()
    held = (source for source in registry.sources() if (home.archive.root / source.name).is_dir())
    for source in held:
        refresh(source, home.archive, home.lake, "held", now())
