#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The gateway beside nginx and HAProxy in front of the same trivial engine: requests per second at several numbers of clients, and large
# bodies both ways, in ROUNDS rounds that take turns. Each proxy has one worker, on one core; the load and the engine share the other one.
# The last column asks as programs do: a POST that is found by its "model", goes through the model's line and is counted.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
ROUNDS=${ROUNDS:-3} SECONDS_EACH=${SECONDS_EACH:-1} CLIENTS=${CLIENTS:-1 50 300 1000} MB=${MB:-200}
for program in wrk nginx haproxy; do
	command -v "$program" > /dev/null || bail "$program is not installed"
done
[ "$(nproc)" -ge 2 ] || bail 'one core is not enough'
ulimit -n 20000 2> /dev/null

mount_with <<- END || bail 'no mount'
	[mount]
	log_level = "error"
	[gateway]
	listen = "127.0.0.1:0"
	[cluster.local]
	kind = "local"
	[model.m]
	engine = "command"
	command = ["$BUILD/tests/bench-upstream", "--host", "{host}", "--port", "{port}", "--api-key-file", "{key_file}", "--at", "$T/at"]
	slots = 1024
	max_queue = 4096
END
wake m
read -r host port key < "$T/at"
upstream=$(pgrep -n -f "bench-upstream .*$T/at")

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
nginx_port=$(free_port)
mkdir "$T/nginx"
cat > "$T/nginx.conf" <<- END
	daemon off;
	worker_processes 1;
	pid $T/nginx/pid;
	error_log $T/nginx/error.log crit;
	events { worker_connections 8192; }
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
			location / {
				proxy_pass http://engine;
				proxy_http_version 1.1;
				proxy_set_header Connection "";
				proxy_set_header Authorization "Bearer $key";
				proxy_request_buffering off;
				proxy_max_temp_file_size 0;
			}
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
haproxy -f "$T/haproxy.cfg" > "$T/haproxy.out" 2>&1 &
background+=($!)
answers() {
	[ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:$1/x")" = 200 ]
}
wait_for 20 answers "$nginx_port" || bail "nginx: $(cat "$T/nginx.out" "$T/nginx/error.log")"
wait_for 20 answers "$haproxy_port" || bail "haproxy: $(cat "$T/haproxy.out")"
for pid in $(daemon_pid) $(pgrep -P "${background[0]}") "${background[@]}"; do
	taskset -a -c -p 0 "$pid" > /dev/null
done
taskset -a -c -p 1 "$upstream" > /dev/null

cat > "$T/post.lua" <<- 'END'
	wrk.method = 'POST'
	wrk.headers['Content-Type'] = 'application/json'
	wrk.body = '{"model":"m","messages":[{"role":"user","content":"How many legs has a spider, and how many have two of them?"}]}'
END
ours=$(cat "$M/endpoint")
declare -A url=([nginx]=http://127.0.0.1:$nginx_port/x [haproxy]=http://127.0.0.1:$haproxy_port/x [ours]=$ours/m/x [asked]=$ours/v1/chat/completions)
rate() { # WHO CLIENTS
	local script=()
	[ "$1" != asked ] || script=(-s "$T/post.lua")
	taskset -c 1 wrk -t 1 -c "$2" -d "${SECONDS_EACH}s" "${script[@]}" "${url[$1]}" 2>&1 | tee "$T/wrk" |
		awk '/Requests\/sec/ { r = $2 } /Non-2xx/ { bad = 1 } END { print bad ? 0 : r }'
}
median() {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
echo "# proxy: requests/s, 256 bytes, keep-alive, medians of $ROUNDS rounds of $SECONDS_EACH s; aims: >= the better of both, 1.5 times it at 300"
printf '%8s %9s %9s %9s %9s   %s\n' clients nginx haproxy ours asked 'ours and asked over the better'
for n in $CLIENTS; do
	rm -f "$T"/rates.*
	for ((round = 0; round < ROUNDS; round++)); do
		for who in nginx haproxy ours asked; do
			rate "$who" "$n" >> "$T/rates.$who"
		done
	done
	for who in nginx haproxy ours asked; do
		median < "$T/rates.$who"
	done | xargs | awk -v n="$n" '{ b = $1 > $2 ? $1 : $2; printf "%8d %9.0f %9.0f %9.0f %9.0f   %.2f %.2f\n", n, $1, $2, $3, $4, $3 / b, $4 / b }'
done

echo "# proxy: MB/s of one large body, medians of $ROUNDS; aim: >= 0.9 of HAProxy"
head -c "$((MB / 2))M" /dev/zero > "$T/body"
down() {
	taskset -c 1 curl -s -o /dev/null -w '%{speed_download}\n' "${url[$1]}/big/$((MB * 1000000))"
}
up() {
	taskset -c 1 curl -s -o /dev/null -w '%{speed_upload}\n' -H 'Expect:' --data-binary "@$T/body" "${url[$1]}"
}
for way in down up; do
	rm -f "$T"/rates.*
	for ((round = 0; round < ROUNDS; round++)); do
		for who in nginx haproxy ours; do
			"$way" "$who" >> "$T/rates.$who"
		done
	done
	for who in nginx haproxy ours; do
		median < "$T/rates.$who"
	done | xargs | awk -v way="$way" '{ printf "%-4s nginx %.0f, haproxy %.0f, ours %.0f: %.2f\n", way, $1 / 1e6, $2 / 1e6, $3 / 1e6, $3 / $2 }'
done
