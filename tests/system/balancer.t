#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What is healthy, as files for Traefik and HAProxy and at /traefik/config; and a real HAProxy that uses it.
. "$(dirname "$0")/lib.sh"

# An engine without a key, which says who it is.
cat > "$T/open-engine" <<- 'END'
	#!/usr/bin/env python3
	import http.server, json, sys
	class Handler(http.server.BaseHTTPRequestHandler):
	    def do_GET(self):
	        body = json.dumps({"path": self.path, "port": int(sys.argv[2])}).encode()
	        self.send_response(200)
	        self.send_header("Content-Length", str(len(body)))
	        self.end_headers()
	        self.wfile.write(body)
	    def log_message(self, *args):
	        pass
	http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
END
chmod +x "$T/open-engine"
mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	[cluster.local]
	kind = "local"
	workdir = "$T/work"
	lease = "20s"
	[model.parrot]
	engine = "parrot"
	[model.open]
	engine = "command"
	command = ["$T/open-engine", "{host}", "{port}"]
	expose = true
	replicas = 2
	[model.open2]
	engine = "command"
	command = ["$T/open-engine", "{host}", "{port}"]
	expose = true
END
url=$(< "$M/endpoint")
port_of() { # MODEL
	jq .port "$M/$1/job/status"
}
inside() { # VERB ARGS...
	(cd "$M" && "$SLULLAMAFS" "$@")
}
yaml() { # FILE FILTER: the file is YAML; its block form is all that is used
	python3 - "$1" <<- 'END' | jq -cr "$2"
		import json, sys
		def block(lines, indent):
		    out = None
		    while lines and len(lines[0]) - len(lines[0].lstrip()) >= indent:
		        line = lines.pop(0).strip()
		        if line.startswith("- "):
		            out = out or []
		            line = line[2:]
		            out.append({line.split(": ")[0]: json.loads(line.split(": ", 1)[1])} if not line.startswith('"') else json.loads(line))
		        elif line.endswith(":"):
		            out = out or {}
		            out[line[:-1]] = block(lines, len(lines[0]) - len(lines[0].lstrip()))
		        else:
		            out = out or {}
		            key, value = line.split(": ", 1)
		            out[key] = json.loads(value)
		    return out
		lines = [line for line in open(sys.argv[1]).read().splitlines() if not line.startswith("#")]
		print("{}" if lines == ["{}"] else json.dumps(block(lines, 0)))
	END
}

# --- nothing is healthy
ok 'a file for Traefik' inside traefik "$T/t.yml"
is 'is empty while all sleep' "$(yaml "$T/t.yml" .)" '{}'
is 'as is what the gateway says' "$(curl -sS "$url/traefik/config")" '{}'
is 'which is for reading only' "$(curl -sS -o "$T/out" -w '%{http_code}' -X POST "$url/traefik/config")" 405
ok 'a file for HAProxy' inside haproxy "$T/h.cfg"
is 'anybody may read it' "$(stat -c %a "$T/h.cfg" "$T/t.yml" | tr '\n' ' ')" '644 644 '
is 'and nothing woke' "$(ls "$M/jobs")" ''

# --- as models wake
inside traefik "$T/t.yml" --watch & watcher=$!
inside haproxy "$T/h.cfg" --watch & watcher2=$!
first=$(stat -c %i "$T/t.yml")
for model in parrot open; do
	echo wake > "$M/$model/ctl"
done
for model in parrot open; do
	ok "$model is ready" wait_for 60 state_is $model ready
done
has() { # FILE TEXT
	grep -qF "$2" "$T/$1"
}
ok 'the engine without a key is a server at its own port' wait_for 30 has t.yml "http://localhost:$(port_of open)"
ok 'the one with a key is behind the gateway' wait_for 30 has t.yml "\"$url\""
has_two() {
	[ "$(yaml "$T/t.yml" '.http.services.open.loadBalancer.servers | length')" = 2 ]
}
ok 'each of its replicas is a server' wait_for 60 has_two
is 'Traefik gets it' "$(yaml "$T/t.yml" '[.http.services | keys[]]')" '["open","parrot"]'
is 'by the names of forever-slurm' "$(yaml "$T/t.yml" '[.http.routers | keys[]]')" '["open-router","parrot-router"]'
is 'the gateway says the same' "$(curl -sS "$url/traefik/config" | jq -S .)" "$(yaml "$T/t.yml" . | jq -S .)"
is 'a health check is kept' "$(yaml "$T/t.yml" '.http.services.open.loadBalancer.healthCheck.path')" /health
is 'servers come last' "$(yaml "$T/t.yml" '.http.services.open.loadBalancer | keys_unsorted[-1]')" servers
not_ok 'the file is a new one each time' test "$first" = "$(stat -c %i "$T/t.yml")"
ok 'HAProxy has both' wait_for 30 sh -c "grep -q '^    server 2 ' $T/h.cfg && grep -q '^backend parrot\$' $T/h.cfg"
is 'no temporary file is left' "$(find "$T" -maxdepth 1 -name '*.yml.*' -o -maxdepth 1 -name '*.cfg.*')" ''

# --- HAProxy
if command -v haproxy > /dev/null || PATH=$PATH:/usr/sbin command -v haproxy > /dev/null; then
	PATH=$PATH:/usr/sbin
	# A socket, since no port can be had for sure.
	cat > "$T/site.cfg" <<- END
		frontend web
		    mode http
		    timeout client 1m
		    bind unix@$T/web.sock
		    use_backend %[path,field(2,/)]
	END
	ok 'HAProxy finds no fault' haproxy -c -f "$T/site.cfg" -f "$T/h.cfg"
	haproxy -db -f "$T/site.cfg" -f "$T/h.cfg" > "$T/haproxy.log" 2>&1 & haproxy=$!
	cleanup() {
		kill "$haproxy" 2> /dev/null
	}
	through() { # PATH ARGS...
		local path=$1
		shift
		curl -sS --unix-socket "$T/web.sock" -H 'Host: llm.example.org' "$@" "http://x$path"
	}
	ok 'HAProxy serves' wait_for 30 test -S "$T/web.sock"
	is 'it strips the prefix' "$(through /open/some/page?q=1 --retry 5 | jq -r .path)" '/some/page?q=1'
	is 'both replicas answer' "$(for _ in 1 2 3 4; do through /open/x | jq .port; done | sort -u | wc -l)" 2
	is 'of the bare name too' "$(through /open | jq -r .path)" /
	like 'and a question is answered through the gateway' \
		"$(through /parrot/v1/chat/completions -H 'Content-Type: application/json' -d '{"messages":[{"role":"user","content":"hello"}]}')" \
		'"content": ?"hello"'
	like 'what sleeps is not served' "$(through /open2/x -o /dev/null -w '%{http_code}')" 503
	kill "$haproxy"
else
	pass 'HAProxy # SKIP it is not installed'
fi

# --- as they go to sleep
echo stop > "$M/open/ctl"
gone_from() { # FILE TEXT
	! has "$@"
}
ok 'a job that ends is out of the file' wait_for 30 gone_from t.yml '"open"'
ok 'and out of that for HAProxy' wait_for 30 gone_from h.cfg 'backend open'
ok 'the other stays' has t.yml '"parrot"'
chmod 600 "$T/h.cfg" && rm "$T/t.yml"
ok 'a file that was removed comes back' wait_for 30 test -e "$T/t.yml"

# --- faults
not_ok 'a directory that is not there' inside traefik "$T/none/t.yml"
like 'is told' "$(inside traefik "$T/none/t.yml" 2>&1)" 'none/t.yml cannot be written: No such file'
for bad in traefik 'haproxy a b' 'traefik --nonsense x'; do
	# shellcheck disable=SC2086
	inside $bad > "$T/out" 2>&1
	is "$bad: status" $? 2
done

unmount
gone() { # PID
	! kill -0 "$1" 2> /dev/null
}
ok 'it ends with the mount' wait_for 30 gone "$watcher"
is 'with status 1' "$(wait "$watcher"; echo $?)" 1
wait_for 30 gone "$watcher2"
is 'and leaves an empty file' "$(yaml "$T/t.yml" .)" '{}'
not_ok 'of HAProxy too' grep -q '^backend' "$T/h.cfg"
done_testing
