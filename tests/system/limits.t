#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What a user of a shared mount may take of it: how many questions wait, and how many come in a minute.
. "$(dirname "$0")/lib.sh"

mount_with <<- END || bail 'no mount'
	[gateway]
	listen = ["unix:$T/gateway"]
	[limits]
	waiting = 2
	requests_per_minute = 5
	[cluster.local]
	kind = "local"
	[model.slow]
	engine = "parrot"
	slots = 1
	engine_args = ["--gate", "$T/gate"]
	[model.quick]
	engine = "parrot"
END
: > "$T/gate"

# The first goes to the engine, the next two wait.
for i in 1 2 3; do
	echo "question $i" > "$M/slow/ask" || fail "question $i is taken"
	[ "$i" != 1 ] || wait_for 60 eval '[ "$(jq .requests.active "$M/slow/status")" = 1 ]'
done
is 'two questions wait' "$(jq .requests.waiting "$M/slow/status")" 2
like 'a third is refused, of another model too' "$( (echo more > "$M/quick/ask") 2>&1)" 'Device or resource busy'
like 'with the reason' "$(cat "$M/quick/error")" '2 questions of yours wait already \(waiting in \[limits\]\)'
like 'and what waits is answered' "$(printf '%0999d' 0 > "$T/gate"; cat "$M/slow/reply")" 'question 3'
is 'the fourth of this minute' "$(echo four > "$M/quick/ask"; cat "$M/quick/reply")" four
is 'the fifth' "$(echo five > "$M/quick/ask"; cat "$M/quick/reply")" five
like 'the sixth is refused' "$( (echo six > "$M/quick/ask") 2>&1)" 'Disk quota exceeded'
like 'with the reason and when to try again' "$(cat "$M/quick/error")" 'requests_per_minute in \[limits\]\); try again in [0-9]+ s'
is 'the gateway goes by its keys' "$(curl -sS --max-time 60 --unix-socket "$T/gateway" http://localhost/v1/chat/completions -d '{"model":"quick","messages":[{"role":"user","content":"seven"}]}' |
	jq -r '.choices[0].message.content')" seven
done_testing
