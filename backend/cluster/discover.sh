# SPDX-License-Identifier: MIT
#
# Run by sh on the login node, with D set: which models are in that directory? One line for each that begins with a word of
# ours, since a login shell may say other things before: `sfs-found KIND<tab>CONTEXT<tab>NAME`. The last line says that all
# was told.
#
# Hugging Face's cache: models--ORG--NAME/snapshots/REVISION/config.json. Source: huggingface_hub's guide "Understand caching".
# Ollama's store: manifests/registry.ollama.ai/library/NAME/TAG. Source: ollama/ollama, types/model/name.go (Filepath).
case $D in
"~/"*) D=$HOME/${D#"~/"} ;;
esac
if [ ! -d "$D" ]; then
	echo 'sfs-found none'
	exit 0
fi
if [ -d "$D/hub" ]; then D=$D/hub; fi
if [ -d "$D/models/manifests" ]; then D=$D/models; fi
printf 'sfs-found at\t\t%s\n' "$D"
{
	for m in "$D"/models--*; do
		s=$(ls -1t -- "$m/snapshots" 2> /dev/null | head -n 1)
		[ -n "$s" ] || continue
		n=$(head -c 1000000 -- "$m/snapshots/$s/config.json" 2> /dev/null | tr -d '\n' |
			sed -n 's/.*"max_position_embeddings"[[:space:]]*:[[:space:]]*\([0-9][0-9]*\).*/\1/p')
		printf 'sfs-found hf\t%s\t%s\n' "$n" "${m##*/models--}"
	done
	for t in "$D"/manifests/registry.*/*/*/*; do
		[ -f "$t" ] || continue
		printf 'sfs-found ollama\t\t%s\n' "${t#"$D"/manifests/*/}"
	done
} | head -n 2000
echo 'sfs-found end'
