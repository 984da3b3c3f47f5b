#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The program on the login node itself: a cluster without a host is this machine's, and there is no SSH.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install

there() {
	lab_as_user env XDG_RUNTIME_DIR=/home/alice/run XDG_STATE_HOME=/home/alice/state ASAN_OPTIONS="detect_leaks=0:log_path=/home/alice/sanitizer" "$@"
}

if ! lab_as_user sh -c ': <> /dev/fuse && fusermount3 --version' > /dev/null 2>&1; then
	skip 'a mount on the login node' 'its users cannot mount'
	done_testing
fi

# Its logins count, and no connection is to be opened here.
logins=$(logins)
there bash -c 'mkdir -p -m 700 run state llm; cat > config.toml' <<- 'END'
	[gateway]
	listen = "127.0.0.1:0"
	[cluster.here]
	partition = "gpu"
	time = "20m"
	[model.parrot]
	engine = "parrot"
	[model.closed]
	engine = "parrot"
	partition = "closed"
	END
cleanup() {
	there fusermount3 -uzq llm
	if ! wait_for 20 eval '! lab_enter login pgrep -u alice -f "slullamafs mount"'; then
		lab_enter login pkill -KILL -u alice -f 'slullamafs mount'
	fi
}
ok 'mount' there bin/slullamafs mount llm -c config.toml
ask() { # MODEL TEXT
	there timeout 120 bash -c 'cd "llm/$1" && echo "$2" > ask && cat reply; cat error' - "$@" 2>&1
}
is 'a cold question is answered' "$(ask parrot 'from the login node')" 'from the login node'
is 'a warm one as well' "$(ask parrot 'and again')" 'and again'
job=$(there jq -r '.jobs[0].id' llm/parrot/status)
is 'by a job in Slurm' "$(slurm squeue -h -u alice -o '%i %T')" "$job RUNNING"
like 'on a node' "$(there jq -r '.jobs[0].node' llm/parrot/status)" '^n[12]$'
is 'the cluster is up, without SSH' "$(there jq -r '.state, .host, .transport' llm/clusters/here/status | xargs) $(($(logins) - logins))" \
	'up null local 0'
like 'the gateway answers' "$(there bash -c 'curl -s --max-time 30 "$(cat llm/parrot/endpoint)/v1/chat/completions" -d "{\"messages\":[{\"role\":\"user\",\"content\":\"by curl\"}]}"' |
	jq -r '.choices[0].message.content')" '^by curl$'
like 'what Slurm refuses is told in its words' "$(ask closed 'hello')" 'Connection refused.*(not available|inactive)'

fault slurmctld-away on hung
is 'slurmctld hung: a ready model answers' "$(ask parrot 'without Slurm')" 'without Slurm'
fault slurmctld-away off

ok 'unmount' there fusermount3 -u llm
ok 'cancels the job' wait_for 20 lab_no_jobs
ok 'and ends the daemon' wait_for 20 eval '! lab_enter login pgrep -u alice -f "slullamafs mount"'
is 'no sanitizer has spoken' "$(cat "$LAB_HOME"/sanitizer.* 2> /dev/null)" ''
done_testing
