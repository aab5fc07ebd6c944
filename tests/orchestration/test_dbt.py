"""dbt in this process, its models in several threads."""

import shutil
import time

from dbt.adapters.cache import RelationsCache

from orchestration import dbt
from orchestration.home import Home


def test_models_are_replaced_however_slowly_dbt_learns_what_is_there(sample_home, tmp_path, monkeypatch):
    home = Home(shutil.copytree(sample_home, tmp_path / "home", symlinks=True))
    add = RelationsCache.add

    def add_slowly(cache, relation):
        add(cache, relation)
        time.sleep(0.02)

    monkeypatch.setattr(RelationsCache, "add", add_slowly)
    nodes = dbt.Project(home).build(["path:models/marts/market"])
    assert "market_sessions" in {node.name for node in nodes}
