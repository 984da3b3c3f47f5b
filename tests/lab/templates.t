#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Job templates of other programs, as real jobs: slullama's placeholders, alvis-vllm's, a .sub in Python as forever-slurm has
# them, and a script of bash. Each tells where its engine is in another way.
. "$(dirname "$0")/mount.sh"

lab_start
lab_install
data=$lab_here/../data/templates
install -o 20001 -g 20001 -m 755 "$lab_here/../stand-ins/tiny_engine.py" "$lab_here/../stand-ins/tiny_ollama.py" "$LAB_HOME/bin/"
# A service that tells an address that is not its own.
sed 's/, server.server_port)/, 1)/; s/hello-service/liar/' "$data/hello.sub" > "$T/liar.sub"
cp "$data/hello.sub" "$T/open.sub"
install -d -o 20001 -g 20001 "$LAB_HOME/scratch"
lab_mount 'gres = ""' <<- END || bail "no mount: $(cat "$T/err" 2> /dev/null)"
	[model.old]
	engine = "command"
	job_template = "$data/slullama.sh"
	binary = "python3 /home/alice/bin/tiny_ollama.py"
	models_dir = "\$HOME/models"
	pre_pull = ["tiny:1b"]
	extra_args = ["--no-kill"]
	health = "/api/tags"
	proof = "comment"
	[model.big]
	engine = "command"
	job_template = "$data/alvis.sh"
	model = "/proj/models--org--big/snapshots/1"
	max_model_len = 4096
	time = "25m"
	log_files = ["\$TMPDIR/vllm.out", "vllm.err"]
	env = { TMPDIR = "/home/alice/scratch" }
	[model.hello]
	engine = "command"
	job_template = "$data/hello.sub"
	health = "/test"
	proof = "comment"
	env = { FOREVER_ROOT = "/home/alice/forever" }
	[model.plain]
	engine = "command"
	job_template = "$data/plain.sh"
	[model.open]
	engine = "command"
	job_template = "open.sub"
	health = "/test"
	[model.liar]
	engine = "command"
	job_template = "liar.sub"
	health = "/test"
	proof = "comment"
END

comment_of() {
	slurm scontrol show job "$1" | sed -n 's/^ *Comment=//p' | sed 's/ *$//'
}

time_of() {
	slurm squeue -h -j "$1" -o %l
}

for m in old big hello plain open liar; do
	echo wake > "$M/$m/ctl"
done

ok "a service in Python that tells its Comment becomes ready" wait_for 90 state_is hello ready
job=$(job_of hello)
comment_completed() {
	[[ $(comment_of "$job") =~ ^traefik,hello-service,http://n[12]:[0-9]+,sfs,[0-9.]+$ ]]
}
ok 'its Comment keeps its own fields and gets ours' wait_for 30 comment_completed
is 'it answers through the gateway' "$(curl -s --max-time 20 "$(cat "$M/hello/endpoint")/")" "hello from job $job"
is 'a time in the template counts where nobody set one' "$(time_of "$job")" 20:00
like 'it has its environment' "$(cat "$M/hello/log/stdout")" 'serving for /home/alice/forever'

ok 'a script of bash that listens on the given port becomes ready' wait_for 60 state_is plain ready
asks one plain 'to a template'
answered 'it answers' one 'to a template'
is 'a Comment that is no address stays' "$(comment_of "$(job_of plain)")" billing-7

ok "slullama's template becomes ready" wait_for 90 state_is old ready
like 'its output line was heard' "$(cat "$M/old/log/stdout")" 'SLULLAMA_READY hostname=n[12] port='
fetched() {
	grep -q 'pulled tiny:1b' "$M/old/log/stdout"
}
ok 'its models were fetched' wait_for 30 fetched
like 'dollars are the job'\''s' "$(cat "$M/old/log/stdout")" "job $(job_of old) on n[12], models in /home/alice/models"
like 'the script shows what was submitted' "$(cat "$M/old/job/script")" '#SBATCH --no-kill.*python3 /home/alice/bin/tiny_ollama.py serve'

ok "alvis-vllm's template becomes ready" wait_for 90 state_is big ready
is 'a time that was set wins over the placeholder' "$(time_of "$(job_of big)")" 25:00
like 'its own log file is followed' "$(cat "$M/big/log/stdout")" 'listening'
not_ok 'the secret is not in what is shown' grep -E '[0-9a-f]{64}' "$M/big/job/script"

like_error() {
	[[ $(jq -r .last_error "$M/$1/status") =~ $2 ]]
}
ok 'an engine that refuses no key says what would let it in' wait_for 90 like_error open 'proof = "comment"'
is 'a template that tells an address that is not its own is not believed' "$(jq -r '.state, .jobs[0].port' "$M/liar/status" | xargs)" 'starting null'

for m in old big hello plain open liar; do
	echo stop > "$M/$m/ctl"
done
ok 'all jobs end' wait_for 60 lab_no_jobs
done_testing
