#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The daemon is killed at any moment, and the next mount takes up its jobs: none is lost, none is made twice. Jobs whose nodes do not
# see the home of the login node are kept by signals.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install

mounted_ms=
# killed: the daemon is, and its mount goes.
killed() {
	local pid
	pid=$(daemon_pid)
	kill -KILL "$pid"
	wait_for 60 process_gone "$pid" && wait_for 60 not_mounted || { diag "$pid: $(cat "/proc/$pid/status" 2>&1)"; false; }
}

uptime_ms() {
	local up
	read -r up _ < /proc/uptime
	echo $((10#${up/./} * 10))
}

mount_and_note() {
	mounted_ms=$(uptime_ms)
	mount_again
}

# ready_again MODEL: its job is ready; says how long that took from the begin of mount.
ready_again() {
	wait_for 60 state_is "$1" ready || return 1
	diag "from mount to ready: $(($(uptime_ms) - mounted_ms)) ms"
}

# --- in four phases ---

lab_mount <<< "$(phases_models)
[model.late]
engine = \"parrot\"" || bail 'no mount'
phases_begin 'killed'
ok 'the daemon is killed' killed
mount_and_note || bail 'no mount'
ready_again ready && pass 'ready: it is ready again' || fail 'ready: it is ready again' "$(tail -n 20 "$M/log")"
for m in $phases; do
	ok "$m: its job is there" wait_for 30 job_of_is "$m" "${jobs[$m]}"
done
asks again ready 'once more'
answered 'ready: it answers' again 'once more'
phases_release
for m in queued starting streaming; do
	asks again "$m" "after all, $m"
	answered "$m: it answers" again "after all, $m"
done
same_jobs 'by the same jobs'
is 'which are all the jobs that there were' "$(jobs_since "$last")" 4
ok 'it is killed once more' killed
mount_and_note || bail 'no mount'
ready_again ready && pass 'ready: it is ready again' || fail 'ready: it is ready again' "$(tail -n 20 "$M/log")"
phases_end

# --- with a submission in flight, and at random moments ---

fault command-slow on sbatch 3
sbatch_runs() {
	slurm pgrep -f 'sbatch --parsable'
}
last=$(last_job)
asks late late 'asked too early'
ok 'a submission is in flight' wait_for 30 sbatch_runs
ok 'the daemon is killed' killed
mount_and_note || bail 'no mount'
asks late late 'asked again'
answered 'it answers' late 'asked again'
is 'by one job' "$(jobs_since "$last")" 1
fault command-slow off
for i in 1 2 3; do
	echo stop > "$M/late/ctl"
	ok "moment $i: the job ends" wait_for 60 lab_no_jobs
	last=$(last_job)
	asks late late 'asked too early'
	moment=$((RANDOM % 25))
	# A moment without an event is the point here.
	sleep "$((moment / 10)).$((moment % 10))"
	killed
	mount_and_note || bail 'no mount'
	asks late late "asked again, $i"
	answered "moment $i ($moment/10 s): it answers" late "asked again, $i"
	is "moment $i: by one job" "$(jobs_since "$last")" 1
done
echo 'stop all' > "$M/ctl"
ok 'all jobs end' wait_for 60 lab_no_jobs
ok 'and no record is left' wait_for 30 eval '[ -z "$(find "$XDG_STATE_HOME" -path "*/jobs/*" -type f)" ]'
ok 'it unmounts' unmount

# --- nodes that do not see the home ---

cleanup() {
	local n
	for n in n1 n2; do
		lab_enter "$n" umount -l /home/alice 2> /dev/null
	done
}
for n in n1 n2; do
	lab_enter "$n" install -m 755 /home/alice/bin/slullamafs /tmp/slullamafs
	lab_enter "$n" mount -t tmpfs -o uid=20001,gid=20001,mode=700 home /home/alice || bail 'the home cannot be hidden'
done
lab_mount 'lease = "12s"' <<- 'END' || bail 'no mount'
	[model.far]
	engine = "parrot"
	binary = "/tmp/slullamafs"
	[model.far2]
	engine = "parrot"
	binary = "/tmp/slullamafs"
END
asks one far 'from afar'
asks two far2 'from afar too'
answered 'a job without a common home answers' one 'from afar'
answered 'another too' two 'from afar too'
job=$(job_of far) node=$(node_of "$job") job2=$(job_of far2) node2=$(node_of "$job2")
like 'its Comment asks for signals' "$(slurm squeue -h -j "$job" -o %k)" ',sfs,.*lease=signal'
gone_early() {
	! lab_job_is "$job" RUNNING || ! lab_job_is "$job2" RUNNING
}
not_ok 'they outlive their lease twice' wait_for 30 gone_early
renewals=$(grep -c 'by signal' "$M/events")
ok "in at most one command for both per third of the lease ($renewals)" test "$renewals" -ge 2 -a "$renewals" -le 12
asks one far 'are you there'
answered 'they answer' one 'are you there'
ok 'the daemon is killed for good' killed
ok 'their engines are gone after the lease' wait_for 72 no_job_processes "$node" "$job"
ok 'both' wait_for 60 no_job_processes "$node2" "$job2"
done_testing
