# Set-up needs Python 3.11 or later, pip, git and make. uv is used where it is installed, else brought into .venv.
# Bytecode is compiled once, at set-up: importing Dagster and dbt then takes 3 s of CPU, else 7 wherever it is not kept.
UV := $(shell command -v uv || echo .venv/bin/uv)
RUN := .venv/bin
FAST := tests/ingestion tests/dbt_project/test_layers.py tests/orchestration/test_home.py tests/orchestration/test_settings.py \
        tests/orchestration/publishing/test_publish.py tests/orchestration/publishing/test_published.py \
        tests/orchestration/publishing/test_retention.py tests/orchestration/test_inputs.py tests/orchestration/test_bi.py tests/test_changelog.py \
        tests/test_walls.py
ON_DUCKDB := tests/dbt_project tests/orchestration/answers tests/orchestration/test_inputs.py \
        tests/orchestration/test_readme.py tests/orchestration/test_chain.py \
        tests/orchestration/test_tokens.py $(addprefix tests/orchestration/cli/test_,claims.py show.py sql.py) \
        $(addprefix tests/orchestration/publishing/test_,publish.py published.py retention.py reuse.py sql_engine.py) \
        tests/orchestration/publishing/test_sql_page.py::test_the_readmes_queries_answer_as_duckdb_does

# A small warehouse is built once: the compiler of long-running programs would take half of the time. Code that Spark makes
# of each plan, and plans anew after each stage, take a third of the rest: the cluster's test keeps both.
JAVA_QUICK := -XX:TieredStopAtLevel=1 -XX:+UseSerialGC
SPARK_QUICK := -Dspark.sql.codegen.wholeStage=false -Dspark.sql.codegen.factoryMode=NO_CODEGEN -Dspark.sql.adaptive.enabled=false
ON_SPARK := $(UV) run --frozen --isolated --extra spark pytest -q

.PHONY: build test check lint graph hooks test-duckdb2 test-spark test-spark-large test-spark-cluster test-bi test-node test-mutants bench picture serve clean

build: .venv/ready ## run the main job on the bundled sample, offline
	$(RUN)/flowhouse build --sample

test: lint ## pass every test
	$(RUN)/pytest -n auto --dist loadfile --no-loadscope-reorder

check: lint ## lint, format, types, import walls, dbt layer rules, fast tests
	$(RUN)/pytest -q -n auto --dist loadfile --no-loadscope-reorder $(FAST) --ignore=tests/ingestion/evm/test_anvil.py

lint: .venv/ready
	$(RUN)/ruff check
	$(RUN)/ruff format --check
	$(RUN)/lint-imports
	$(RUN)/basedpyright

graph: .venv/ready ## note the graph of an edited dbt project
	$(RUN)/python -m orchestration.project > .graph.json
	mv .graph.json orchestration/graph.json

hooks: .venv/ready ## run lint's tools on every commit
	$(RUN)/pre-commit install

# Recorded rows go through the models that made ones go through: on 2.0 those are enough.
test-duckdb2: .venv/ready ## pass the tests that touch DuckDB on 2.0 too
	$(UV) run --frozen --isolated --with duckdb==2.0.0 pytest -q -n auto --dist loadfile --no-loadscope-reorder \
	    -k "not recorded" --ignore tests/dbt_project/test_layers.py $(ON_DUCKDB)

test-spark: .venv/ready ## build the sample on Spark on this machine, equal to DuckDB's, in an environment of its own; needs Java
	JAVA_TOOL_OPTIONS="$(JAVA_QUICK) $(SPARK_QUICK)" $(ON_SPARK) tests/spark/session.py tests/spark/controls.py \
	    tests/spark/first_lots.py tests/spark/sample_builds.py

test-spark-large: .venv/ready ## the same of the recorded archive, and of ten million transfers
	JAVA_TOOL_OPTIONS="$(JAVA_QUICK)" $(ON_SPARK) tests/spark/archive.py tests/spark/many_lots.py

test-spark-cluster: .venv/ready ## the same on a standalone master with two workers, one of which is killed
	JAVA_TOOL_OPTIONS="$(JAVA_QUICK)" $(ON_SPARK) tests/spark/cluster.py

test-bi: .venv/ready ## run the recipes for BI tools for real, each in its own environment
	$(RUN)/pytest -q tests/bi/superset_dashboard.py tests/bi/harlequin_command.py tests/bi/metricflow_queries.py \
	    tests/bi/attach_over_http.py tests/bi/ducklake_postgres.py

test-node: .venv/ready ## read a real Bitcoin Core on regtest, where there is a bitcoind
	$(RUN)/pytest -q tests/node/bitcoin_core.py

test-mutants: .venv/ready ## change code that differs from main (or FILES) in one place after the other: do tests notice?
	$(UV) run --frozen --isolated --group mutants python tests/mutants.py $(FILES) $(if $(BASE),--base $(BASE)) \
	    $(if $(TESTS),--tests $(TESTS))

bench: .venv/ready ## measure builds, the reading of nodes and of token logs, the ledger, the marts and their queries, token lots
	$(RUN)/python tests/benchmarks/builds.py
	$(RUN)/python tests/benchmarks/bitcoin_files.py
	$(RUN)/python tests/benchmarks/bitcoin_peers.py
	$(RUN)/python tests/benchmarks/bitcoin_rpc.py
	$(RUN)/python tests/benchmarks/bitcoin_ledger.py
	$(RUN)/python tests/benchmarks/onchain_marts.py
	$(RUN)/python tests/benchmarks/evm_logs.py
	$(RUN)/python tests/benchmarks/token_lots.py

picture: build ## make the README's picture of the sample's report
	$(RUN)/python tests/orchestration/publishing/picture.py data/published/latest/report.html

serve: .venv/ready ## open Dagster's web UI on this machine
	$(RUN)/flowhouse serve

clean: ## remove the environment; the home folder stays
	rm -rf .venv

.venv/ready: pyproject.toml uv.lock
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "flowhouse needs Python 3.11 or later as python3.")'
	@command -v uv > /dev/null || test -x .venv/bin/uv || \
	    (python3 -m venv --without-pip .venv && python3 -m pip --python .venv/bin/python install --quiet uv)
	$(UV) sync --frozen --quiet --compile-bytecode
	@touch $@
