#!/bin/bash
# SPDX-License-Identifier: MIT
#
# request/response and embed/vector: the rules of ask/reply with JSON, each pair bound apart.
. "$(dirname "$0")/lib.sh"

mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	[model.parrot]
	engine = "parrot"
	aliases = ["p"]
	[model.slow]
	engine = "parrot"
	engine_args = ["--gate", "$T/gate"]
	[model.bad]
	engine = "parrot"
	engine_args = ["--fail", "http-500"]
END
: > "$T/gate"
D=$M/parrot
message() { # TEXT [FIELDS]
	printf '{"messages":[{"role":"user","content":"%s"}]%s}' "$1" "${2:-}"
}

# ---- request and response
message 'one two' > "$D/request"
timeout 60 cat "$D/response" > "$T/response"
is 'the response is JSON' "$(jq -r '"\(.object) \(.choices[0].message.content)"' "$T/response")" 'chat.completion one two'
is 'one line' "$(wc -l < "$T/response")" 1
is 'the model was set' "$(jq -r .model "$T/response")" parrot
is 'its size is exact' "$(stat -c %s "$D/response")" "$(stat -c %s "$T/response")"
is 'the last request can be read' "$(jq -r '.messages[0].content' "$D/request")" 'one two'
is 'a model that is named wrongly is set too' "$(message x ',"model":"gpt-4"' > "$D/request"; timeout 60 jq -r .model "$D/response")" parrot
message 'one two three' ',"stream":true' > "$D/request"
timeout 60 cat "$D/response" > "$T/events"
is 'with stream: the events' "$(sed -n 's/^data: //p' "$T/events" | grep -v DONE | jq -rj '.choices[0].delta.content // ""')" 'one two three'
is 'up to and with the last' "$(grep . "$T/events" | tail -n 1)" 'data: [DONE]'
is 'a descriptor of its own' "$(exec 3<> "$D/request"; message turn >&3; timeout 60 jq -r '.choices[0].message.content' <&3)" turn
is 'pretty JSON in many writes' "$(message 'many lines' | jq . | while IFS= read -r l; do printf '%s\n' "$l"; done > "$D/request"; timeout 60 jq -r '.choices[0].message.content' "$D/response")" 'many lines'
is 'by the alias' "$(message alias > "$M/p/request"; timeout 60 jq -r '.choices[0].message.content' "$M/p/response")" alias
jq -cn '{messages: [{role: "user", content: ("x" * 300000)}]}' > "$T/long"
is 'a long one' "$(cp "$T/long" "$D/request" && timeout 60 jq -r '.choices[0].message.content | length' "$D/response")" 300000

# ---- A stream is seen as it comes
message 'one two three' ',"stream":true' > "$M/slow/request"
timeout 60 cat "$M/slow/response" > "$T/slow" &
reader=$!
ok 'it is sent' wait_for 60 eval '[ "$(jq .requests.active "$M/slow/status")" = 1 ]'
printf x > "$T/gate"
ok 'events come while the engine speaks' wait_for 60 grep -q '"one' "$T/slow"
not_ok 'and the end has not come' grep -q DONE "$T/slow"
is 'status says streaming' "$(jq -r .state "$M/slow/history/latest/status")" streaming
echo cancel > "$M/slow/ctl"
not_ok 'cancel of ctl ends it' wait "$reader"
like 'error says so' "$(cat "$M/slow/error")" 'cancelled through `ctl`'
head -c 1000 /dev/zero > "$T/gate"

# ---- Each pair is bound apart
echo prompt > "$D/ask"
message request > "$D/request"
is 'ask after request' "$(timeout 60 cat "$D/reply")" prompt
is 'request after ask' "$(timeout 60 jq -r '.choices[0].message.content' "$D/response")" request
for i in 1 2 3 4 5 6; do
	bash -c "printf '{\"messages\":[{\"role\":\"user\",\"content\":\"n$i\"}]}' > '$D/request'; timeout 60 jq -r '.choices[0].message.content' '$D/response'; :" > "$T/worker.$i" &
	workers+=($!)
done
wait "${workers[@]}"
is 'six workers, each its own' "$(cat "$T"/worker.? | paste -sd ' ')" 'n1 n2 n3 n4 n5 n6'

# ---- What cannot be used
refused() { # NAME TEXT REGEX: the write fails, response gives EINVAL, error says why
	not_ok "$1: the write fails" bash -c "printf '%s' '$2' > '$D/request'"
	printf '%s' "$2" > "$D/request" 2> /dev/null
	like "$1: response gives EINVAL" "$(timeout 20 cat "$D/response" 2>&1)" 'Invalid argument'
	like "$1: error says why" "$(cat "$D/error")" "$3"
}
refused 'no JSON' 'hello there' 'no JSON: line 1'
refused 'no object' '[1]' 'must be a JSON object'
refused 'no messages' '{"prompt":"x"}' 'no "messages"'
refused 'a stream of text' '{"messages":[{"role":"user","content":"x"}],"stream":"yes"}' 'stream'
printf '{"messages":[' > "$D/request"
like 'half a request is refused' "$(timeout 20 cat "$D/response" 2>&1)" 'Invalid argument'
like 'and error says where it stops' "$(cat "$D/error")" 'no JSON'
is 'one line' "$(wc -l < "$D/error")" 1
is 'nothing was left behind' "$(message after > "$D/request"; timeout 60 jq -r '.choices[0].message.content' "$D/response"; cat "$D/error")" after
ok 'one of blanks is taken' dd of="$D/request" status=none <<< '  '
is 'an empty one has an empty response' "$(timeout 20 cat "$D/response")" ''

# ---- What the engine refuses
printf '{"messages":[{"role":"assistant","content":"x"}]}' > "$D/request"
like 'EIO' "$(timeout 60 cat "$D/response" 2>&1)" 'Input/output error'
is 'with the JSON of the engine' "$(jq -r .error.code "$D/error")" 400
message x > "$M/bad/request"
like 'EIO of a failing engine' "$(timeout 60 cat "$M/bad/response" 2>&1)" 'Input/output error'
is 'its JSON' "$(jq -r .error.type "$M/bad/error")" server_error

# ---- Images by path: read when the request is written, as its writer may
image() { # URL [TEXT]
	jq -cn --arg url "$1" '{messages: [{role: "user", content: [{type: "text", text: "look"}, {type: "image_url", image_url: {url: $url}}]}]}'
}
# Each is one pixel, or looks like one.
printf '\211PNG\r\n\032\npixel' > "$T/a b.png"
printf 'GIF89a______' > "$T/x.gif"
printf '\377\330\377\340________' > "$T/x.jpg"
printf 'RIFF____WEBPVP8 ' > "$T/x.webp"
echo 'this is a text' > "$T/text.png"
sent_url() {
	jq -r '.messages[0].content[1].image_url.url' "$D/history/latest/prompt"
}
image "$T/a b.png" > "$D/request"
ok 'an image by its path is answered' eval 'timeout 60 cat "$D/response" > "$T/response"'
is 'the engine gets it as a data URL' "$(sent_url)" "data:image/png;base64,$(base64 -w 0 "$T/a b.png")"
is 'as file://' "$(image "file://${T// /%20}/a%20b.png" > "$D/request"; timeout 60 cat "$D/response" > /dev/null; sent_url)" "data:image/png;base64,$(base64 -w 0 "$T/a b.png")"
for type in gif jpeg:jpg webp; do
	is "${type%:*}, by its first bytes" "$(cp "$T/x.${type#*:}" "$T/image"; image "$T/image" > "$D/request"; timeout 60 cat "$D/response" > /dev/null; sent_url)" \
		"data:image/${type%:*};base64,$(base64 -w 0 "$T/image")"
done
is 'a URL stays what it is' "$(image https://127.0.0.1:1/x.png > "$D/request"; timeout 60 cat "$D/response" > /dev/null; sent_url)" https://127.0.0.1:1/x.png
cp "$T/x.gif" "$T/gone"
image "$T/gone" > "$D/request"
rm "$T/gone"
ok 'a file that goes after the write was read before' eval 'timeout 60 cat "$D/response" > /dev/null'
is 'on one descriptor' "$(exec 3<> "$D/request"; image "$T/x.gif" >&3; timeout 60 jq -r .object <&3)" chat.completion
ok 'with fsync' python3 - "$D" "$(image "$T/x.gif")" <<- 'END'
	import os, sys
	fd = os.open(sys.argv[1] + "/request", os.O_WRONLY)
	os.write(fd, sys.argv[2].encode())
	os.fsync(fd)
	os.close(fd)
	with open(sys.argv[1] + "/response") as f:
	    assert "chat.completion" in f.read()
END
mkfifo "$T/fifo"
bad_image() { # NAME PATH REGEX
	image "$2" > "$T/request"
	not_ok "$1: close(2) says so" cp "$T/request" "$D/request"
	like "$1: response fails" "$(timeout 60 cat "$D/response" 2>&1)" "$3"
	like "$1: error names it" "$(cat "$D/error")" "${2##*/}"
}
bad_image 'no such file' "$T/none.png" 'No such file'
bad_image 'a text' "$T/text.png" 'Invalid argument'
bad_image 'a directory' "$T/" 'Invalid argument'
bad_image 'a FIFO' "$T/fifo" 'Invalid argument'
bad_image 'a device' /dev/zero 'Invalid argument'
bad_image 'a relative path' x.gif 'Invalid argument'
bad_image 'another host' file://elsewhere/x.gif 'Invalid argument'
bad_image 'a reply of our own tree' "$M/slow/reply" 'Invalid argument'
truncate -s 20M "$T/huge"
bad_image 'a file beyond max_prompt' "$T/huge" 'File too large'
is 'and the mount answers' "$(image "$T/x.gif" > "$D/request"; timeout 60 jq -r .object "$D/response")" chat.completion

# ---- history
is 'history has the request as it was written' "$(message kept > "$D/request"; timeout 60 cat "$D/response" > /dev/null; cat "$D/history/latest/prompt")" "$(message kept)"
is 'and the response' "$(jq -r '.choices[0].message.content' "$D/history/latest/reply")" kept

# ---- embed and vector
echo 'a text' > "$D/embed"
if timeout 60 cat "$D/vector" > "$T/vector" 2> /dev/null; then
	is 'a text gives numbers' "$(jq -r 'map(type) | unique | join(",")' "$T/vector")" number
	is 'on one line' "$(wc -l < "$T/vector")" 1
	is 'an array gives an array of them' "$(echo '["a text", "another"]' > "$D/embed"; timeout 60 cat "$D/vector" | jq -r '"\(length) \(.[0] | type)"')" '2 array'
	is 'the same text, the same numbers' "$(timeout 60 jq -c '.[0]' "$D/vector")" "$(jq -c . "$T/vector")"
else
	like 'an engine without embeddings: EIO with its JSON' "$(jq -r .error.code "$D/error")" '40[45]'
fi
not_ok 'an array of other things' bash -c "echo '[1, 2]' > '$D/embed'"
like 'is refused' "$(echo '[1, 2]' > "$D/embed" 2> /dev/null; timeout 20 cat "$D/vector" 2>&1)" 'Invalid argument'
is 'reply is still the last answer to ask' "$(timeout 60 cat "$D/reply")" prompt

# ---- Over a mount
message lasting > "$D/request"
timeout 60 cat "$D/response" > "$T/lasting"
echo asked > "$D/ask"
timeout 60 cat "$D/reply" > /dev/null
unmount || bail 'no unmount'
mount_again || bail 'no second mount'
is 'the next mount knows which pair it was' "$(timeout 60 cat "$D/response")" "$(cat "$T/lasting")"
is 'and the other' "$(timeout 60 cat "$D/reply")" asked
ok 'nothing unexpected in the log' no_complaints
done_testing
