#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Each engine as a job of Slurm on another machine, through SSH, by stand-ins for the programs that speak as the real ones do.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install

stand_ins=$lab_here/../stand-ins
install -o 20001 -g 20001 -m 755 "$stand_ins"/{ollama,vllm,apptainer} "$lab_here/../../examples/hello-python" "$LAB_HOME/bin/"
snapshot=hub/models--openai--gpt-oss-20b/snapshots/0ab1
lab_enter -u alice login bash -c "
	mkdir -p ~/image/bin ~/$snapshot ~/private ~/hub/models--Qwen--Qwen3.5-9B/snapshots/1 &&
	echo '{\"max_position_embeddings\": 2048}' > ~/hub/models--Qwen--Qwen3.5-9B/snapshots/1/config.json && cp ~/bin/vllm ~/image/bin/
	printf xxx > ~/ollama.gate; printf xxxx > ~/vllm.gate; : > ~/tiny.gguf
	printf '#!/bin/bash\nexec ~/bin/slullamafs parrot --host \"\$2\" --port \"\$4\" --api-key-file \"\$6\"\n' > ~/image/bin/llama-server
	chmod 755 ~/image/bin/llama-server"

lab_mount 'ready_timeout = "5m"' 'discover = "~/hub"' 'setup = ["PATH=$HOME/bin:$PATH"]' 'extra_args = ["--nodelist=n1"]' <<- 'END' || bail 'no mount'
	[model.qwen]
	engine = "ollama"
	model = "qwen3.5:9b"
	models_dir = "~/private/models"
	env = { OLLAMA_GATE = "/home/alice/ollama.gate" }
	[model.other]
	engine = "ollama"
	model = "other:1b"
	models_dir = "~/private/models"
	[model.oss]
	engine = "vllm"
	model = "~/hub/models--openai--gpt-oss-20b"
	gres = "gpu:2"
	env = { VLLM_GATE = "/home/alice/vllm.gate" }
	[model.boxed]
	engine = "vllm"
	model = "~/hub/models--openai--gpt-oss-20b/snapshots/0ab1"
	image = "~/image"
	gres = "gpu:1"
	[model.boxedllama]
	engine = "llamacpp"
	model = "~/tiny.gguf"
	image = "~/image"
	[model.hello]
	engine = "http"
	command = ["~/bin/hello-python", "{host}", "{port}"]
	health = "/test"
	END
E=$(cat "$M/endpoint")

starts_with() { # starts_with MODEL PROGRESS REASON
	[ "$(jq -c '[.progress, .reason]' "$M/$1/status")" = "[$2,\"$3\"]" ]
}
job_status() {
	jq -r ".$2" "$M/$1/job/status"
}
# Every argument of every process of the lab, whose processes can be seen from here, as long as this runs.
watch_arguments() {
	while :; do
		cat /proc/[0-9]*/cmdline
		sleep 0.2
	done > "$T/arguments" 2> /dev/null
}
watch_arguments &
watcher=$!

asks one qwen 'two words'
ok 'what is in the cache of Hugging Face over there is found' wait_for 60 test -d "$M/Qwen-Qwen3.5-9B"
is 'for vLLM, under its own name' "$(status_of Qwen-Qwen3.5-9B engine) $(status_of Qwen-Qwen3.5-9B served_model)" 'vllm Qwen/Qwen3.5-9B'
like 'with the context that it says' "$(sed -n '/^\[model."Qwen-Qwen3.5-9B"\]/,/^\[/p' "$M/config")" 'max_model_len = 2048'
is 'what is configured is not found once more' "$(ls -d "$M"/openai* 2> /dev/null)" ''
asks two other 'from another Ollama'
asks three oss 'three words here'
asks four boxed 'in a box'
asks five boxedllama 'in a box too'
ok 'Ollama: a pull shows how far it is' wait_for 120 starts_with qwen 0.3 'pulling qwen3.5:9b, 30 %'
ok 'vLLM: its log shows how far it is' wait_for 120 starts_with oss 0.25 'loading weights'
printf '%099d' 0 > "$LAB_HOME/ollama.gate"
printf '%099d' 0 > "$LAB_HOME/vllm.gate"
answered 'Ollama answers' one 'two words'
answered 'a second one on the same node answers for itself' two 'from another Ollama'
answered 'vLLM answers' three 'three words here'
answered 'vLLM in Apptainer answers' four 'in a box'
answered 'llama.cpp in Apptainer answers' five 'in a box too'
is 'a web service answers' "$(curl -s -m 120 "$E/hello/you")" 'hello you, says n1'
kill "$watcher"

is 'all on one node' "$(for m in qwen other oss boxed hello; do job_status "$m" node; done | sort -u)" n1
is 'who is exposed' "$(for m in qwen other oss boxed hello; do job_status "$m" exposed; done | xargs)" 'node node null null node'
is 'the name that the path tells' "$(status_of oss served_model)" openai/gpt-oss-20b
argv() {
	xargs < "$LAB_HOME/.slullamafs/$(job_status "$1" workdir | sed 's,.*\.slullamafs/,,')/$2.argv"
}
like 'vLLM has the GPUs of its job' "$(argv oss vllm)" ' --tensor-parallel-size 2 '
not_ok 'and one is not said' grep -q tensor <<< "$(argv boxed vllm)"

port=$(job_status qwen port)
from() { # from USER HOST URL: the status that somebody gets there
	lab_enter -u "$1" "$2" curl -s -m 20 -o /dev/null -w '%{http_code}' "$3"
}
is 'another user of the cluster is refused by the relay' "$(from mallory login "http://n1:$port/api/tags")" 401
inner=$(lab_enter n1 bash -c 'ss -Hltn src 127.0.0.1 | awk "{ print \$4 }" | sed "s/.*://" | sort -n | xargs')
reached=
for p in $inner; do
	[ "$(from mallory login "http://n1:$p/api/tags")" = 000 ] || reached+=" $p"
done
is 'behind it nothing is reached from another node' "$inner ->$reached" "$inner ->"
keys=$(cat "$LAB_HOME"/.slullamafs/*/*/key)
is 'five keys and one' "$(wc -l <<< "$keys")" 6
not_ok 'none of which was ever an argument' grep -aqF -f - "$T/arguments" <<< "$keys"

for m in qwen other oss boxed boxedllama hello; do
	echo stop > "$M/$m/ctl"
done
ok 'all end' wait_for 60 lab_no_jobs
is 'and leave no process' "$(lab_enter n1 pgrep -u alice -l)" ''
ok 'nothing unexpected in the log' no_complaints
done_testing
