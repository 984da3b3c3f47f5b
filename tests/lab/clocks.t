#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The cluster's clock and ours are ten minutes apart, as they may be between a laptop and a site: munge keeps those of one site within
# five. The daemon is the one whose clock is wrong here, since the hosts of the lab have this machine's. Then the controller is away for
# longer than the lease, which needs none.
. "$(dirname "$0")/mount.sh"
library=$(find /usr/lib -path '*faketime/libfaketime.so.1' 2> /dev/null | head -n 1)
[ -n "$library" ] || {
	echo '1..0 # SKIP faketime is not installed'
	exit 0
}
lab_start
lab_install

# with_clock OFFSET COMMAND...: its wall clock is so much off; the monotonic one, which nobody can set, is not.
with_clock() {
	FAKETIME=$1 FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_NO_CACHE=1 LD_PRELOAD=$library \
		ASAN_OPTIONS=$ASAN_OPTIONS:verify_asan_link_order=0 "${@:2}"
}

lab_config 'idle_timeout = "10m"' 'lease = "20s"' <<- 'END' > "$T/config.toml"
	[model.later]
	engine = "parrot"
	extra_args = ["--begin=now+300"]
	[model.relayed]
	engine = "parrot"
	partition = "short"
	time = "2m"
	keep_alive = "relay"
	relay_lead = "45s"
END

# ahead MODEL JQ: seconds from now, by the daemon's clock, to a moment that its status names.
ahead() {
	local at now
	at=$(jq -r "$2 // empty" "$M/$1/status" | sed 's/\.[0-9]*Z$/Z/')
	[ -n "$at" ] || return 1
	now=$(date +%s)
	echo $(($(date -d "$at" +%s) - now - offset_s))
}
between() { # between TEST LOW VALUE HIGH
	ok "$1 ($3 s)" test "$2" -le "${3:--1000000}" -a "${3:-1000000}" -le "$4"
}
start_is_expected() {
	ahead later .expected_start
}
job_is_not() {
	[ -n "$(job_of "$1")" ] && [ "$(job_of "$1")" != "$2" ] && state_is "$1" ready
}

for offset in -10m +10m; do
	offset_s=$((${offset%m} * 60))
	with_clock "$offset" mount_again || bail 'no mount'
	like "$offset: it is so" "$(jq -r .started "$M/status")" "^$(date -u -d "$((offset_s / 60)) minutes" +%Y-%m-%dT%H:)"
	echo wake > "$M/later/ctl"
	asks q relayed 'what time is it'
	answered "$offset: an answer" q 'what time is it'
	first=$(job_of relayed)
	ok "$offset: it is known when the other job starts" wait_for 60 start_is_expected
	between "$offset: in five minutes" 200 "$(start_is_expected)" 305
	between "$offset: the limit of two minutes" 60 "$(ahead relayed '.jobs[0].ends_at')" 125
	is "$offset: no successor yet" "$(jq '.jobs | length' "$M/relayed/status")" 1
	[ "$offset" = +10m ] || { # the relay needs over a minute: once
		echo stop > "$M/later/ctl"
		echo stop > "$M/relayed/ctl"
		wait_for 60 lab_no_jobs
		unmount
		continue
	}

	# Longer than the lease, and no query; the daemon still gives its sign of life.
	fault slurmctld-away on
	read -r up _ < /proc/uptime
	wait_for 30 eval 'read -r now _ < /proc/uptime; [ $((${now%.*} - ${up%.*})) -ge 25 ]'
	asks q relayed 'without a controller'
	answered 'away for longer than the lease: the engine is there' q 'without a controller'
	fault slurmctld-away off
	ok 'its job runs' lab_job_is "$first" RUNNING
	ends=$(jq -r '.jobs[0].ends_at' "$M/relayed/status")
	wrong=
	end=$((SECONDS + 150))
	until job_is_not relayed "$first" || [ "$SECONDS" -ge "$end" ]; do # who is not asked has no successor
		got=$(echo 'is it time' > "$M/relayed/ask"; cat "$M/relayed/reply" 2>&1)
		[ "$got" = 'is it time' ] || wrong+=" $got"
		sleep 0.5
	done
	ok "$offset: a successor takes over" job_is_not relayed "$first"
	begun=$(jq -r 'select(.event == "job" and .model == "relayed" and .to == "submitting") | .time' "$M/events" | tail -n 1)
	between "$offset: it was begun when the lead said it" 0 "$(($(date -d "$ends" +%s) - $(date -d "$begun" +%s)))" 50
	is "$offset: no question was lost or cut" "$wrong" ''
	is "$offset: the first was not ended by its limit" "$(lab_job_state "$first" | sed 's/RUNNING\|COMPLETING/CANCELLED/')" CANCELLED
done
done_testing
