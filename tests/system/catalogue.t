#!/bin/bash
# SPDX-License-Identifier: MIT
#
# A cluster's catalogue: each entry is a model of the tree and of the gateway, before anything is woken.
. "$(dirname "$0")/lib.sh"

cat > "$T/models.json" <<- END
	{ "_comment": "none of these", "gpt-oss-20b": { "path": "/hub/models--openai--gpt-oss-20b/snapshots/1",
	  "max_model_len": 10000, "description": "small and quick" },
	  "qwen3.5:9b": { "path": "/hub/models--Qwen--Qwen3.5-9B" } }
END
config() {
	cat <<- END
		[gateway]
		listen = "127.0.0.1:0"
		[cluster.local]
		kind = "local"
		workdir = "$T/work"
		catalogue = "models.json"
	END
}
mount_with < <(config) || bail 'no mount'
is 'the models' "$(cd "$M" && "$SLULLAMAFS" models | awk '{print $1, $2}' | tr '\n' ' ')" 'gpt-oss-20b asleep qwen3.5-9b asleep '
is 'its description' "$(status_of gpt-oss-20b description)" 'small and quick'
is 'is one of vllm' "$(status_of gpt-oss-20b engine)" vllm
is 'served as its path says' "$(status_of gpt-oss-20b served_model)" openai/gpt-oss-20b
like 'the configuration in effect says how long its context is' "$(< "$M/config")" 'max_model_len = 10000'
url=$(< "$M/endpoint")
for name in gpt-oss-20b openai/gpt-oss-20b qwen3.5-9b qwen3.5:9b Qwen/Qwen3.5-9B; do
	is "the gateway knows $name" "$(curl -sS -o "$T/out" -w '%{http_code}' "$url/v1/models/$name")" 200
done
is 'and nothing woke' "$(ls "$M/jobs")" ''
not_ok 'a model that is not there cannot be woken' sh -c "echo wake gpt-oss-20 > $M/ctl"
like 'and the near one is named' "$(< "$M/log")" 'no model "gpt-oss-20"; did you mean "gpt-oss-20b"'
like 'watch lists those that are there' "$("$SLULLAMAFS" watch nope 2>&1)" \
	'no mount of yours has a model nope; there are: .*gpt-oss-20b, qwen3.5-9b'
unmount

echo '{ "a": { "path": 7 } }' > "$T/models.json"
like 'an entry that lies is told with file and name' "$("$SLULLAMAFS" models -c "$T/config.toml" 2>&1)" \
	'config.toml:6: catalogue in \[cluster.local\]: .*/models.json: "a" has a "path" that is no string'
done_testing
