#!/bin/sh
# Temporal's two databases, made or brought to the schema of this version of admin-tools. May be run again.
set -eu
SQL_PASSWORD=$(cat "$SQL_PASSWORD_FILE")
export SQL_PASSWORD

for pair in temporal:temporal temporal_visibility:visibility; do
  sql() { temporal-sql-tool --plugin postgres12 --ep postgresql --port 5432 --user temporal --db "${pair%:*}" "$@"; }
  sql create
  sql setup-schema --version 0.0
  sql update-schema --schema-dir "/etc/temporal/schema/postgresql/v12/${pair#*:}/versioned"
done
