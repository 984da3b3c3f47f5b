#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Two models of one Ollama in one job of Slurm, through SSH, by a stand-in for Ollama that speaks as the real one does.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install
install -o 20001 -g 20001 -m 755 "$lab_here/../stand-ins/ollama" "$LAB_HOME/bin/"
lab_enter -u alice login mkdir -p /home/alice/private

lab_mount 'ready_timeout = "5m"' <<- 'END' || bail 'no mount'
	[model.qwen]
	engine = "ollama"
	share = "gpu"
	model = "qwen3.5:9b"
	binary = "~/bin/ollama"
	models_dir = "~/private/models"
	[model.llama]
	share = "gpu"
	model = "llama3:8b"
	END
E=$(< "$M/endpoint")

asks one qwen 'to the first'
asks two llama 'to the second'
answered 'one answers' one 'to the first'
answered 'so does the other' two 'to the second'
is 'one job was begun' "$(slurm squeue -h -u alice -o %i | wc -l)" 1
is 'which is of both' "$(jq -c .models "$M/qwen/job/status")" '["qwen","llama"]'
is 'both are ready' "$(status_of qwen state) $(status_of llama state)" 'ready ready'
is 'both were pulled' "$(ls "$LAB_HOME/private/models" | xargs)" 'llama3:8b qwen3.5:9b'
chat() {
	curl -sS --noproxy '*' -m 120 "$E/api/chat" -d "{\"model\":\"$1\",\"stream\":false,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}" | jq -r .model
}
is 'the gateway tells them apart' "$(chat qwen) $(chat llama3:8b)" 'qwen3.5:9b llama3:8b'
echo stop > "$M/llama/ctl"
ok 'a stop of one ends the job' wait_for 60 lab_no_jobs
ok 'of both' wait_for 60 state_is qwen asleep
ok 'nothing unexpected in the log' no_complaints
done_testing
