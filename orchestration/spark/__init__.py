"""Where one machine is not enough: Apache Spark builds the models, and DuckDB publishes marts from its rows.

requirements   what must be installed
session        a session of Spark, with the settings that decide what comes out
warehouse      the folder of Parquet that Spark writes, kept from build to build
build          the models on Spark, then the marts of the build file from its rows
"""
