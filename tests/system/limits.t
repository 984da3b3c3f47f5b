#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What a user of a shared mount may take of it: how many questions wait, how many come in a minute, and
# how much is kept for it.
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
like 'a job that has no number yet is named by its model' "$(cat "$M/log")" 'info: job of slow: - -> submitting'
mkdir "$M/slow/batch/more"
seq 3 > "$M/slow/batch/more/in.jsonl"
ok 'a batch waits for the next minute' wait_for 60 grep -q 'requests_per_minute in' "$M/slow/batch/more/status"
is 'and fails no line' "$(jq -c '[.state, .failed]' "$M/slow/batch/more/status")" '["running",0]'
like 'its progress tells why' "$(cat "$M/slow/batch/more/progress")" 'it goes on in the next'
echo cancel > "$M/slow/batch/more/ctl"
unmount || bail 'no unmount'

# ---- What is kept for a user
mount_with <<- END || bail 'no second mount'
	[gateway]
	listen = ["unix:$T/gateway"]
	[limits]
	stored = 20000
	[cluster.local]
	kind = "local"
	[model.parrot]
	engine = "parrot"
	[model.gated]
	engine = "parrot"
	slots = 1
	engine_args = ["--gate", "$T/gate"]
END
D=$M/parrot
mkdir "$D/batch/large"
like 'reached in the middle of a write' "$(seq -f 'line %8.0f' 10000 | dd of="$D/batch/large/in.jsonl" bs=4096 2>&1)" 'Disk quota exceeded'
is 'what was written before is there' "$(stat -c %s "$D/batch/large/in.jsonl")" 16384
is 'and the batch does not begin with it' "$(jq -r .state "$D/batch/large/status")" empty
like 'the log says why' "$(cat "$M/log")" 'parrot/batch/large/in\.jsonl: your conversations and batches hold 16384 bytes, and 4096 more are beyond stored \(20000\) in \[limits\]; remove some'
not_ok 'nor may it be made longer' truncate -s 1G "$D/batch/large/in.jsonl"
mkdir "$D/chats/plan"
printf '%05000d\n' 0 > "$T/long"
not_ok 'conversations count with batches' cp "$T/long" "$D/chats/plan/ask"
like 'error says so' "$(cat "$D/chats/plan/error")" 'beyond stored'
not_ok 'a transcript too' bash -c "jq -n '[{role: \"user\", content: (\"x\" * 5000)}]' > '$D/chats/plan/transcript.json'"
not_ok 'a system prompt too' cp "$T/long" "$D/chats/plan/system"
like 'with the reason' "$(cat "$D/chats/plan/error")" 'beyond stored'
is 'what was refused is not there' "$(wc -c < "$D/chats/plan/system")" 0
not_ok 'and params' bash -c "jq -n '{stop: (\"x\" * 5000)}' > '$D/chats/plan/params'"
ok 'ask, which keeps nothing but history, goes on' cp "$T/long" "$D/ask"
rm -r "$D/batch/large"
ok 'when some was removed there is room' cp "$T/long" "$D/chats/plan/ask"
is 'for the answer as well' "$(timeout 60 cat "$D/chats/plan/reply" | wc -c)" 5000
not_ok 'a fork counts' bash -c "echo 'fork one' > '$D/chats/plan/ctl' && echo 'fork two' > '$D/chats/plan/ctl'"
unmount || bail 'no unmount'
mount_again || bail 'no third mount'
mkdir "$D/batch/other"
like 'the next mount counts what there is' "$(head -c 15000 /dev/zero | tr '\0' x | dd of="$D/batch/other/in.jsonl" bs=4096 2>&1)" 'Disk quota exceeded'
rm -r "$D/chats"/* "$D/batch/other"
mkdir "$D/batch/small"
ok 'and what was removed no more' eval 'seq -f "line %8.0f" 500 > "$D/batch/small/in.jsonl"'
ok 'it is done' wait_for 60 eval '[ "$(jq -r .state "$D/batch/small/status")" = done ]'

# ---- Questions that wait
: > "$T/gate"
rm -r "$D/batch/small"
head -c 9000 /dev/zero | tr '\0' x > "$T/half"
ok 'a question is taken' cp "$T/half" "$M/gated/ask"
ok 'and a second, which waits' cp "$T/half" "$M/gated/ask"
not_ok 'a third is beyond what may wait' cp "$T/half" "$M/gated/ask"
like 'with the reason' "$(cat "$M/gated/error")" 'your questions that are not answered hold 18000 bytes, and 9000 more are beyond stored'
is 'what is answered holds nothing' "$(printf '%09999d' 0 > "$T/gate"; wait_for 60 eval '[ "$(jq .requests.done "$M/gated/status")" = 2 ]'; echo more > "$M/gated/ask"; cat "$M/gated/reply")" more
done_testing
