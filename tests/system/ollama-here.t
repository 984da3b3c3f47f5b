#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Without a configuration the models of the Ollama that the user runs on this machine appear.
. "$(dirname "$0")/lib.sh"
command -v python3 > /dev/null || {
	echo '1..0 # SKIP python3 is not installed'
	exit 0
}
mkdir -p "$T/bin" "$T/models"
ln -s "$(cd "$here/../stand-ins" && pwd)/ollama" "$T/bin/"
export PATH=$T/bin:$PATH OLLAMA_MODELS=$T/models
: > "$T/models/llama3:latest"
: > "$T/models/qwen3.5:9b"
servers=()
# shellcheck disable=SC2317 # called by the trap of lib.sh
cleanup() {
	[ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2> /dev/null
}
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export OLLAMA_HOST=127.0.0.1:$port
configured() { # configured HOST:PORT: the models of a mount that has no configuration
	local M=$T/other
	mkdir -p "$M"
	OLLAMA_HOST=$1 "$SLULLAMAFS" mount "$M" || return
	jq -r '.models | keys | join(" ")' "$M/status"
	unmount
}
is 'without one there is the parrot' "$(configured "$OLLAMA_HOST")" parrot
"$T/bin/ollama" serve 2> "$T/serve.log" &
servers+=($!)
ok 'one is started' wait_for 60 grep -q Listening "$T/serve.log"
is 'its models are those of a mount' "$(configured "$OLLAMA_HOST")" 'llama3 qwen3.5-9b'
"$SLULLAMAFS" mount "$M" || bail 'no mount'
is 'as directories' "$(status_of qwen3.5-9b served_model) $(status_of llama3 engine)" 'qwen3.5:9b ollama'
echo 'to the second' > "$M/qwen3.5-9b/ask"
is 'and answer' "$(timeout 120 cat "$M/qwen3.5-9b/reply")" 'to the second'
is 'by one job' "$(jq -c .models "$M/llama3/job/status")" '["llama3","qwen3.5-9b"]'
url=$(< "$M/endpoint")
is 'a gateway of ours is no Ollama' "$(configured "${url#http://}")" parrot
is 'nor is a port where nobody listens' "$(configured 127.0.0.1:1)" parrot
python3 -c 'import socket, time; s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True); time.sleep(600)' > "$T/mute" &
servers+=($!)
wait_for 60 test -s "$T/mute"
is 'one that says nothing is not waited for' "$(configured "127.0.0.1:$(cat "$T/mute")")" parrot
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups) # no function: $! is then the server itself
if [ "$(id -u)" = 0 ] && "${nobody[@]}" /usr/bin/python3 -c '' 2> /dev/null; then
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	chmod 755 "$T" "$T/models"
	OLLAMA_HOST=127.0.0.1:$port "${nobody[@]}" /usr/bin/python3 - serve < "$T/bin/ollama" 2> "$T/other.log" &
	servers+=($!)
	ok "another user's is started" wait_for 60 grep -q Listening "$T/other.log"
	is 'and is none of ours' "$(configured "127.0.0.1:$port")" parrot
fi
ok 'nothing unexpected in the log' no_complaints
unmount
done_testing
