# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# nginx and HAProxy beside the gateway, in front of one trivial engine (upstream.c). Each has one worker, on the first core; the load and the
# engine share the second.

for program in wrk nginx haproxy; do
	command -v "$program" > /dev/null || bail "$program is not installed"
done
[ "$(nproc)" -ge 2 ] || bail 'one core is not enough'
ulimit -n 20000 2> /dev/null

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
median() {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# upstream_lines [SUFFIX]: the table of the model m, whose engine is upstream.c; $T/atSUFFIX then says where it listens, $T/gone which
# streams ended early.
upstream_lines() {
	cat <<- END
		[model.m]
		engine = "command"
		command = ["$BUILD/tests/bench-upstream", "--host", "{host}", "--port", "{port}", "--api-key-file", "{key_file}", "--at", "$T/at${1:-}", "--log", "$T/gone"]
		slots = 1024
		max_queue = 4096
	END
}

# post_lua: for wrk -s, a question as programs ask it.
post_lua() {
	cat > "$T/post.lua" <<- 'END'
		wrk.method = 'POST'
		wrk.headers['Content-Type'] = 'application/json'
		wrk.body = '{"model":"m","messages":[{"role":"user","content":"How many legs has a spider, and how many have two of them?"}]}'
	END
}

# rate CLIENTS URL [WRK OPTIONS]: requests a second, for SECONDS_EACH; 0 where one failed.
rate() {
	local clients=$1 url=$2
	shift 2
	on_load wrk -t 1 -c "$clients" -d "${SECONDS_EACH}s" "$@" "$url" 2>&1 |
		awk '/Requests\/sec/ { r = $2 } /Non-2xx/ { bad = 1 } END { print bad ? 0 : r }'
}

# place NAME PORT [KEY]: where it is, in $T/place.NAME, as bench-streams reads it.
place() {
	echo "127.0.0.1 $2 ${3:-none}" > "$T/place.$1"
}

answers() {
	[ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$1/x")" = 200 ]
}

# peers_start: beside the mount $M, whose model m is ready. After it, $url has the address of each, by name, $pid_of its process, and
# place.NAME where it is; `direct` is the engine itself.
declare -A url pid_of
peers_start() {
	local host port key nginx_port haproxy_port pid ours

	read -r host port key < "$T/at"
	upstream=$(pgrep -n -f "bench-upstream .*$T/at")
	nginx_port=$(free_port)
	mkdir "$T/nginx"
	cat > "$T/nginx.conf" <<- END
		daemon off;
		worker_processes 1;
		pid $T/nginx/pid;
		error_log $T/nginx/error.log crit;
		events { worker_connections 16384; }
		http {
			access_log off;
			client_body_temp_path $T/nginx/body;
			proxy_temp_path $T/nginx/proxy;
			fastcgi_temp_path $T/nginx/f;
			uwsgi_temp_path $T/nginx/u;
			scgi_temp_path $T/nginx/s;
			keepalive_requests 100000000;
			client_max_body_size 0;
			upstream engine { server $host:$port; keepalive 1024; keepalive_requests 100000000; }
			server {
				listen 127.0.0.1:$nginx_port backlog=4096 reuseport;
				proxy_http_version 1.1;
				proxy_set_header Connection "";
				proxy_set_header Authorization "Bearer $key";
				proxy_request_buffering off;
				proxy_max_temp_file_size 0;
				location / { proxy_pass http://engine; }
				location /v1/ { proxy_pass http://engine; proxy_buffering off; }
			}
		}
	END
	haproxy_port=$(free_port)
	cat > "$T/haproxy.cfg" <<- END
		global
			nbthread 1
			maxconn 8192
		defaults
			mode http
			timeout client 60s
			timeout server 60s
			timeout connect 5s
			option http-keep-alive
			option abortonclose
			option http-no-delay
			http-reuse always
		frontend f
			bind 127.0.0.1:$haproxy_port backlog 4096
			default_backend b
		backend b
			http-request set-header Authorization "Bearer $key"
			server e $host:$port pool-max-conn -1
	END
	nginx -p "$T/nginx" -c "$T/nginx.conf" > "$T/nginx.out" 2>&1 &
	background+=($!)
	pid=$!
	haproxy -f "$T/haproxy.cfg" > "$T/haproxy.out" 2>&1 &
	background+=($!)
	pid_of[haproxy]=$!
	wait_for 20 answers "$nginx_port" || bail "nginx: $(cat "$T/nginx.out" "$T/nginx/error.log")"
	wait_for 20 answers "$haproxy_port" || bail "haproxy: $(cat "$T/haproxy.out")"
	pid_of[nginx]=$(pgrep -P "$pid")
	pid_of[ours]=$(daemon_pid)
	for pid in "${pid_of[@]}"; do
		taskset -a -c -p 0 "$pid" > /dev/null
	done
	taskset -a -c -p 1 "$upstream" > /dev/null
	ours=$(cat "$M/endpoint")
	url=([nginx]=http://127.0.0.1:$nginx_port [haproxy]=http://127.0.0.1:$haproxy_port [ours]=$ours)
	place direct "$port" "$key"
	place nginx "$nginx_port"
	place haproxy "$haproxy_port"
	place ours "${ours##*:}"
}

# peers_mount: ours too, a local mount with the model m awake.
peers_mount() {
	{
		printf '[mount]\nlog_level = "error"\n[gateway]\nlisten = "127.0.0.1:0"\n[cluster.local]\nkind = "local"\n'
		upstream_lines
	} | mount_with || bail 'no mount'
	wake m
	peers_start
}

# on_load COMMAND...: on the core of the load.
on_load() {
	taskset -c 1 "$@"
}

# cpu_us PID: microseconds of processor time that it has had.
cpu_us() {
	awk '{ printf "%d\n", $1 / 1000 }' "/proc/$1/schedstat"
}
