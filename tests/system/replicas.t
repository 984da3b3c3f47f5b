#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A model with several jobs: questions are shared among them, a lost one costs no question, their number follows `ctl replicas`, `min`
# is up without a question, and a successor takes over before a time limit.
. "$(dirname "$0")/lib.sh"

mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	[cluster.here]
	kind = "local"
	workdir = "$T/work"
	[cluster.timed]
	kind = "fake"
	fake = ["limit=9", "parrot=--rate 20"]
	[model.two]
	engine = "parrot"
	cluster = "here"
	replicas = 2
	slots = 20
	engine_args = ["--gate", "$T/gate"]
	[model.always]
	engine = "parrot"
	cluster = "here"
	min = 1
	[model.relayed]
	engine = "parrot"
	cluster = "timed"
	keep_alive = "relay"
END
: > "$T/gate"

ok 'min: a job is up without a question' wait_for 60 state_is always ready

# asks MODEL NAME TEXT: in a session of its own; $T/NAME.out and .end.
asks() {
	setsid bash -c 'echo "$3" > "$1/ask"; cat "$1/reply" > "$2.out" 2>&1; : > "$2.end"' asker "$M/$1" "$T/$2" "$3" < /dev/null &
}

replicas() {
	ls "$M/$1/replicas" | wc -l
}
replicas_are() {
	[ "$(replicas "$1")" = "$2" ]
}
ready_jobs() {
	jq '[.jobs[] | select(.ready)] | length' "$M/$1/status"
}
ready_jobs_are() {
	[ "$(ready_jobs "$1")" = "$2" ]
}
active_are() {
	[ "$(status_of "$1" requests.active)" = "$2" ]
}

# --- one replica dies under 40 questions ---

is 'a sleeping model has none' "$(replicas two)" 0
echo wake > "$M/two/ctl"
ok 'replicas = 2: two jobs are ready' wait_for 60 ready_jobs_are two 2
is 'replicas/ has a link to each' "$(replicas two)" 2
is 'the first is the current one' "$(readlink "$M/two/job")" "../jobs/$(jq -r '.jobs[0].name' "$M/two/status")"
second=$(jq -r '.jobs[1].id' "$M/two/status")
is 'a link leads to its job' "$(jq -r .id "$M/two/replicas/here.$second/status")" "$second"
for i in $(seq 40); do
	asks two "q$i" "question $i"
done
ok '40 questions are under way' wait_for 60 active_are two 40
is 'shared evenly' "$(jq '.jobs[].name' "$M/two/status" | xargs -I{} jq .active "$M/jobs/{}/status" | xargs)" '20 20'
kill -KILL $(pgrep -s "$second" -f -- ' parrot ')
printf '%0999d' 0 > "$T/gate"
all_ended() {
	[ "$(ls "$T" | grep -c '^q.*\.end$')" = 40 ]
}
ok 'all of them end' wait_for 60 all_ended
is 'none is lost' "$(for i in $(seq 40); do [ "$(cat "$T/q$i.out")" = "question $i" ] || echo "$i: $(cat "$T/q$i.out")"; done)" ''
is 'the model counts no failure' "$(status_of two requests.failed)" 0
ok 'the lost one is replaced' wait_for 60 ready_jobs_are two 2

# --- their number ---

echo replicas 3 > "$M/two/ctl"
ok 'ctl replicas 3: three are ready' wait_for 60 ready_jobs_are two 3
echo replicas 1 > "$M/two/ctl"
ok 'ctl replicas 1: one is left' wait_for 60 replicas_are two 1
is 'and is ready' "$(status_of two state)" ready
for line in 'replicas 0' 'replicas 1000' 'replicas -1' 'replicas two' 'pin soon' 'pin 0' 'extend' 'extend 1parsec' 'wake time=' 'wake time=never'; do
	not_ok "\`$line\` is refused" sh -c "echo '$line' > '$M/two/ctl'"
	like 'and quoted in the log' "$(tail -n 1 "$M/log")" "${line%% *}"
done
like 'reading ctl lists the verbs' "$(cat "$M/two/ctl")" 'wake time=DURATION.*extend DURATION.*pin DURATION.*unpin.*replicas N'
not_ok 'a job of this machine has no time limit' sh -c "echo extend 1h > '$M/two/job/ctl'"
echo pin 1h > "$M/two/ctl"
like 'pinned_until is a time' "$(status_of two pinned_until)" '^20..-..-..T'
echo unpin > "$M/two/ctl"
is 'until unpin' "$(status_of two pinned_until)" null

# --- a time limit under a steady stream of questions ---

asked=0 wrong=
over_the_limit() {
	grep -q '"event":"limit".*a successor' "$M/events" && [ "$(jq -r '.jobs[0].id' "$M/relayed/status")" != "$first" ] && replicas_are relayed 1
}
[ "$(echo warm > "$M/relayed/ask"; cat "$M/relayed/reply")" = warm ] || wrong='the first'
first=$(jq -r '.jobs[0].id' "$M/relayed/status")
end=$((SECONDS + 60))
until over_the_limit || [ "$SECONDS" -ge "$end" ]; do
	asked=$((asked + 1))
	got=$(echo "one two three $asked" > "$M/relayed/ask"; cat "$M/relayed/reply" 2>&1)
	[ "$got" = "one two three $asked" ] || wrong+=" $asked: $got"
done
ok 'a successor took over before the time limit' over_the_limit
is "of $asked questions meanwhile none was lost or cut" "$wrong" ''
is 'the old job ended before its limit' "$(jq -r .state "$M/jobs/timed.$first/status")" CANCELLED
like 'the limit was an event before it' "$(grep '"event":"limit"' "$M/events" | head -n 1)" "\"job\":\"timed.$first\".*time limit is in"
ok 'no complaints in the log' no_complaints
done_testing
