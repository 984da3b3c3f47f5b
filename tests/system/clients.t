#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Programs that people use, as npm has them, against parrots: tests/clients. They are installed once, beside the build, at the versions
# of tests/clients/package.json.
. "$(dirname "$0")/lib.sh"

skip_all() {
	echo "1..0 # SKIP $1"
	tap_done=1
	exit 0
}

command -v npm > /dev/null || skip_all 'npm is not installed'
clients=$(dirname "$SLULLAMAFS")/clients
if ! cmp -s "$tests_here/clients/package.json" "$clients/installed.json"; then
	mkdir -p "$clients"
	cp "$tests_here/clients/package.json" "$clients/package.json"
	HOME=$T/home timeout 400 npm install --prefix "$clients" --cache "$T/npm" --no-audit --no-fund --no-package-lock --ignore-scripts --no-update-notifier > "$T/npm.log" 2>&1 || {
		diag "$(tail -n 5 "$T/npm.log")"
		skip_all 'the packages cannot be had'
	}
	cp "$tests_here/clients/package.json" "$clients/installed.json"
fi

mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	[model.parrot]
	engine = "parrot"
	[model.slow]
	engine = "parrot"
	engine_args = ["--rate", "20"]
	[model.broken]
	engine = "parrot"
	engine_args = ["--fail", "error-in-stream"]
	[model.cold-openai]
	engine = "parrot"
	engine_args = ["--startup", "1"]
	[model.cold-ollama]
	engine = "parrot"
	engine_args = ["--startup", "1"]
	[model.cold-anthropic]
	engine = "parrot"
	engine_args = ["--startup", "1"]
	[model.cold-ai]
	engine = "parrot"
	engine_args = ["--startup", "1"]
END

# A second mount, where nothing is ever ready in time: each question is 503.
mkdir "$T/llm2"
printf '[gateway]\nlisten = "127.0.0.1:0"\nwake_timeout = "1"\n[mount]\nstate_dir = "%s"\nruntime_dir = "%s"\n[model.dead]\nengine = "parrot"\nengine_args = ["--fail", "never-healthy"]\n' "$T/s2" "$T/r2" > "$T/second.toml"
"$SLULLAMAFS" mount "$T/llm2" -c "$T/second.toml" || bail 'no second mount'

# A third one asks for keys, one for each program.
mkdir "$T/llm3"
printf '[gateway]\nlisten = "127.0.0.1:0"\naccess = "token"\n[mount]\nstate_dir = "%s"\nruntime_dir = "%s"\n[model.parrot]\nengine = "parrot"\n[model.slow]\nengine = "parrot"\nengine_args = ["--rate", "20"]\n' "$T/s3" "$T/r3" > "$T/third.toml"
for client in openai ollama anthropic ai; do
	"$SLULLAMAFS" key generate -c "$T/third.toml" --name "$client" --concurrent 1 > "$T/$client.key" 2> "$T/said" || bail "no key: $(cat "$T/said")"
done
"$SLULLAMAFS" mount "$T/llm3" -c "$T/third.toml" || bail 'no third mount'

# Node looks for packages beside the program: the programs are copied there.
cp "$tests_here"/clients/*.mjs "$clients/"
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY OPENAI_BASE_URL OLLAMA_HOST ANTHROPIC_API_KEY ANTHROPIC_AUTH_TOKEN
all='openai ollama anthropic ai'
for client in $all; do
	{
		timeout 240 node "$clients/$client.mjs" "$(cat "$M/endpoint")" "$(cat "$T/llm2/endpoint")" "$(cat "$T/llm3/endpoint")" "$(cat "$T/$client.key")" > "$T/$client.out" 2> "$T/$client.err"
		echo "$?" > "$T/$client.status"
	} &
done
wait
for client in $all; do
	while IFS= read -r line; do
		case $line in
		'ok - '*) pass "$client: ${line#ok - }" ;;
		'not ok - '*) fail "$client: ${line#not ok - }" ;;
		*) echo "$line" ;;
		esac
	done < "$T/$client.out"
	end="$(cat "$T/$client.status") $(grep -c '^ok - ' "$T/$client.out")"
	is "$client came to its end" "$end" "0 $(grep -c '^await check(' "$tests_here/clients/$client.mjs")"
	[ "${end%% *}" = 0 ] || diag "$(cat "$T/$client.err")"
done
ok 'nobody answers those who left' wait_for 20 jq -e '.requests.active == 0 and .requests.waiting == 0' "$M/slow/status"
ok 'nor those of the keys' wait_for 20 jq -e '.requests.active == 0 and .requests.waiting == 0' "$T/llm3/slow/status"
done_testing
