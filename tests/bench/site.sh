#!/bin/bash
# SPDX-License-Identifier: MIT
#
# On the lab, a real Slurm behind a real login node: what JOBS ready idle jobs cost it in an hour, how soon a job that runs is seen to,
# what becomes of QUESTIONS in flight when one of two replicas dies, and of the jobs when the daemon is killed at KILLS random moments.
# shellcheck source=../lab/mount.sh
. "$(dirname "$0")/../lab/mount.sh"
exec 2>&1
JOBS=${JOBS:-10} INTERVALS=${INTERVALS:-1} QUESTIONS=${QUESTIONS:-40} KILLS=${KILLS:-4} SEED=${SEED:-$RANDOM}
lab_start
lab_install

uptime_ms() {
	local up
	read -r up _ < /proc/uptime
	echo $((10#${up/./} * 10))
}

# quartiles UNIT: of the numbers on standard input, one a line.
quartiles() {
	sort -n | awk -v unit="$1" '{ v[NR] = $1 } END {
		printf "median %.2f %s, least %.2f, most %.2f, of %d\n", v[int((NR + 1) / 2)], unit, v[1], v[NR], NR }'
}

ready_jobs() {
	[ "$(cat "$M"/m*/status | jq -s '[.[].jobs[] | select(.ready)] | length')" = "$1" ]
}

# --- idle jobs; and how soon one is seen to run ---

lab_mount <<- END || bail 'no mount'
	$(for ((i = 1; i <= JOBS; i++)); do
		printf '[model.m%d]\nengine = "parrot"\nsetup = ["cut -d \\" \\" -f 1 /proc/uptime > ~/began.%d"]\n' "$i" "$i"
	done)
END
for ((i = 1; i <= JOBS; i++)); do
	echo wake > "$M/m$i/ctl"
	until [[ $(status_of "m$i" state) =~ ready|starting ]]; do
		sleep 0.03
	done
	uptime_ms > "$T/seen.$i"
done
wait_for 120 ready_jobs "$JOBS" || bail 'the jobs are not ready'
echo "# site: a job runs on its node -> the model's status says so; aim: median <= 1.5 s"
for ((i = 1; i <= JOBS; i++)); do
	echo "$(cat "$T/seen.$i") $(cat "$LAB_HOME/began.$i")"
done | awk '{ print $1 / 1000 - $2 }' | quartiles s

queries() {
	jq .queries "$M/clusters/lab/status"
}
# another: until there was one more.
another() {
	local before=$(queries)
	wait_for 600 eval '[ "$(queries)" != '"$before"' ]'
}
# The calm that comes after a start; and then from one query to the last of some.
sleep 30
logins=$(logins)
another
began=$(uptime_ms)
for ((i = 0; i < INTERVALS; i++)); do
	another
done
echo "# site: $JOBS ready idle jobs; aims for an hour: <= 60 queries; one SSH connection"
awk -v ms="$(($(uptime_ms) - began))" -v n="$INTERVALS" -v l="$logins" 'BEGIN {
	printf "a query each %.1f s, in an hour %.0f; logins since the mount: %d\n", ms / n / 1000, 3600000 * n / ms, l }'

# --- a replica dies ---

unmount
lab_mount <<- END || bail 'no mount'
	[model.m]
	engine = "parrot"
	replicas = 2
	slots = $QUESTIONS
	engine_args = ["--gate", "/home/alice/gate"]
	[model.late]
	engine = "parrot"
END
: > "$LAB_HOME/gate"
echo wake > "$M/m/ctl"
wait_for 120 ready_jobs 2 || bail 'two jobs are not ready'
for ((i = 1; i <= QUESTIONS; i++)); do
	asks "q$i" m "$i two three four five"
done
all_active() {
	[ "$(jq .requests.active "$M/m/status")" = "$QUESTIONS" ]
}
wait_for 60 all_active || diag 'not all were in flight'
victim=$(jq -r '.jobs[0].id' "$M/m/status")
began=$(uptime_ms)
lab_enter "$(node_of "$victim")" pkill -KILL -u alice -x slullamafs
lost_seen() {
	[ "$(jq -r '.jobs[0].id' "$M/m/status")" != "$victim" ]
}
wait_for 60 lost_seen
seen=$(uptime_ms)
printf '%0999d' 0 > "$LAB_HOME/gate"
all_ended() {
	[ "$(find "$T" -name 'q*.end' | wc -l)" = "$QUESTIONS" ]
}
wait_for 120 all_ended
whole=0 cut=0 lost=0
for ((i = 1; i <= QUESTIONS; i++)); do
	case $(cat "$T/q$i.out") in
	"$i two three four five") whole=$((whole + 1)) ;;
	"$i"*) cut=$((cut + 1)) ;;
	*) lost=$((lost + 1)) ;;
	esac
done
echo "# site: one of two replicas is killed under $QUESTIONS questions; aim: 0 lost"
echo "$whole whole, $cut cut in an answer that had begun, $lost lost; the loss was seen after $((seen - began)) ms"

# --- the daemon is killed ---

RANDOM=$SEED
strays=0 doubled=0
for ((kill = 1; kill <= KILLS; kill++)); do
	echo 'stop all' > "$M/ctl"
	wait_for 60 lab_no_jobs || bail 'the jobs do not end'
	last=$(last_job)
	asks late late 'asked too early'
	sleep "$((RANDOM % 3)).$((RANDOM % 900 + 100))"
	pid=$(daemon_pid)
	kill -KILL "$pid"
	wait_for 20 process_gone "$pid" && wait_for 20 not_mounted
	before=$(slurm squeue -h -u alice -t R -o %i | wc -l) began=$(uptime_ms)
	mount_again || bail 'no mount'
	asks again late 'asked again'
	wait_for 120 ended again || bail "no answer after kill $kill"
	[ "$before" = 0 ] || echo "$((($(uptime_ms) - began))) 1000" >> "$T/adopted"
	[ "$(cat "$T/again.out")" = 'asked again' ] || strays=$((strays + 1))
	[ "$(jobs_since "$last")" = 1 ] || doubled=$((doubled + 1))
done
echo 'stop all' > "$M/ctl"
wait_for 60 lab_no_jobs || strays=$((strays + 1))
echo "# site: $KILLS kills of the daemon from 0.1 to 3 s after a question (SEED=$SEED); aims: 0 doubled, 0 orphans, ready in <= 3 s"
echo "$doubled doubled, $strays wrong or orphaned; where the job ran, from mount to the answer:"
awk '{ print $1 / $2 }' "$T/adopted" | quartiles s
tap_done=1
