#!/bin/sh
# One namespace for the site, and the search attributes by which runs are found. May be run again. `passthrough` leaves the
# server's name to the system: gRPC's own resolver asks DNS for more than an address, and waits in vain where Docker's
# network has no way out.
set -eu
operator() {
  temporal operator "$@" --namespace "$TEMPORAL_NAMESPACE" --address "passthrough:///$TEMPORAL_ADDRESS" --command-timeout 30s
}

operator namespace describe >/dev/null 2>&1 || operator namespace create --retention "${RETENTION:-30d}"

for name in EdgeTrainSite EdgeTrainModel EdgeTrainJobStatus EdgeTrainVirtualMachine; do
  set -- "$@" --name "$name" --type Keyword
done
# A new namespace is known to every part of the server after some seconds.
tries=0
until operator search-attribute create "$@"; do
  tries=$((tries + 1))
  [ "$tries" -lt 30 ] || exit 1
  sleep 2
done
