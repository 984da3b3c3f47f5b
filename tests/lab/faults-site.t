#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What else is on a site: the user's other jobs in all of Slurm's forms, another user's jobs of our names and engines on our ports, a
# job that Slurm moves to another node, a batch step that is lost, a home that is full or cannot be written. Every question is answered.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install

# --- jobs that are not ours ---

as_user() { # USER COMMAND...
	lab_enter -u "$1" login "${@:2}"
}
sleeper='#!/bin/bash
exec sleep 600'
others=()
other_job() { # USER SBATCH-OPTION...
	local id
	id=$(as_user "$1" sbatch --parsable --output=/dev/null --partition=gpu "${@:2}" <<< "$sleeper") || bail "no job of $1"
	others+=("${id%%;*}")
}
other_job alice --array=1-20%1 --job-name='an array'
other_job alice --job-name=$'two\nlines' --comment=$'traefik,qwen,http://127.0.0.1:1\ntraefik,parrot,http://n1:1'
other_job alice --job-name=$'  |blanks\t| and %i bars|' --comment='","id":"1|2|3'
other_job alice --hold --job-name=held
het=$(as_user alice sbatch --parsable --output=/dev/null --job-name=het --partition=gpu --hold : --partition=gpu --hold <<< "$sleeper") ||
	bail 'no heterogeneous job'
others+=("${het%%;*}")

lab_mount <<- 'END' || bail 'no mount'
	[model.parrot]
	engine = "parrot"
	[model.other]
	engine = "parrot"
	[model.homeless]
	engine = "parrot"
	binary = "/tmp/slullamafs"
	END
asks one parrot 'among all these'
answered 'a question is answered among arrays, heterogeneous jobs and strange names' one 'among all these'
job=$(job_of parrot) node=$(node_of "$job")
is 'the mount has one job' "$(jq -r '.jobs | keys | join(" ")' "$M/status")" "lab.$job"

# Of the same name and with the same Comment, by somebody else.
name=$(slurm squeue -h -j "$job" -o %j) comment=$(slurm squeue -h -j "$job" -o %k)
other_job mallory --job-name="$name" --comment="$comment"
name=${name/parrot/other}
other_job mallory --job-name="$name" --comment="$comment"
asks two parrot 'beside a namesake'
answered "another user's job of the same name is not taken for ours" two 'beside a namesake'
asks three other 'and for a model without a job'
answered 'nor taken up by a model that has none' three 'and for a model without a job'
unread() {
	grep -E 'cannot be read|not understood|garbage' "$M/log"
}
not_ok 'nothing that Slurm said was unreadable' unread

# --- another user's engine on our port ---

port=$(status_of parrot 'jobs[0].port')
engine=$(lab_enter "$node" pgrep -u alice -f "slullamafs parrot .*--port $port") || bail 'no engine'
cleanup() {
	[ -z "${impostor:-}" ] || kill "$impostor" 2> /dev/null
	everywhere umount -l /home/alice 2> /dev/null
	slurm scontrol update NodeName=n1,n2 State=RESUME 2> /dev/null
}
lab_enter "$node" kill -KILL "$engine"
lab_enter -u mallory "$node" python3 -c '
import http.server, sys
class Yes(http.server.BaseHTTPRequestHandler):
	def do_GET(self):
		print(self.path, self.rfile.read(int(self.headers.get("Content-Length", 0))), flush=True)
		self.send_response(200)
		self.end_headers()
		self.wfile.write(b"{\"status\":\"ok\",\"choices\":[{\"message\":{\"content\":\"from mallory\"}}]}")
	do_POST = do_GET
	def log_message(self, *args):
		pass
http.server.ThreadingHTTPServer.allow_reuse_address = True
while True:
	try:
		http.server.ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Yes).serve_forever()
	except OSError:
		pass' "$port" > "$T/impostor" 2>&1 &
impostor=$!
asks four parrot 'who are you'
answered "another user's server on the port of a lost engine answers no question" four 'who are you'
not_ok 'nor does it see one' grep 'who are you' "$T/impostor"
not_ok 'by a new job' job_of_is parrot "$job"
kill "$impostor"
impostor=

# --- Slurm moves a job ---

job=$(job_of parrot) node=$(node_of "$job")
slurm scontrol update NodeName="$node" State=DRAIN Reason=test
ok 'a job is requeued' slurm scontrol requeue "$job"
asks five parrot 'wherever you are'
answered 'a question after a requeue is answered' five 'wherever you are'
not_ok 'from another node' eval '[ "$(status_of parrot "jobs[-1].node")" = "$node" ]'
slurm scontrol update NodeName="$node" State=RESUME

# --- the step is lost, and Slurm says RUNNING ---

echo 'stop all' > "$M/ctl"
ok 'all is asleep' wait_for 60 eval 'state_is parrot asleep && state_is other asleep'
asks six parrot 'a new one'
answered 'a new job' six 'a new one'
job=$(job_of parrot) node=$(node_of "$job")
lab_enter "$node" bash -c '
	pkill -KILL -f "slurmstepd: \[$1"
	for env in /proc/[0-9]*/environ; do
		! grep -qzx "SLURM_JOB_ID=$1" "$env" 2> /dev/null || kill -KILL "$(basename "${env%/environ}")"
	done' - "$job"
asks seven parrot 'still there?'
answered 'the step and the engine are killed: the question is answered' seven 'still there?'
not_ok 'by a new job' job_of_is parrot "$job"

# --- a home that cannot be written ---

echo 'stop all' > "$M/ctl"
ok 'all is asleep' wait_for 60 state_is parrot asleep
everywhere() {
	local host
	for host in "${LAB_HOSTS[@]}"; do
		lab_enter "$host" "$@" || return 1
	done
}
everywhere install -m 755 /home/alice/bin/slullamafs /tmp/slullamafs
everywhere mount -t tmpfs -o size=16k,uid=20001,gid=20001,mode=700 home /home/alice || bail 'the home cannot be hidden'
everywhere bash -c 'cat /dev/zero > /home/alice/full 2> /dev/null; :'
is 'no host can write a byte to the home' "$(everywhere bash -c 'echo x 2> /dev/null > /home/alice/more || echo full' | xargs)" 'full full full'
asks full homeless 'no room'
answered 'a full home: the job goes without' full 'no room'
echo stop > "$M/homeless/ctl"
everywhere mount -o remount,ro /home/alice
ok 'asleep again' wait_for 60 state_is homeless asleep
asks full homeless 'no pen'
answered 'a home that is read-only: likewise' full 'no pen'
everywhere umount -l /home/alice
asks eight homeless 'a home again'
answered 'and with the home back' eight 'a home again'

# --- and the jobs that are not ours are as they were ---

echo 'stop all' > "$M/ctl"
ok 'unmount' unmount
for id in "${others[@]}"; do
	like "job $id" "$(slurm squeue -h -t all -j "$id" -o %T | sort -u | xargs)" '^(PENDING|RUNNING)( RUNNING)?$'
done
done_testing
