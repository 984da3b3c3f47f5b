#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Each engine as a job on this machine, by stand-ins for the programs that speak as the real ones do.
. "$(dirname "$0")/lib.sh"
stand_ins=$(cd "$here/../stand-ins" && pwd)
command -v python3 > /dev/null || {
	echo '1..0 # SKIP python3 is not installed'
	exit 0
}

export PATH=$T/bin:$PATH
mkdir -p "$T/bin" "$T/image/bin" "$T/hub/models--openai--gpt-oss-20b/snapshots/0ab1" "$T/hub/models--openai--gpt-oss-20b/refs"
printf 0ab1 > "$T/hub/models--openai--gpt-oss-20b/refs/main"
ln -s "$stand_ins/ollama" "$stand_ins/vllm" "$stand_ins/apptainer" "$T/bin/"
ln -s "$stand_ins/vllm" "$T/image/bin/vllm"
# A service that sends one line, waits for a file, and sends lines until its client has gone; a POST gets the number of its bytes.
cat > "$T/service.py" <<- 'END'
	import http.server, os, sys, time
	class Service(http.server.BaseHTTPRequestHandler):
	    protocol_version = "HTTP/1.1"
	    def do_GET(self):
	        self.send_response(200)
	        self.end_headers()
	        if self.path == "/":
	            return
	        try:
	            self.wfile.write(b"first\n")
	            while not os.path.exists(sys.argv[3] + ".go"):
	                time.sleep(0.05)
	            while True:
	                self.wfile.write(b"more\n")
	                time.sleep(0.05)
	        except OSError:
	            open(sys.argv[3] + ".gone", "w").close()
	    def do_POST(self):
	        n = 0
	        while True:
	            size = int(self.rfile.readline(), 16)
	            n += len(self.rfile.read(size))
	            self.rfile.readline()
	            if not size:
	                break
	        self.send_response(200)
	        self.send_header("Content-Length", str(len(str(n))))
	        self.end_headers()
	        self.wfile.write(str(n).encode())
	http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Service).serve_forever()
END
printf 'xxx' > "$T/ollama.gate"
printf 'xxxx' > "$T/vllm.gate"

mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	[cluster.here]
	kind = "local"
	ready_timeout = "2m"
	[model.qwen]
	engine = "ollama"
	model = "qwen3.5:9b"
	aliases = ["q"]
	models_dir = "$T/models"
	pre_pull = ["extra"]
	copy_binary = true
	cleanup_binary = true
	env = { OLLAMA_GATE = "$T/ollama.gate" }
	[model.second]
	engine = "ollama"
	model = "other"
	models_dir = "$T/models2"
	[model.gone]
	engine = "ollama"
	model = "missing:1b"
	models_dir = "$T/models2"
	[model.nopython]
	engine = "ollama"
	model = "x"
	setup = ["sfs_find_python() { false; }"]
	[model.exposed]
	engine = "ollama"
	model = "x"
	models_dir = "$T/models3"
	expose = true
	setup = ["sfs_find_python() { false; }"]
	[model.oss]
	engine = "vllm"
	model = "$T/hub/models--openai--gpt-oss-20b"
	max_model_len = 8192
	env = { VLLM_GATE = "$T/vllm.gate", CUDA_VISIBLE_DEVICES = "0,1" }
	[model.boxed]
	engine = "vllm"
	model = "$T/hub/models--openai--gpt-oss-20b/snapshots/0ab1"
	image = "$T/image"
	engine_args = ["--tensor-parallel-size=4"]
	[model.noimage]
	engine = "vllm"
	model = "x/y"
	image = "$T/nowhere.sif"
	[model.hello]
	engine = "http"
	command = ["$here/../../examples/hello-python", "{host}", "{port}"]
	health = "/test"
	[model.stream]
	engine = "http"
	command = ["python3", "$T/service.py", "{host}", "{port}", "$T/service"]
	[model.open]
	engine = "http"
	command = ["$here/../../examples/hello-python", "0.0.0.0", "{port}"]
	health = "/test"
END
E=$(cat "$M/endpoint")

asks() { # asks NAME MODEL TEXT: in the background; $T/NAME.end comes last
	setsid bash -c 'cd "$1" && { printf %s "$3" > ask && cat reply; } > "$2" 2>&1; cat error >> "$2"; : > "$2.end"' \
		- "$M/$2" "$T/$1" "$3" < /dev/null > /dev/null 2>&1 &
}
answered() { # answered TEST NAME WANT
	wait_for 90 test -e "$T/$2.end" || diag "$(cat "$M/status")"
	is "$1" "$(cat "$T/$2")" "$3"
}
failed_with() { # failed_with TEST NAME SENTENCE
	wait_for 90 test -e "$T/$2.end" || diag "$(cat "$M/status")"
	like "$1" "$(cat "$T/$2")" "$3"
}
starts_with() { # starts_with MODEL PROGRESS REASON
	[ "$(jq -c '[.progress, .reason]' "$M/$1/status")" = "[$2,\"$3\"]" ]
}
job_status() {
	jq -r ".$2" "$M/$1/job/status"
}
workdir() {
	job_status "$1" workdir | sed "s,^~,$HOME,"
}

# --- Ollama
asks one qwen 'two words'
ok 'while a model is pulled, its status says how far it is' wait_for 60 starts_with qwen 0.3 'pulling qwen3.5:9b, 30 %'
is 'and where' "$(status_of qwen state)" starting
printf 'xxxxxxxxxx' > "$T/ollama.gate"
answered 'Ollama answers' one 'two words'
is 'what it is called there' "$(status_of qwen served_model)" qwen3.5:9b
is 'all that pre_pull names was pulled' "$(cd "$T/models" && echo *)" 'extra:latest qwen3.5:9b'
is 'others on this machine could reach it, and the status says so' "$(job_status qwen exposed)" node
is 'progress is over' "$(status_of qwen progress)" null
like 'the log tells of the pull' "$(cat "$M/qwen/log/stderr")" 'pulling qwen3.5:9b, 30 %'
name() {
	curl -s -m 60 "$E/$1" -d "{\"model\":\"$2\",\"stream\":false,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}" |
		jq -r '.model // .error'
}
is 'its own name' "$(name v1/chat/completions qwen3.5:9b)" qwen3.5:9b
is 'our name' "$(name v1/chat/completions qwen)" qwen3.5:9b
is 'an alias' "$(name v1/chat/completions q)" qwen3.5:9b
is 'and by its own API' "$(name api/chat qwen)" qwen3.5:9b
port=$(job_status qwen port)
code() {
	curl -s -m 60 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port$1" "${@:2}"
}
is 'without the key the relay refuses' "$(code /api/tags) $(code /api/tags -H 'Authorization: Bearer x')" '401 401'
is 'its health needs none' "$(code /api/version)" 200
key="Authorization: Bearer $(cat "$(workdir qwen)/key")"
is 'with the key it passes on' "$(code /api/tags -H "$key")" 200
is 'HEAD has no body' "$(curl -s -m 60 -I -H "$key" "http://127.0.0.1:$port/api/tags" | head -n 1 | tr -d '\r')" 'HTTP/1.1 200 OK'
for i in {1..40}; do
	curl -s -m 60 "$E/qwen/v1/chat/completions" -d "{\"messages\":[{\"role\":\"user\",\"content\":\"question $i\"}]}" |
		jq -r '.choices[0].message.content' > "$T/many.$i" &
	many+=($!)
done
wait "${many[@]}"
is 'forty at once, each its own answer' "$(cat "$T"/many.* | sort -V | uniq -c | awk '{ n += $1 == 1 } END { print n, NR }')" '40 40'
asks two second 'a second one'
answered 'a second Ollama beside it has a port and models of its own' two 'a second one'
is 'its models' "$(cd "$T/models2" && echo *)" other:latest
asks three gone x
failed_with 'a model that does not exist is told by Ollama in its words' three 'pulling missing:1b: pull model manifest: file does not exist'
asks four nopython x
failed_with 'without Python it is refused, and the way out is named' four 'python3 .* was not found .*expose = true'
asks five exposed 'to all'
answered 'or exposed, if that is wanted' five 'to all'
is 'which the status says' "$(job_status exposed exposed)" cluster
copies() {
	compgen -G "${TMPDIR:-/tmp}/slullamafs-ollama-*/ollama"
}
ok 'the binary runs as a copy' copies
echo stop > "$M/qwen/ctl"
not_copies() {
	! copies
}
ok 'which is removed with the job' wait_for 30 not_copies

# --- vLLM
asks six oss 'three words here'
ok 'while weights are loaded, its status says how far' wait_for 60 starts_with oss 0.25 'loading weights'
printf '%099d' 0 > "$T/vllm.gate"
answered 'vLLM answers' six 'three words here'
is 'it is called as the path says' "$(status_of oss served_model)" openai/gpt-oss-20b
is 'that name reaches it' "$(name v1/chat/completions openai/gpt-oss-20b)" openai/gpt-oss-20b
is 'and ours does' "$(name v1/chat/completions oss)" oss
argv=$(xargs < "$(workdir oss)/vllm.argv")
like 'the snapshot is served' "$argv" "^serve $T/hub/models--openai--gpt-oss-20b/snapshots/0ab1 --served-model-name openai/gpt-oss-20b oss "
like 'over the GPUs that there are, with the length that is set' "$argv" '--tensor-parallel-size 2 --max-model-len 8192 '
is 'it is exposed to nobody' "$(job_status oss exposed)" null
asks seven boxed 'in a box'
answered 'vLLM in Apptainer answers' seven 'in a box'
mkdir "$M/boxed/chats/long"
has_limit() {
	[ "$(jq .context.limit "$M/boxed/chats/long/status")" = 131072 ]
}
ok 'a conversation says how many tokens the engine takes' wait_for 60 has_limit
like 'the image and the model are given' "$(xargs < "$(workdir boxed)/apptainer.argv")" \
	"^exec --nv --bind [^ ]+ --bind $T/hub/models--openai--gpt-oss-20b $T/image vllm serve"
like 'the number of GPUs is as the arguments say' "$(xargs < "$(workdir boxed)/vllm.argv")" '--tensor-parallel-size=4$'
not_ok 'no key is in any argument' grep -r -f "$(workdir boxed)/key" "$(workdir boxed)"/{vllm,apptainer}.argv
asks eight noimage x
failed_with 'an image that is not there' eight 'the image .*nowhere.sif is not there'

# --- any web service
is 'a request for its health wakes nothing' "$(curl -s -o /dev/null -w '%{http_code}' "$E/hello/test") $(status_of hello state)" '503 asleep'
is 'any other does' "$(curl -s -m 60 "$E/hello/you")" "hello you, says $(uname -n)"
is 'and counts' "$(status_of hello requests.done)" 1
is 'then its health passes' "$(curl -s -m 60 "$E/hello/test")" well
is 'and does not count' "$(status_of hello requests.done)" 1
curl -sN -m 90 "$E/stream/x" > "$T/stream" &
reader=$!
ok 'a stream comes as it is made' wait_for 60 grep -qx first "$T/stream"
: > "$T/service.go"
ok 'and goes on' wait_for 60 grep -qx more "$T/stream"
kill "$reader"
ok 'a client that leaves is told to the service' wait_for 60 test -e "$T/service.gone"
head -c 3000000 /dev/zero > "$T/body"
is 'a body in chunks arrives whole' "$(curl -s -m 60 -H "Authorization: Bearer $(cat "$(workdir stream)/key")" -H 'Expect:' \
	-H 'Transfer-Encoding: chunked' --data-binary "@$T/body" "http://127.0.0.1:$(job_status stream port)/x")" 3000000
curl -s -m 60 -o /dev/null "$E/open/x"
like 'a service that listens for everybody is refused' "$(status_of open last_error)" 'listens on all addresses'
ok 'nothing unexpected in the log' no_complaints
done_testing
