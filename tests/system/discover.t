#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A cluster whose models are found in its cache of Hugging Face, or in its Ollama's store.
. "$(dirname "$0")/lib.sh"

hub=$T/it\'s/hub
model() { # model NAME REVISION [CONFIG]
	mkdir -p "$hub/models--$1/snapshots/$2"
	[ $# -lt 3 ] || printf '%s\n' "$3" > "$hub/models--$1/snapshots/$2/config.json"
}
model openai--gpt-oss-20b 0ab1 '{"max_position_embeddings": 131072}'
model Qwen--Qwen3.5-9B 1 '{"text_config": { "max_position_embeddings":2048 } }'
model gpt2 1 '{}'
mkdir -p "$hub/models--half--done" "$hub/datasets--x--y/snapshots/1"
store=$T/store
mkdir -p "$store/manifests/registry.ollama.ai/library/llama3" "$store/manifests/registry.ollama.ai/me/mine"
: > "$store/manifests/registry.ollama.ai/library/llama3/8b"
: > "$store/manifests/registry.ollama.ai/me/mine/latest"

config() {
	cat <<- END
		[gateway]
		listen = "127.0.0.1:0"
		[cluster.hf]
		kind = "local"
		workdir = "$T/work"
		discover = "$T/it's"
		[cluster.store]
		kind = "local"
		workdir = "$T/work"
		discover = "$store"
		partition = "far"
		[model.named]
		cluster = "hf"
		engine = "vllm"
		model = "$hub/models--gpt2/snapshots/1"
	END
}
mount_with < <(config) || bail 'no mount'
models() {
	(cd "$M" && "$SLULLAMAFS" models | awk '{print $1}' | LC_ALL=C sort | xargs)
}
has() {
	[ "$(models)" = "$1" ]
}
ok 'all appear' wait_for 60 has 'Qwen-Qwen3.5-9B llama3-8b me-mine named openai-gpt-oss-20b' || diag "$(models)"
is 'as directories' "$(ls -d "$M/openai-gpt-oss-20b/ask")" "$M/openai-gpt-oss-20b/ask"
is 'those of Hugging Face are for vLLM' "$(status_of openai-gpt-oss-20b engine) $(status_of openai-gpt-oss-20b served_model)" \
	'vllm openai/gpt-oss-20b'
length() {
	sed -n "/^\[model.$1\]/,/^\[/s/^max_model_len = //p" "$M/config"
}
is 'a context by their size' "$(length openai-gpt-oss-20b)" 10000
is 'and no longer than their own' "$(sed -n '/^\[model."Qwen-Qwen3.5-9B"\]/,/^\[/s/^max_model_len = //p' "$M/config")" 2048
is 'those of the store are for Ollama, and share it' "$(status_of llama3-8b engine) $(status_of llama3-8b served_model)" 'ollama llama3:8b'
like 'and have what their cluster says' "$(sed -n '/^\[model.llama3-8b\]/,/^\[/p' "$M/config")" 'partition = "far"'
url=$(< "$M/endpoint")
for name in openai/gpt-oss-20b Qwen/Qwen3.5-9B me/mine llama3:8b; do
	is "the gateway knows $name" "$(curl -sS -o "$T/out" -w '%{http_code}' "$url/v1/models/$name")" 200
done
is 'nothing woke' "$(ls "$M/jobs")" ''
not_ok 'a name that is not there cannot be woken' sh -c "echo wake nothing-like-it > $M/ctl"
like 'and those that are there are told' "$(< "$M/log")" 'there is no model "nothing-like-it"; there are: named, '
like 'run tells them too' "$("$SLULLAMAFS" run nothing-like-it 2>&1)" 'llama3-8b'

model later--one-7b 1
mkdir -p "$hub/models--bad"$'\001'"name/snapshots/1"
echo reload > "$M/ctl"
ok 'a new one appears at a reload' wait_for 60 test -d "$M/later-one-7b"
is 'its context' "$(length later-one-7b)" 4096
like 'a name that cannot be one is told' "$(< "$M/log")" 'cannot be the name of a directory'
no_complaints_but_that() {
	! grep -E 'error|warning' "$M/log" | grep -v 'cannot be the name' | grep -qv 'nothing-like-it'
}
ok 'nothing else is wrong' no_complaints_but_that
unmount

rm -r "$T/it's"
mount_again || bail 'no mount'
ok 'the next mount knows them at once' test -d "$M/openai-gpt-oss-20b"
ok 'and tells that the directory is gone' wait_for 60 grep -q 'there is no such directory' "$M/log"
like 'in status too' "$(jq -r .warnings[] "$M/status")" 'discover = .* in \[cluster.hf\]: there is no such directory'
unmount
done_testing
