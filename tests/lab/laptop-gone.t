#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The laptop is destroyed: its link is torn off, so that the cluster hears no goodbye, and in the same moment every process of it is killed
# and its namespaces go. Engines end by their lease, on a node that shares the login node's home and on one that does not; nothing of ours
# remains anywhere on the cluster but the files that a job leaves.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install
lease_s=12

# A login node that looks after its connections; without it the kernel's keepalive ends them, in two hours.
slurm bash -c 'printf "%s\n" "ClientAliveInterval 5" "ClientAliveCountMax 2" > /etc/ssh/sshd_config.d/lab-alive.conf'
sshd_restart

# n2 does not see the home of the login node.
cleanup() {
	[ -z "${holder:-}" ] || kill -KILL "$holder" 2> /dev/null
	lab_enter n2 umount -l /home/alice 2> /dev/null
	slurm rm -f /etc/ssh/sshd_config.d/lab-alive.conf
	slurm scontrol update PartitionName=later State=DOWN
	sshd_restart
}
for n in n1 n2; do
	lab_enter "$n" install -m 755 /home/alice/bin/slullamafs /tmp/slullamafs
done
lab_enter n2 mount -t tmpfs -o uid=20001,gid=20001,mode=700 home /home/alice || bail 'the home cannot be hidden'
slurm scontrol update PartitionName=later State=DOWN

# --- a laptop that can be destroyed: it has this machine's files, and nothing else of it ---

: > "$T/laptop"
setsid unshare --net --pid --mount --uts --ipc --fork --kill-child=KILL --mount-proc bash -c '
	hostname laptop
	ip link set lo up
	echo ready > "$1"
	exec sleep infinity' - "$T/laptop" < /dev/null > "$T/laptop.log" 2>&1 &
holder=$!
wait_for 20 test -s "$T/laptop" || bail "no laptop: $(cat "$T/laptop.log")"
laptop=$(pgrep -P "$holder")
# Both ends of the link are in namespaces of this test's own, so that the address is nobody else's.
nsenter -t "$(host_pid login)" -n ip -batch - <<- END || bail 'no link'
	link add laptop type veth peer name uplink netns $laptop
	address add 198.18.251.2/30 dev laptop
	link set laptop up
END
nsenter -t "$laptop" -n ip -batch - <<- 'END' || bail 'no link'
	address add 198.18.251.1/30 dev uplink
	link set uplink up
END
sed "s/^\(\s*HostName\) .*/\1 198.18.251.2/; s|UserKnownHostsFile .*|UserKnownHostsFile \"$T/known_hosts\"|" "$LAB_DIR/ssh_config" > "$T/ssh_config"
sed 's/^[^ ]*/198.18.251.2/' "$LAB_DIR/known_hosts" > "$T/known_hosts"
on_laptop() {
	nsenter -t "$laptop" -m -n -p -u -i -- "$@"
}

lab_config "lease = \"${lease_s}s\"" <<- 'END' | sed "s|^ssh_config = .*|ssh_config = \"$T/ssh_config\"|" > "$T/config.toml"
	[model.near]
	engine = "parrot"
	binary = "/tmp/slullamafs"
	engine_args = ["--gate", "/home/alice/gate"]
	extra_args = ["--nodelist=n1"]
	[model.far]
	engine = "parrot"
	binary = "/tmp/slullamafs"
	extra_args = ["--nodelist=n2"]
	[model.queued]
	engine = "parrot"
	binary = "/tmp/slullamafs"
	partition = "later"
	extra_args = ["--nodelist=n1"]
END
ok 'the laptop mounts' on_laptop "$SLULLAMAFS" mount "$M" -c "$T/config.toml"
not_ok 'where nobody else sees it' is_mounted
printf xx > "$LAB_HOME/gate"
on_laptop bash -c 'cd "$1" && echo wake > queued/ctl && echo from afar > far/ask && cat far/reply' - "$M" > "$T/far" 2>&1
is 'far answers' "$(cat "$T/far")" 'from afar'
on_laptop bash -c 'cd "$1" && echo one two three four > near/ask && exec cat near/reply' - "$M" > "$T/near" 2> /dev/null &
ok 'near is in the middle of an answer' wait_for 60 grep -q 'one two' "$T/near"

job_named() { # MODEL
	slurm squeue -h -u alice -t PD,R -o '%i %j' | awk -v m="-$1-" 'index($2, m) { print $1 }'
}
near=$(job_named near) far=$(job_named far) queued=$(job_named queued)
is 'each by a job of its own' "$(lab_job_state "$near") $(lab_job_state "$far") $(lab_job_state "$queued")" 'RUNNING RUNNING PENDING'
signs() {
	[[ $(slurm squeue -h -j "$far" -o %k) == *lease=signal* ]]
}
ok 'far lives by signals' wait_for 30 signs
ended_early() {
	! lab_job_is "$near" RUNNING || ! lab_job_is "$far" RUNNING
}
not_ok 'both outlive their lease' wait_for $((lease_s + lease_s / 2)) ended_early
ok 'something of ours is on the login node' slurm pgrep -u alice

# --- it is destroyed ---

uptime_s() {
	local up
	read -r up _ < /proc/uptime
	echo "${up%.*}"
}
nsenter -t "$laptop" -n ip link delete uplink
kill -KILL "$laptop"
began=$(uptime_s)
ok 'every process of the laptop is gone' wait_for 20 process_gone "$holder"
holder=
not_ok 'and its link' slurm ip link show laptop
not_ok 'the jobs do not end at once' ended_early

gone() { # NAME NODE JOB
	ok "$1: no process of the job is left after the lease" wait_for $((lease_s + 60)) no_job_processes "$2" "$3"
	diag "$1: after $(($(uptime_s) - began)) s, with a lease of $lease_s s; aim: <= $((lease_s + 60)) s"
}
gone near n1 "$near"
gone far n2 "$far"

# --- one that begins to run when nobody is left ---

slurm scontrol update PartitionName=later State=UP
began=$(uptime_s)
runs_now() {
	! lab_job_is "$queued" PENDING
}
ok 'queued: it begins to run' wait_for 30 runs_now
gone queued n1 "$queued"
ok 'Slurm has its nodes back' wait_for 30 lab_no_jobs

# --- and nothing remains ---

nothing_on() {
	[ -z "$(lab_enter "$1" pgrep -u alice)" ]
}
for host in n1 n2 login; do
	ok "$host: no process of the user" wait_for 60 nothing_on "$host"
	is "$host: no socket that somebody listens at" "$(lab_enter "$host" ss -Hltnp | grep -v 'munged\|sshd\|slurm')" ''
done
is 'login: no connection of a process' "$(slurm ss -Htnp state established | grep -v slurm)" ''
is 'no file of ours in /tmp of a node' "$(for n in n1 n2 login; do lab_enter "$n" find /tmp /var/tmp /dev/shm -user alice; done)" ''
is 'in the working directory are the files that a job leaves' \
	"$(find "$LAB_HOME/.slullamafs" -type f -printf '%f\n' | sort -u | xargs)" 'lease state stderr stdout'

# --- another laptop, with what was on the disk of the first ---

last=$(last_job)
sed -i "s|^ssh_config = .*|ssh_config = \"$LAB_DIR/ssh_config\"|; s|^partition = \"later\"||" "$T/config.toml"
printf '%0999d' 0 > "$LAB_HOME/gate"
mount_again || bail 'no mount'
asks again near 'is anybody there'
answered 'it is answered with the state of the destroyed one' again 'is anybody there'
is 'by one new job' "$(jobs_since "$last")" 1
done_testing
