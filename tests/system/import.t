#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Services of jobs that are not ours: two jobs of one forever-slurm service, by their Comments, behind a real HAProxy. Slurm's squeue
# is a script here that shows the rows of a file.
. "$(dirname "$0")/lib.sh"

address=$(hostname -I 2> /dev/null | tr ' ' '\n' | grep -m 1 -E '^[0-9.]+$')
[ -n "$address" ] || {
	echo '1..0 # SKIP this machine has no address but loopback'
	exit 0
}
mkdir "$T/bin"
cat > "$T/bin/squeue" <<- END
	#!/bin/bash
	for word; do
	    [ "\$last" = -o ] && format=\$word
	    last=\$word
	done
	row() {
	    local line=\$format letter
	    for letter in i T N P S L M r j k; do
	        line=\${line//%\$letter/\$1}
	        shift
	    done
	    printf '%s\n' "\$line"
	}
	row JOBID STATE NODELIST PARTITION START_TIME TIME_LEFT TIME REASON NAME COMMENT
	[[ " \$* " != *" -j "* ]] || exit 0
	while read -r id state node name comment; do
	    row "\$id" "\$state" "\$node" gpu N/A 1:00:00 0:10 None "\$name" "\$comment"
	done < "$T/queue"
END
chmod +x "$T/bin/squeue"
PATH=$T/bin:$PATH:/usr/sbin

# What a job of forever-slurm runs; it says who it is.
server() { # NAME
	python3 - "$address" "$1" > "$T/$1.port" <<- 'END' &
		import http.server, sys
		class Handler(http.server.BaseHTTPRequestHandler):
		    def do_GET(self):
		        body = (sys.argv[2] + " " + self.path).encode()
		        self.send_response(200)
		        self.send_header("Content-Length", str(len(body)))
		        self.end_headers()
		        self.wfile.write(body)
		    def log_message(self, *args):
		        pass
		s = http.server.ThreadingHTTPServer((sys.argv[1], 0), Handler)
		print(s.server_address[1], flush=True)
		s.serve_forever()
	END
	servers+=($!)
	wait_for 30 test -s "$T/$1.port"
}
servers=()
cleanup() {
	kill "${servers[@]}" 2> /dev/null
}
server one
server two
one=$address:$(< "$T/one.port") two=$address:$(< "$T/two.port")
cat > "$T/queue" <<- END
	11 RUNNING $address hello traefik,hello,http://$one
	12 RUNNING $address hello traefik,hello,http://$two,more
	13 RUNNING n1 hello traefik,hello,http://n2:1
	14 RUNNING localhost local traefik,local,http://127.0.0.1:1
	15 PENDING $address late traefik,late,http://$one
	16 RUNNING $address mine traefik,mine,http://$one
	17 RUNNING $address sfs-12345678-x traefik,x,http://$one
	18 RUNNING $address training (null)
END
mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	[cluster.here]
	kind = "slurm"
	workdir = "$T/work"
	import = true
	[model.mine]
	engine = "parrot"
END
url=$(< "$M/endpoint")
imported() {
	jq -c '[.imported[] | "\(.service) \(.host):\(.port)"]' "$M/clusters/here/status"
}
both_are_there() {
	[ "$(imported)" = "[\"hello $one\",\"hello $two\"]" ]
}
ok 'the services whose host is a node of their job are taken in' wait_for 30 both_are_there
is 'the gateway tells their servers to Traefik' \
	"$(curl -sS "$url/traefik/config" | jq -c '.http.services | map_values([.loadBalancer.servers[].url] | sort)')" \
	"$(jq -cn --arg a "http://$one" --arg b "http://$two" '{hello: ([$a, $b] | sort)}')"
ok 'the file for Traefik' sh -c "cd $M && $SLULLAMAFS traefik $T/t.yml"
is 'has both' "$(grep -c -E "url: \"http://($one|$two)\"" "$T/t.yml")" 2
ok 'the file for HAProxy' sh -c "cd $M && $SLULLAMAFS haproxy $T/h.cfg"

if command -v haproxy > /dev/null; then
	cat > "$T/site.cfg" <<- END
		frontend web
		    mode http
		    timeout client 1m
		    bind unix@$T/web.sock
		    use_backend %[path,field(2,/)]
	END
	ok 'HAProxy finds no fault' haproxy -c -f "$T/site.cfg" -f "$T/h.cfg"
	haproxy -db -f "$T/site.cfg" -f "$T/h.cfg" > "$T/haproxy.log" 2>&1 &
	servers+=($!)
	wait_for 30 test -S "$T/web.sock"
	through() { # PATH
		curl -sS --unix-socket "$T/web.sock" "http://x$1"
	}
	is 'both replicas answer' "$(for _ in 1 2 3 4; do through /hello/page; echo; done | sort -u)" 'one /page'$'\n''two /page'
	kill "${servers[0]}"
	wait "${servers[0]}" 2> /dev/null
	is 'and the other one when one dies' "$(for _ in 1 2 3 4; do through /hello/page; echo; done | sort -u)" 'two /page'
else
	pass 'HAProxy # SKIP it is not installed'
fi
ok 'the log is without complaints' no_complaints
done_testing
