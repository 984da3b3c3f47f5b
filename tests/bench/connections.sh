#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The memory of CONNECTIONS that have asked once and then stay, of the gateway beside nginx and HAProxy, none of which has served anybody yet.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
CONNECTIONS=${CONNECTIONS:-5000}
# shellcheck source=peers.sh
. "$here/peers.sh"

peers_mount

echo "# connections: KiB for each of $CONNECTIONS that have asked once; aim: <= 1"
for who in nginx haproxy ours; do
	printf '%10s %9s\n' "$who" "$(on_load "$BUILD/tests/bench-streams" idle "$T/place.$who" /v1/chat/completions "$CONNECTIONS" "${pid_of[$who]}")"
done
