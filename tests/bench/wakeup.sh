#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A token's way from the engine's send() to a reader parked in `reply`, beside 0, 99 and 999 other parked readers; and to 1000 that are all
# woken by it. TOKENS tokens; ROUNDS of those that wake all.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
TOKENS=${TOKENS:-500} ROUNDS=${ROUNDS:-21}

mkfifo "$T/one.ctl" "$T/crowd.ctl"
{
	printf '[gateway]\nlisten = ["unix:%s/gateway"]\n[cluster.local]\nkind = "local"\n' "$T"
	engine_lines one --control "$T/one.ctl"
	engine_lines crowd --control "$T/crowd.ctl"
} | mount_with || bail 'no mount'
wake one crowd
ulimit -n 4096 2> /dev/null

echo "# wakeup: microseconds from the engine's send(), medians of $TOKENS tokens; aim p50 <= 40, p99 <= 200 without the engine's own way"
echo '# one woken                  reply            socket          reply-socket'
echo '#                           p50     p99       p50     p99       p50'
for parked in 0 99 999; do
	if [ "$parked" != 0 ]; then
		coproc "$BUILD/tests/bench-crowd" "$M/crowd" "$parked"
		read -r _ <&"${COPROC[0]}" || bail 'no crowd'
	fi
	"$BUILD/tests/bench-wakeup" "$((parked + 1)) parked" "$M/one" "$T/one.ctl" "$T/one.at" "$TOKENS"
	if [ "$parked" != 0 ]; then
		pid=$COPROC_PID
		eval "exec ${COPROC[1]}>&-"
		wait "$pid"
	fi
done
echo "# all woken, medians of $ROUNDS tokens, microseconds; aim <= 4 each"
printf e > "$T/crowd.ctl"
"$BUILD/tests/bench-crowd" "$M/crowd" 1000 "$T/crowd.ctl" "$ROUNDS"
