#!/bin/bash
# SPDX-License-Identifier: MIT
#
# APIs that the engine does not speak: Ollama's, Anthropic's, OpenAI's Responses, over a parrot that knows chat completions alone.
. "$(dirname "$0")/lib.sh"

mount_with <<- END || bail 'no mount'
	[gateway]
	listen = "127.0.0.1:0"
	[model.parrot]
	engine = "parrot"
	aliases = ["p"]
	[model.cold]
	engine = "parrot"
	engine_args = ["--startup", "1"]
	[model.slow]
	engine = "parrot"
	engine_args = ["--rate", "2"]
	[model.broken]
	engine = "parrot"
	engine_args = ["--fail", "error-in-stream"]
	[model.dying]
	engine = "parrot"
	engine_args = ["--fail", "die-mid-stream"]
	[model.dead]
	engine = "parrot"
	engine_args = ["--fail", "exit-at-start"]
END
U=$(cat "$M/endpoint")
C=(curl -sS --max-time 60 --noproxy '*')

# post PATH BODY: the answer. code PATH BODY: and its status behind it.
post() {
	"${C[@]}" -N "$U$1" -d "$2"
}
code() {
	"${C[@]}" -w ' %{http_code}' "$U$1" -d "$2"
}
hi='"messages":[{"role":"user","content":"one two"}]'

# --- what is known wakes nothing
is 'tags' "$("${C[@]}" "$U/api/tags" | jq -r '.models[].name' | tr '\n' ' ')" 'parrot cold slow broken dying dead '
is 'tags of one model' "$("${C[@]}" "$U/p/api/tags" | jq -r '.models[].model')" parrot
is 'nobody is awake' "$("${C[@]}" "$U/api/ps" | jq -c .)" '{"models":[]}'
like 'a version' "$("${C[@]}" "$U/api/version" | jq -r .version)" '^[0-9]+\.[0-9]+\.[0-9]+$'
is 'show' "$(post /api/show '{"model":"parrot"}' | jq -r '.capabilities[0]')" completion
is 'show, in older words and with a tag' "$(post /api/show '{"name":"parrot:latest"}' | jq -r '.model_info["general.basename"]')" parrot
is 'somebody is there' "$("${C[@]}" -I -o /dev/null -w '%{http_code}' "$U/") $("${C[@]}" -I -o /dev/null -w '%{http_code}' "$U/parrot/")" '200 200'
is 'an unknown model' "$(code /api/chat "{\"model\":\"nobody\",$hi}")" "{\"error\":\"model 'nobody' not found\"} 404"
is 'unknown to show' "$(code /api/show '{"model":"parot"}')" "{\"error\":\"model 'parot' not found; did you mean 'parrot'?\"} 404"
is 'unknown to pull' "$(code /api/pull '{"model":"nobody"}')" "{\"error\":\"model 'nobody' not found\"} 404"
for path in create copy delete push; do
	like "/api/$path is refused" "$(code /api/$path '{"model":"parrot"}')" '^\{"error":"/api/.*configuration.* 400$'
done
like 'no JSON' "$(code /api/chat 'hello')" '^\{"error":"[^{]* 400$'
like 'no JSON to show' "$(code /api/show 'hello')" '^\{"error":"[^{]* 400$'
like 'odd options' "$(code /api/chat "{\"model\":\"parrot\",\"options\":7,$hi}")" '^\{"error":".*options.* must be an object"\} 400$'
like "a bad request, in Anthropic's shape" "$(code /v1/messages "{\"model\":\"parrot\",$hi}")" '^\{"type":"error","error":\{"type":"invalid_request_error","message":"max_tokens.* 400$'
like "an unknown model, in Anthropic's shape" "$(code /v1/messages "{\"model\":\"nobody\",$hi}")" '"type":"not_found_error".* 404$'
like 'no tokens are counted by one that sleeps' "$(code /v1/messages/count_tokens "{\"model\":\"parrot\",$hi}")" '^\{"type":"error".*overloaded_error.*asleep.* 503$'
like "a bad request, in OpenAI's shape" "$(code /v1/responses '{"model":"parrot"}')" '^\{"error":\{"message":"input must be .* 400$'
is 'all of this woke nothing' "$(status_of parrot state) $(status_of dead state)" 'asleep asleep'

# --- Ollama
post /api/pull '{"model":"cold"}' > "$T/pull"
is 'pull ends with success' "$(tail -n 1 "$T/pull")" '{"status":"success"}'
ok 'and told how far it was' test "$(wc -l < "$T/pull")" -ge 2
is 'it is awake then' "$("${C[@]}" "$U/api/ps" | jq -r '.models[].name')" cold
is 'pull of one that is awake, not streamed' "$(post /api/pull '{"model":"cold","stream":false}')" '{"status":"success"}'
like 'tokens are counted by engines that can' "$(code /v1/messages/count_tokens "{\"model\":\"cold\",$hi}")" '^\{"type":"error".*not_found_error.*the engine answered 404.* 404$'
like 'a request without a question wakes it' "$(post /api/generate '{"model":"parrot"}')" '"done":true,"response":"","done_reason":"load"'
like 'keep_alive 0 changes nothing' "$(post /api/chat '{"model":"parrot","messages":[],"keep_alive":0}')" '"done_reason":"unload"'
is 'it is still awake' "$(status_of parrot state)" ready
post /api/chat "{\"model\":\"p\",$hi}" > "$T/lines"
is 'a chat is streamed' "$(jq -rj .message.content "$T/lines") $(wc -l < "$T/lines")" 'one two 3'
is 'with figures at its end' "$(tail -n 1 "$T/lines" | jq -c '[.model,.done,.done_reason,.prompt_eval_count,.eval_count,(.total_duration>0)]')" '["p",true,"stop",2,2,true]'
like 'as lines of JSON' "$("${C[@]}" -D - -o /dev/null "$U/api/chat" -d "{\"model\":\"parrot\",$hi}")" '[Cc]ontent-[Tt]ype: application/x-ndjson'
like 'or whole' "$("${C[@]}" -i "$U/api/chat" -d "{\"model\":\"parrot\",\"stream\":false,$hi}" | tr -d '\r' | tr '\n' ' ')" 'Content-Type: application/json Content-Length: [0-9]+ .*"content":"one two"'
is 'generate' "$(post /parrot/api/generate '{"prompt":"one two"}' | jq -rj .response)" 'one two'
is 'HTTP/1.0' "$("${C[@]}" -0 "$U/api/generate" -d '{"model":"parrot","prompt":"so old"}' | jq -rj .response)" 'so old'
is 'embed' "$(post /api/embed '{"model":"parrot","input":["a","b"],"dimensions":4}' | jq -c '[.embeddings[]|length]')" '[4,4]'
is 'embeddings' "$(post /api/embeddings '{"model":"parrot","prompt":"a"}' | jq '.embedding|length')" 8
is 'through a job' "$(post "/jobs/$(basename "$(readlink "$M/parrot/job")")/api/generate" '{"prompt":"job"}' | jq -rj .response)" job
like 'an error of the engine' "$(code /api/chat '{"model":"parrot","messages":[{"role":"assistant","content":"x"}]}')" '^\{"error":"the engine answered 400: [^{]*"\} 400$'
like 'its failure in mid-stream is a line' "$(post /api/chat "{\"model\":\"broken\",$hi}" | tail -n 1)" '^\{"error":".*told to fail"\}$'
like 'its end in mid-stream too' "$(post /api/chat "{\"model\":\"dying\",$hi}" | tail -n 1)" '^\{"error":"the engine was lost in the middle of the answer.*"\}$'
like 'one that does not start' "$(code /api/chat "{\"model\":\"dead\",$hi}")" '^\{"error":"[^{]*"\} 50[23]$'
like 'nor to be pulled' "$(post /api/pull '{"model":"dead"}' | tail -n 1)" '^\{"error":"'

# --- Anthropic
is 'a message' "$(post /v1/messages "{\"model\":\"parrot\",\"max_tokens\":9,$hi}" | jq -c '[.type,.content[0].text,.stop_reason]')" '["message","one two","end_turn"]'
post /v1/messages "{\"model\":\"parrot\",\"max_tokens\":9,\"stream\":true,$hi}" > "$T/events"
is 'its events' "$(sed -n 's/^event: //p' "$T/events" | tr '\n' ' ')" 'message_start ping content_block_start content_block_delta content_block_delta content_block_stop message_delta message_stop '
is 'their text' "$(sed -n 's/^data: //p' "$T/events" | jq -rj '.delta.text // ""')" 'one two'
like 'its failure in mid-stream' "$(post /v1/messages "{\"model\":\"broken\",\"max_tokens\":9,\"stream\":true,$hi}" | tail -n 3 | tr '\n' ' ')" '^event: error data: \{"type":"error","error":\{"type":"api_error","message":"[^"]*told to fail"\}\} +$'
like 'an error of the engine' "$(code /v1/messages '{"model":"broken","max_tokens":9,"messages":[{"role":"user","content":"x"}]}')" '^\{"type":"error","error":\{"type":"api_error","message":"the engine answered 500: .* 500$'

# --- Responses
is 'a response' "$(post /v1/responses '{"model":"parrot","input":"one two"}' | jq -c '[.object,.status,.output[0].content[0].text]')" '["response","completed","one two"]'
post /v1/responses '{"model":"parrot","input":"one two","stream":true}' > "$T/events"
is 'its events' "$(sed -n 's/^event: response\.//p' "$T/events" | tr '\n' ' ')" 'created in_progress output_item.added content_part.added output_text.delta output_text.delta output_text.done content_part.done output_item.done completed '
like 'its failure in mid-stream' "$(post /v1/responses '{"model":"broken","input":"one two","stream":true}' | grep -A1 '^event: error')" '"message":"[^"]*told to fail"'

# --- the path names the model, the body none
is 'a message tells the model of the path' "$(post /parrot/v1/messages "{\"max_tokens\":9,$hi}" | jq -r .model)" parrot
is 'and so does a stream of Ollama' "$(post /p/api/chat "{$hi}" | jq -rs '.[0].model')" parrot
is 'a response' "$(post /parrot/v1/responses '{"input":"one"}' | jq -r .model)" parrot
is 'a job' "$(post "/jobs/$(basename "$(readlink "$M/parrot/job")")/v1/messages" "{\"max_tokens\":9,$hi}" | jq -r .model)" parrot
is 'and a request that only loads' "$(post /parrot/api/chat '{}' | jq -r .model)" parrot

# --- a client that leaves
words=$(printf 'word %.0s' {1..200})
"${C[@]}" -N "$U/api/generate" -d "{\"model\":\"slow\",\"prompt\":\"$words\"}" > "$T/lines" 2> /dev/null &
client=$!
ok 'a translated answer has begun' wait_for 60 grep -q '"response":"word' "$T/lines"
kill "$client"
wait "$client" 2> /dev/null
ok 'its slot is free when the client leaves' wait_for 10 jq -e '.requests.active == 0' "$M/slow/status"

# --- a request that is too long to be translated
{ printf '{"model":"parrot","prompt":"'; head -c 68000000 /dev/zero | tr '\0' x; printf '"}'; } > "$T/big"
like 'one of 68 MB' "$("${C[@]}" -H 'Expect:' -w ' %{http_code}' "$U/api/generate" --data-binary "@$T/big")" '^\{"error":".*not translated"\} 413$'
done_testing
