#!/bin/bash
# SPDX-License-Identifier: MIT
#
# kill -9 of the daemon at KILLS random moments, under ASKERS threads that ask and a batch of LINES: what became of the prompts whose close(2)
# returned and of the lines, and how often, and when, the engine was asked for each. KILLS=200 LINES=20000 is what the aims are for.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
KILLS=${KILLS:-12} ASKERS=${ASKERS:-32} LINES=${LINES:-2000} SEED=${SEED:-$RANDOM}

# An engine that writes down each question that it was asked, and when.
cat > "$T/engine" <<- 'END'
	#!/usr/bin/env python3
	import http.server, json, random, sys, time
	host, port, key_file, log = sys.argv[1:5]
	key = open(key_file).read().strip()
	class Engine(http.server.BaseHTTPRequestHandler):
	    protocol_version = 'HTTP/1.1'
	    def answer(self, status, body):
	        self.send_response(status)
	        self.send_header('Content-Type', 'application/json')
	        self.send_header('Content-Length', str(len(body)))
	        self.end_headers()
	        self.wfile.write(body)
	    def do_GET(self):
	        known = self.headers.get('Authorization') == 'Bearer ' + key
	        self.answer(200 if known or self.path == '/health' else 401, b'{"data": []}')
	    def do_POST(self):
	        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
	        if self.headers.get('Authorization') != 'Bearer ' + key:
	            return self.answer(401, b'{}')
	        if 'messages' not in body: # the daemon's proof
	            return self.answer(400, b'{}')
	        text = body['messages'][-1]['content']
	        with open(log, 'a') as f: f.write('%s %.6f\n' % (text, time.time()))
	        time.sleep(random.random() / 5) # so that a kill finds some under way
	        choice = {'index': 0, 'message': {'role': 'assistant', 'content': text}, 'finish_reason': 'stop'}
	        self.answer(200, json.dumps({'choices': [choice], 'usage': {'prompt_tokens': 1, 'completion_tokens': 1}}).encode())
	    def log_message(self, *args): pass
	class Server(http.server.ThreadingHTTPServer): request_queue_size = 256
	Server((host, int(port)), Engine).serve_forever()
	END
cat > "$T/askers" <<- 'END'
	import os, sys, threading, time
	ask, askers, acked = sys.argv[1], int(sys.argv[2]), open(sys.argv[3], 'a', buffering=1)
	def work(me):
	    n = 0
	    while True:
	        n += 1
	        text = f'{os.getpid()}-{me}-{n}'
	        try:
	            fd = os.open(ask, os.O_WRONLY)
	        except OSError:
	            time.sleep(0.02)
	            continue
	        try:
	            os.write(fd, text.encode())
	        except OSError:
	            pass
	        else:
	            try:
	                os.close(fd)
	                acked.write(text + '\n')
	                time.sleep(0.2) # some 100 a second: the end reads them all
	                continue
	            except OSError: # not taken, or nobody knows
	                continue
	        try: os.close(fd)
	        except OSError: pass
	for i in range(askers): threading.Thread(target=work, args=(i,), daemon=True).start()
	time.sleep(3600)
	END
chmod +x "$T/engine"
mount_with <<- END || bail 'no mount'
	[mount]
	log_level = "error"
	[gateway]
	listen = ["unix:$T/gateway"]
	[cluster.local]
	kind = "local"
	[model.m]
	engine = "command"
	command = ["$T/engine", "{host}", "{port}", "{key_file}", "$T/executed"]
	slots = 48
	max_queue = 400
	END
: > "$T/acked"
mkdir "$M/m/batch/b"
seq -f 'line-%.0f' "$LINES" > "$T/lines"
cp "$T/lines" "$M/m/batch/b/in.jsonl"
python3 "$T/askers" "$M/m/ask" "$ASKERS" "$T/acked" 2> /dev/null &
background+=($!)
RANDOM=$SEED
for ((kill = 0; kill < KILLS; kill++)); do
	sleep "$((RANDOM % 2)).$((RANDOM % 900 + 100))"
	kill -KILL "$(daemon_pid)"
	wait_for 20 not_mounted
	mount_again || bail "no mount after kill $kill"
done
kill "${background[0]}"
idle() {
	[ "$(jq '.requests.waiting + .requests.active' "$M/m/status") $(jq -r .state "$M/m/batch/b/status")" = '0 done' ]
}
wait_for 300 idle || bail 'it does not come to an end'
echo "# kills: $KILLS at random moments (SEED=$SEED), $ASKERS askers, a batch of $LINES; aims: 0 lost, 0 recorded twice, 0 doubled, 0 after its beginning"
python3 - "$M/m/history" "$T/acked" "$T/executed" "$M/m/batch/b" "$LINES" <<- 'END'
	import collections, datetime, json, os, sys
	history, acked, executed, batch, lines = sys.argv[1:6]
	acked = set(open(acked).read().split())
	runs, last = collections.Counter(), {}
	for line in open(executed):
	    text, at = line.split()
	    runs[text] += 1
	    last[text] = float(at)
	states, seen, late = collections.Counter(), collections.Counter(), 0
	for id in os.listdir(history):
	    if id == 'latest': continue
	    text = open(f'{history}/{id}/prompt').read().strip()
	    status = json.load(open(f'{history}/{id}/status'))
	    seen[text] += 1
	    # "begun" is told in whole seconds: asked later than the second behind it would be asked after its beginning.
	    begun = status['begun'] and datetime.datetime.fromisoformat(status['begun'].replace('Z', '+00:00')).timestamp()
	    late += bool(begun and last.get(text, 0) >= begun + 1)
	    states[status['state'] + (' ' + status['errno'] if status['errno'] else '')] += 1
	    if status['state'] == 'done' and open(f'{history}/{id}/reply').read() != text: states['with a wrong answer'] += 1
	print(f'prompts whose close(2) returned      {len(acked)}')
	print(f'lost                                 {len(acked - set(seen))}')
	print(f'recorded twice                       {sum(n > 1 for n in seen.values())}')
	print(f'executed more than once              {sum(n > 1 for t, n in runs.items() if not t.startswith("line"))}')
	print(f'executed after its first text        {late}')
	print(f'how they ended                       {dict(states)}')
	results = collections.Counter()
	for name in ('out.jsonl', 'errors.jsonl'):
	    for line in open(f'{batch}/{name}'): results[json.loads(line)['custom_id']] += 1
	print(f'lines of the batch                   {lines}, {sum(n > 1 for t, n in runs.items() if t.startswith("line"))} executed more than once')
	print(f'without a result                     {int(lines) - len(results)}')
	print(f'with more than one                   {sum(n > 1 for n in results.values())}')
	END
