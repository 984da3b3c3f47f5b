#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Slurm's programs fail in every way while one model is queued, one starting, one ready and one in the middle of an answer: no job
# counts as gone, none is made twice, and what needs no Slurm goes on without it. Then the same while a job is submitted, and while
# one is cancelled. The controller is away for AWAY seconds.
AWAY=${AWAY:-10}
. "$(dirname "$0")/mount.sh"
lab_start
lab_install

lab_mount <<- END || bail 'no mount'
	$(phases_models)
	$(for m in missing failing refusing slow lies noise away hanging; do
		printf '[model.%s]\nengine = "parrot"\n' "$m"
	done)
	END

# --- the queue cannot be read ---

failures() {
	grep -c 'warning: cluster lab: ' "$M/log"
}
queries() {
	jq .queries "$M/clusters/lab/status"
}
more_failures() {
	[ "$(failures)" -gt "$before" ]
}
# Each query counts when it begins, so that the second to begin shows how the first has ended.
more_queries() {
	[ $(($(queries) - before)) -ge 2 ]
}
phases_begin 'squeue'
for how in 'missing' 'failing:1:slurm_load_jobs error: Invalid job id specified' 'lying:garbage' 'lying:empty' 'lying:cut'; do
	IFS=: read -r kind rest words <<< "$how"
	before=$(failures)
	fault "command-$kind" on squeue ${rest:+"$rest"} ${words:+"$words"}
	ok "squeue $how: a failed query is seen" wait_for 60 more_failures
	fault "command-$kind" off squeue
	before=$(queries)
	wait_for 60 more_queries
	same_jobs "squeue $how: no job is given up"
done
like 'the reason is in the status of the cluster' "$(jq -r .last_error "$M/clusters/lab/status")" 'squeue'

# The controller itself, for as long as it takes to use what is there.
before=$(failures)
fault slurmctld-away on hung
asks during ready 'asked without Slurm'
answered 'slurmctld hung: a ready model answers' during 'asked without Slurm'
printf '%0999d' 0 > "$LAB_HOME/gate"
: > "$LAB_HOME/go"
answered 'slurmctld hung: the answer under way comes to its end' streaming 'one two three four, says streaming'
answered 'slurmctld hung: an engine that starts becomes healthy and answers' starting 'one two three four, says starting'
asks away away 'a job, please'
ok 'slurmctld hung: queries fail' wait_for 60 more_failures
same_jobs 'slurmctld hung: no job is given up'
service_signal login slurmctld KILL
sleep "$AWAY"
asks during ready 'asked without Slurm'
answered 'slurmctld killed: a ready model answers' during 'asked without Slurm'
not_ok 'slurmctld killed: nothing that waits has ended' eval 'ended queued || ended away'
same_jobs 'slurmctld killed: no job is given up'
fault slurmctld-away off
answered 'slurmctld back: a wake that had no answer is made up for' away 'a job, please'
phases_release
answered 'slurmctld back: the job that was queued runs' queued 'one two three four, says queued'
same_jobs 'all by the jobs that they had'
is 'one job for each wake' "$(jobs_since "$last")" 5
echo stop > "$M/away/ctl"
phases_end

# --- a job cannot be submitted ---

last=$(last_job)
fault command-missing on sbatch
asks missing missing 'hello'
fails 'sbatch missing' missing 'No such file|Connection refused' 'sbatch was not found on lab.*PATH'
is 'sbatch missing: the model has failed' "$(status_of missing state)" failed
fault command-failing on sbatch 1 'sbatch: error: Batch job submission failed: Job violates accounting/QOS policy'
asks refusing refusing 'hello'
fails 'sbatch refusing' refusing 'Connection refused' 'Job violates accounting/QOS policy'
asks refusing missing 'again'
fails 'a model that has failed tries again at the next question' refusing 'Connection refused' 'Job violates accounting/QOS policy'
is 'nothing was submitted' "$(jobs_since "$last")" 0
fault command-failing on sbatch
asks failing failing 'hello'
fault_seen() {
	[ "$(status_of failing state)" = queued ] && [[ $(status_of failing reason) == *'Unable to contact'* ]]
}
ok 'sbatch without a controller: the reason is shown' wait_for 20 fault_seen
fault command-failing off sbatch
answered 'sbatch without a controller: it is tried again' failing 'hello'
is 'sbatch without a controller: one job' "$(jobs_since "$last")" 1

last=$(last_job)
fault command-slow on sbatch 4
for i in 1 2 3 4; do
	asks "slow$i" slow "hello $i"
done
for i in 1 2 3 4; do
	answered "sbatch slow: question $i joins the one wake" "slow$i" "hello $i"
done
is 'sbatch slow: one job' "$(jobs_since "$last")" 1

last=$(last_job)
fault command-lying on sbatch cut
asks lies lies 'hello'
answered 'sbatch, half of whose reply is lost' lies 'hello'
live() {
	[ "$(slurm squeue -h -u alice -n "$(slurm squeue -h -t all -j "$(job_of lies)" -o %j)" -o %i)" = "$(job_of lies)" ]
}
ok 'its one job is the one that is known' wait_for 20 live
fault command-lying on sbatch garbage
asks noise noise 'hello'
wait_for 10 state_is noise queued
ok 'sbatch that says nonsense: it does not go unsaid' wait_for 60 eval 'ended noise || [[ $(status_of noise reason) == *"no job id"* ]]'
fault command-lying off sbatch
answered 'sbatch that said nonsense: it is tried again' noise 'hello'

# --- a job cannot be cancelled ---

fault command-hanging on scancel
job=$(job_of slow)
echo stop > "$M/slow/ctl"
ok 'scancel hanging: the model drains' wait_for 10 state_is slow draining
fault command-missing on scancel
job2=$(job_of lies)
echo stop > "$M/lies/ctl"
ok 'scancel missing: a line in the log says so' wait_for 60 grep -q 'scancel was not found on lab' "$M/log"
is 'the jobs are still there' "$(lab_job_state "$job") $(lab_job_state "$job2")" 'RUNNING RUNNING'
fault command-missing off scancel
fault command-hanging off scancel
ok 'it is tried until it has worked' wait_for 90 lab_job_is "$job" CANCELLED
ok 'for both' wait_for 90 lab_job_is "$job2" CANCELLED

# --- and the node's scontrol, which tells the address to those who read the queue ---

for host in n1 n2; do
	fault command-missing on scontrol "$host"
done
asks lies lies 'without a Comment'
answered 'scontrol missing on the node: the address is found all the same' lies 'without a Comment'

done_testing
