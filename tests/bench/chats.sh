#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Conversations: looking at one among ten and among CHATS, and Private_Dirty of the daemon for each of READERS that wait for an answer.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
CHATS=${CHATS:-1000} READERS=${READERS:-1000} LOOKS=${LOOKS:-2000}

: > "$T/gate" # no answer ever comes
mount_with <<- END || bail 'no mount'
	[gateway]
	listen = ["unix:$T/gateway"]
	[model.few]
	engine = "parrot"
	[model.many]
	engine = "parrot"
	engine_args = ["--gate", "$T/gate"]
	END
daemon=$(daemon_pid)
ulimit -n 4096 2> /dev/null

private_dirty() { # KiB
	awk '/^Private_Dirty:/ { print $2 }' "/proc/$daemon/smaps_rollup"
}

echo '# chats: the time of a look is to be the same whatever their number'
"$BUILD/tests/bench-chats" "$M/few/chats" 10 0 "$LOOKS" < /dev/null | grep -v parked
wake many
before=$(private_dirty)
coproc "$BUILD/tests/bench-chats" "$M/many/chats" "$CHATS" "$READERS" "$LOOKS"
read -r row <&"${COPROC[0]}" || bail 'no row'
echo "$row"
read -r _ <&"${COPROC[0]}" || bail 'no readers'
awk -v a="$before" -v b="$(private_dirty)" -v n="$READERS" \
	'BEGIN { printf "%6d with a reader that waits, each %6.2f KiB   aim <= 4\n", n, (b - a) / n }'
eval "exec ${COPROC[1]}>&-"
wait
