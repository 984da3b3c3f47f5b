#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Jobs that Slurm refuses, and engines that do not do what an engine should: each question ends with the right errno and a sentence that
# helps, and the next question tries again.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install
cp "$LAB_HOME/bin/slullamafs" "$LAB_HOME/not-ours"
printf '#!/bin/bash\necho "out of memory, they say" >&2\nexit 7\n' > "$LAB_HOME/bin/dies"
printf '#!/bin/bash\necho "still loading"\nexec sleep 600\n' > "$LAB_HOME/bin/deaf"
chmod 755 "$LAB_HOME"/bin/*

# engine NAME LINE...: a model with the parrot as its engine.
engine() {
	printf '[model.%s]\nengine = "parrot"\n' "$1"
	shift
	[ $# = 0 ] || printf '%s\n' "$@"
}

failing() {
	engine "$1" "engine_args = [\"--fail\", \"${2:-$1}\"]" "${@:3}"
}

lab_mount 'stall_timeout = "5s"' <<- END || bail 'no mount'
	$(engine closed 'partition = "closed"')
	$(engine short 'partition = "short"')
	$(engine account 'partition = "physics"')
	$(engine unknown 'partition = "nonesuch"')
	$(engine later 'partition = "later"')
	$(engine impatient 'partition = "later"' 'start_timeout = "4s"')
	$(engine missing 'binary = "~/bin/nonesuch"')
	[model.dies]
	engine = "command"
	command = ["~/bin/dies"]
	[model.deaf]
	engine = "command"
	command = ["~/bin/deaf"]
	ready_timeout = "15s"
	[model.nofile]
	engine = "llamacpp"
	binary = "~/bin/dies"
	model = "~/nonesuch.gguf"
	$(failing exit-at-start)
	$(failing never-healthy never-healthy 'ready_timeout = "5s"')
	$(failing always-200)
	$(failing die-before-first-byte)
	$(failing die-mid-stream)
	$(failing silent)
	$(failing hang-mid-stream)
	$(failing garbage)
	$(failing half-event)
	$(failing infinite-line)
	$(failing http-500)
	$(failing http-429)
	$(failing error-in-stream)
	$(failing once http-500@1)
	$(engine setup 'setup = ["cd /nonesuch || exit 1"]')
	END
models=$(jq -r '.models | keys[]' "$M/status")

# All at once: they do not wait for each other.
slurm scontrol update PartitionName=later State=DOWN
for m in $models; do
	asks "$m" "$m" 'one two three four'
done

# --- refused by Slurm ---

fails 'a partition that is closed' closed 'Connection refused' 'not available|inactive|INACTIVE'
fails 'a time limit' short 'Connection refused' 'time limit'
fails 'an account that may not' account 'Connection refused' '[Aa]ccount'
fails 'a partition that there is not' unknown 'Connection refused' 'invalid partition'
fails 'longer in the queue than start_timeout' impatient 'Connection timed out' 'start_timeout \(4 s\).*PartitionDown'

# --- the engine cannot start ---

fails 'a program that is not there' missing 'Input/output error' 'nonesuch was not found on n[12].*binary'
fails 'a program that ends at once' dies 'Input/output error' 'exit status 7.*out of memory, they say'
fails 'a model file that is not there' nofile 'Input/output error' 'nonesuch.gguf cannot be read on n[12]'
fails 'an engine that ends at once' exit-at-start 'Input/output error' 'exit status 1'
fails 'a setup line that fails' setup 'Input/output error' 'exit status 1.*nonesuch'
fails 'an engine that never listens' deaf 'Connection timed out' 'ready_timeout \(15 s\).*still loading'
fails 'an engine that is never healthy' never-healthy 'Connection timed out' 'ready_timeout \(5 s\)'
fails 'an impostor' always-200 'Input/output error' 'not the engine|without a key|any key'
is 'all these models have failed' "$(for m in closed short account unknown impatient missing dies nofile exit-at-start setup deaf never-healthy always-200; do
	status_of "$m" state
done | sort | uniq -c | xargs)" '13 failed'
like 'and say why' "$(status_of dies last_error)" 'exit status 7'

# --- the engine answers, and how ---

fails 'an engine that dies under a prompt' die-before-first-byte 'Input/output error' 'engines were lost under this prompt'
fails 'an engine that dies in an answer' die-mid-stream 'Connection reset by peer' 'lost in the middle' 'one two'
fails 'an engine that says nothing' silent 'Connection timed out' 'stall_timeout'
fails 'an engine that falls silent' hang-mid-stream 'Connection timed out' 'stall_timeout' 'one two'
fails 'garbage' garbage 'Input/output error' '.'
fails 'half an event' half-event 'Connection reset by peer|Input/output error' '.' "$(cat "$T/half-event.out")"
fails 'an infinite line' infinite-line 'Input/output error' '.' "$(cat "$T/infinite-line.out")"
fails '500' http-500 'Input/output error' '500|fail'
fails '429' http-429 'Input/output error|Device or resource busy' '429|fail|many'
fails 'an error in the stream' error-in-stream 'Input/output error' '.' "$(cat "$T/error-in-stream.out")"
fails 'one failure' once 'Input/output error' '500|fail'
job=$(job_of once)
asks once once 'and now'
answered 'the next question is asked all the same' once 'and now'
is 'of the same engine' "$(job_of once)" "$job"

# --- later ---

not_ok 'a job whose partition is down waits' ended later
is 'with the reason' "$(status_of later state) $(status_of later reason)" 'queued PartitionDown'
echo stop > "$M/later/ctl"
fails 'until it is stopped' later 'Operation canceled' 'stopped'

# --- again ---

printf '#!/bin/bash\nexec ~/bin/slullamafs parrot --host "$SFS_HOST" --port "$SFS_PORT" --api-key-file "$SFS_KEY_FILE"\n' > "$LAB_HOME/bin/dies"
asks dies dies 'better now'
answered 'a model that has failed tries again at the next question' dies 'better now'
fault command-missing on sbatch
echo wake exit-at-start > "$M/ctl"
ok 'and at a wake' wait_for 20 eval '[[ $(status_of exit-at-start last_error) == *"sbatch was not found"* ]]'
fault command-missing off
done_testing
