# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# bash completion for slullamafs and mount.slullamafs.

_slullamafs_models() {
	slullamafs models 2> /dev/null | cut -d ' ' -f 1
}

_slullamafs() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb=${COMP_WORDS[1]} words
	COMPREPLY=()
	case ${COMP_WORDS[0]##*/} in
	mount.*) verb=mount ;;
	*)
		if [ "$COMP_CWORD" = 1 ]; then
			mapfile -t COMPREPLY < <(compgen -W 'mount run watch models key serve connect status traefik haproxy parrot help --help --version' -- "$cur")
			return
		fi
		;;
	esac
	compopt -o filenames 2> /dev/null
	case $verb:$prev in
	mount:-c | mount:--config | run:-c | run:--config | models:-c | models:--config | key:-c | key:--config | parrot:--api-key-file | parrot:--gate | serve:-c | serve:--config | serve:--token-file | connect:-c | connect:--config | connect:--token-file | status:-c | status:--config | status:--token-file)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	mount:-o) words='allow_other allow_root ro config=' ;;
	parrot:--fail)
		words='exit-at-start never-healthy refuse-after die-before-first-byte die-mid-stream silent garbage half-event
			infinite-line http-500 http-429 error-in-stream always-200 hang-mid-stream'
		;;
	parrot:--port | parrot:--host | parrot:--rate | parrot:--startup | parrot:--delay | serve:--port | connect:--port | connect:--local-port | status:--port | key:--name | key:--email | key:--expires | key:--*-minute | key:--*-day | key:--concurrent) return ;;
	key:--models) words=$(_slullamafs_models) ;;
	mount:*)
		if [[ $cur != -* ]]; then
			mapfile -t COMPREPLY < <(compgen -d -- "$cur")
			return
		fi
		words='-f -v -c -o --config --verbose --help --version'
		;;
	parrot:*) words='--port --host --api-key-file --rate --startup --delay --gate --fail --help --version' ;;
	run:*) words="-t -c --time --config --help $(_slullamafs_models)" ;;
	watch:--until) words='asleep queued starting ready draining failed' ;;
	watch:*) words="--until --help $(_slullamafs_models)" ;;
	key:*) words='generate list revoke --name --email --models --expires --concurrent --requests-per-minute --requests-per-day --tokens-per-minute --tokens-per-day --usage --json -c --config --help' ;;
	serve:*) words='--port --token-file --token --partition --gres --idle-timeout -c --config -v --verbose --help' ;;
	connect:*) words='--port --token-file --token --local-port --add-token -c --config -v --verbose --help' ;;
	status:*) words='--port --token-file --token -c --config -v --verbose --help' ;;
	models:*) words='-c --config --help' ;;
	traefik:* | haproxy:*)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur"; compgen -W '--watch --help' -- "$cur")
		return
		;;
	help:*) words='config mount run watch models key serve connect status traefik haproxy parrot' ;;
	*) return ;;
	esac
	compopt +o filenames 2> /dev/null
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _slullamafs slullamafs mount.slullamafs
