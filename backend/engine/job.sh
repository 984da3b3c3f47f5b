# SPDX-License-Identifier: MIT
#
# The body of every job, run on the node by bash 4 or later with coreutils alone.  script.c puts before it the #SBATCH
# lines, the SFS_* variables, sfs_environment() (the model's `env`) and engine() (one of the *.sh files beside this one).
#
# Three processes: this shell, which waits for the engine and passes on signals; the engine, in a process group of its
# own; and a watcher, in another, which publishes the address once the engine's own socket listens there, looks whether
# the daemon still renews the lease, and ends the engine when it does not or when this shell is gone.  The daemon is told
# by whole lines appended to the file `state`; engine.h lists them.
#
# engine() is called in the engine's process, in the working directory, after the lines of `setup`.  It sees SFS_HOST,
# SFS_PORT, SFS_KEY_FILE, SFS_MODEL, SFS_BINARY, SFS_SLOTS, the arrays SFS_ARGS and SFS_COMMAND, and what script.c writes for the
# keys that only some engines have; it ends in `exec`.

set -u
umask 077
unset -v CDPATH GLOBIGNORE POSIXLY_CORRECT
IFS=$' \t\n'
# Without HOME, bash takes the home from the user database.
[[ ${HOME:-} == /* ]] || { unset -v HOME; export HOME=~; }

sfs_engine='' # pid and process group of the engine, '' while there is none
sfs_watcher=''
sfs_followers=() # of further log files
sfs_phase=0   # of the watcher, also its exit status: 0 nobody listened yet, 1 published, 2 the lease ran out,
              # 3 somebody else had the port before the engine, 4 the port was lost after it was published
sfs_signs=0   # signs of life that came as signals
sfs_owners=() # processes of the engine that were found to hold its socket

# Until there is a directory, a sign of life says nothing; without a trap it would end this shell.
trap : USR1 USR2

# ---- Telling the daemon.

sfs_log() {
	printf 'slullamafs: %s\n' "$*" >&2
}

# One printf is one write, so that a reader never sees half a line for long.
sfs_state() {
	printf '%s\n' "$*" >> "$SFS_DIR/state"
} 2> /dev/null

sfs_error() {
	sfs_state "error text=${*//[$'\n\r']/ }"
	sfs_log "$*"
}

# ---- Helpers of the engines.

# sfs_path PATH: print it with ~/ as the home directory.
sfs_path() {
	case $1 in
	'~/'*) printf '%s\n' "${HOME%/}/${1#'~/'}" ;;
	*) printf '%s\n' "$1" ;;
	esac
}

# Make SFS_BINARY a program that can be run, or end the engine's process with a line that says what to do.
sfs_need_binary() {
	local name found
	name=$(sfs_path "$SFS_BINARY")
	for found in "$name" "$HOME/bin/$name" "$HOME/.local/bin/$name"; do
		if found=$(type -P -- "$found"); then
			SFS_BINARY=$found
			return 0
		fi
		[[ $name != */* ]] || break
	done
	sfs_error "$name was not found on $SFS_NODE: install it there, make it known in setup = [...]," \
		"or give its path as binary = \"...\" in [model.$SFS_SERVICE]"
	exit 127
}

# ---- The working directory.

sfs_use_dir() {
	mkdir -p -- "$1" && [[ -O $1 && ! -L $1 ]] && chmod 700 -- "$1" || return 1
	# A job that was requeued finds the files of its earlier run: it begins afresh.
	rm -f -- "$1/key" && printf '%s\n' "$SFS_SECRET" > "$1/key" || return 1
	: > "$1/state" && : > "$1/stdout" && : > "$1/stderr" || return 1
	SFS_DIR=$1
} 2> /dev/null

sfs_enter_dir() {
	SFS_WORKDIR=$(sfs_path "$SFS_WORKDIR")
	SFS_SCRATCH=''
	if ! sfs_use_dir "$SFS_WORKDIR"; then
		# On the daemon's own machine there is no other way to tell the address: what a failed script says last is shown.
		if [[ $SFS_LOOPBACK == 1 ]]; then
			sfs_log "the working directory $SFS_WORKDIR cannot be used: it has to be a directory of yours on a disk with room"
			exit 73
		fi
		# Not shared, full or read-only: the engine can run all the same, and the Comment tells its address.
		SFS_SCRATCH=$(mktemp -d) && sfs_use_dir "$SFS_SCRATCH" || exit 73
	fi
	SFS_KEY_FILE=$SFS_DIR/key
	exec >> "$SFS_DIR/stdout" 2>> "$SFS_DIR/stderr"
}

sfs_leave_dir() {
	rm -f -- "$SFS_KEY_FILE" "$SFS_DIR/sign"
	[[ -z ${SFS_REMOVE:-} ]] || rm -rf -- "$SFS_REMOVE"
	[[ -z $SFS_SCRATCH ]] || rm -rf -- "$SFS_SCRATCH"
}

# ---- Address and port.

# sfs_address_towards HOST: print that of our addresses from which the kernel would send to it. A datagram socket is connected, which
# sends nothing.
sfs_address_towards() (
	[[ -n $1 ]] && exec 3<> "/dev/udp/$1/9" || exit
	inode=$(readlink /proc/self/fd/3)
	while read -r _ where _ _ _ _ _ _ _ number _; do
		[[ $inode == "socket:[$number]" ]] || continue
		printf '%d.%d.%d.%d\n' "0x${where:6:2}" "0x${where:4:2}" "0x${where:2:2}" "0x${where:0:2}"
	done < /proc/net/udp
) 2> /dev/null

# Set SFS_HOST to the first of the words that is an address of this node, as far as those are known.
sfs_use_address() {
	local word
	for word; do
		[[ $word =~ $ipv4 && $word != 127.* && $word != 0.* ]] || continue
		[[ $here == ' ' || $here == *" $word "* ]] || continue
		SFS_HOST=$word
		return 0
	done
	return 1
}

# Set SFS_HOST: where the login node reaches this node, and no further. A node need not know itself by its name (Debian gives that an
# address of loopback) and may have networks to which the login node does not belong.
sfs_choose_address() {
	local word here=' ' ipv4='^[0-9]+(\.[0-9]+){3}$'
	SFS_HOST=''
	if [[ $SFS_LOOPBACK == 1 ]]; then
		SFS_HOST=127.0.0.1
		return 0
	fi
	for word in $(hostname -I 2> /dev/null); do
		[[ ! $word =~ $ipv4 ]] || here+="$word "
	done
	sfs_use_address $(getent ahostsv4 "$SFS_NODE" 2> /dev/null) && return
	sfs_use_address $(sfs_address_towards "${SLURM_SUBMIT_HOST:-}") $here && return
	[[ $SFS_EXPOSE == 1 ]] || return 1
	SFS_HOST=0.0.0.0
}

# Set sfs_lines to all rows of the kernel's tables that are sockets in LISTEN (0A) on a port ('' = any).
# Columns (proc(5), /proc/net/tcp): number local-address remote-address state queues timer retransmits uid timeout inode.
sfs_listening() {
	local port=$1 file line lines=()
	sfs_lines=()
	for file in /proc/net/tcp /proc/net/tcp6; do
		[[ -r $file ]] || continue
		# mapfile reads in blocks; `read` would seek back after each line, which makes the kernel start over.
		mapfile -t lines < "$file"
		for line in "${lines[@]}"; do
			# The remote port of such a socket is 0000, so a match is the local one.
			[[ $line != *:"$port"*' 0A '* ]] || sfs_lines+=("$line")
		done
	done
}

# Below the range from which the kernel takes the ports of clients (32768 and up).
sfs_choose_port() {
	local i hex
	sfs_listening ''
	for ((i = 0; i < 1000; i++)); do
		SFS_PORT=$((20000 + RANDOM % 12768))
		printf -v hex ':%04X ' "$SFS_PORT"
		[[ "${sfs_lines[*]-}" == *"$hex"* ]] || return 0
	done
	return 1
}

# Set sfs_inodes to the listening sockets that would get a connection to the engine's address and port. Addresses are words
# of the machine's byte order, which is little-endian on all that Slurm clusters have.
sfs_listeners() {
	local line hex where inode a b c d zero=00000000
	printf -v hex %04X "$SFS_PORT"
	sfs_listening "$hex "
	IFS=. read -r a b c d <<< "$SFS_HOST"
	printf -v where %02X%02X%02X%02X "$d" "$c" "$b" "$a"
	sfs_inodes=()
	for line in ${sfs_lines[@]+"${sfs_lines[@]}"}; do
		read -r _ a _ _ _ _ _ _ _ inode _ <<< "$line"
		case ${a%:*} in
		"$where" | "$zero" | "$zero$zero$zero$zero" | "$zero${zero}FFFF0000$where") sfs_inodes+=("$inode") ;;
		esac
	done
}

# ---- Which processes are the engine's.

# Set sfs_members to "pid:start-time" of every process in the engine's group or descended from it.
sfs_family() {
	local file stat pid up depth also=' '
	local -A parent=() group=() start=()
	sfs_members=()
	for file in /proc/[0-9]*/stat; do
		{ read -r stat < "$file"; } 2> /dev/null || continue
		pid=${stat%% *}
		# The second field, the name, may hold blanks and parentheses; what follows its end is regular.
		set -- ${stat##*) }
		(($# >= 20)) || continue
		parent[$pid]=$2 group[$pid]=$3 start[$pid]=${20}
	done
	if [[ -n ${SFS_TEMPLATE-} && -n ${SLURM_JOB_ID:-} ]]; then
		# A template may start its engine by srun, which makes it a child of Slurm's own program.
		also=" $(grep -slzx "SLURM_JOB_ID=$SLURM_JOB_ID" /proc/[0-9]*/environ | tr -dc '0-9\n' | tr '\n' ' ')"
	fi
	for pid in "${!parent[@]}"; do
		up=$pid
		for ((depth = 0; depth < 100 && up > 1; depth++)); do
			[[ $up != "$$" ]] || continue 2 # the batch script itself, and what else it has started
			if [[ $up == "$sfs_engine" || ${group[$up]:-} == "$sfs_engine" ]]; then
				sfs_members+=("$pid:${start[$pid]}")
				continue 2
			fi
			up=${parent[$up]:-0}
		done
		[[ $also != *" $pid "* ]] || sfs_members+=("$pid:${start[$pid]}")
	done
}

# sfs_holds INODE PID...: does one of these processes hold the socket?
sfs_holds() {
	local inode=$1 pid paths=()
	shift
	for pid; do
		paths+=("/proc/$pid/fd/"*)
	done
	[[ $(readlink "${paths[@]}" 2> /dev/null) == *"socket:[$inode]"* ]]
}

sfs_is_ours() {
	local member
	sfs_holds "$1" "$sfs_engine" ${sfs_owners[@]+"${sfs_owners[@]}"} && return 0
	# Not by those who are known: look at them all, which costs a walk over /proc.
	sfs_family
	for member in ${sfs_members[@]+"${sfs_members[@]}"}; do
		if sfs_holds "$1" "${member%:*}"; then
			((${#sfs_owners[@]} < 64)) || sfs_owners=()
			sfs_owners+=("${member%:*}")
			return 0
		fi
	done
	return 1
}

# Set sfs_found: `none` listens on the port, `ours`, or (also) somebody `else`.
sfs_look() {
	local inode
	sfs_listeners
	sfs_found=none
	for inode in ${sfs_inodes[@]+"${sfs_inodes[@]}"}; do
		if ! sfs_is_ours "$inode"; then
			sfs_found=else
			return 0
		fi
		sfs_found=ours
	done
}

# ---- Beginning and end of the engine.

# Runs in the background with a process group of its own; engine() replaces it, so that its pid is the engine's.
sfs_run_engine() {
	# Lines of the user's follow: unset variables and failures in them are their own business.
	set +mu
	trap - TERM INT HUP
	cd -- "$SFS_DIR" || exit 73
	eval "$SFS_SETUP"
	sfs_environment
	export SFS_HOST SFS_PORT SFS_KEY_FILE SFS_MODEL
	export LLAMA_API_KEY=$SFS_SECRET OPENAI_API_KEY=$SFS_SECRET SLULLAMAFS_API_KEY=$SFS_SECRET
	engine
	exit 126
}

sfs_group_alive() {
	kill -0 -- "-$1"
} 2> /dev/null

# sfs_end_engine SECONDS: TERM, and KILL to what is left after so long, also to those that have left its group.
sfs_end_engine() {
	local i member stat
	[[ -n $sfs_engine ]] && sfs_group_alive "$sfs_engine" || return 0
	sfs_family
	kill -TERM -- "-$sfs_engine"
	for ((i = 0; i < $1 * 10; i++)); do
		sfs_group_alive "$sfs_engine" || break
		sleep 0.1
	done
	kill -KILL -- "-$sfs_engine"
	for member in ${sfs_members[@]+"${sfs_members[@]}"}; do
		read -r stat < "/proc/${member%:*}/stat" || continue
		set -- ${stat##*) }
		# The start time guards against a number that somebody else got in the meantime.
		[[ ${20:-} != "${member#*:}" ]] || kill -KILL "${member%:*}"
	done
} 2> /dev/null

# ---- Further logs.

# Set sfs_tmpdir to the engine's TMPDIR, as far as it does not choose one by itself.
sfs_engines_tmpdir() {
	sfs_tmpdir=$(sfs_environment && printf %s "${TMPDIR:-/tmp}")
}

# Set sfs_log_paths to where SFS_LOG_FILES may be, and sfs_log_sizes to what those hold before the engine begins, which is
# not of this run. A relative path may begin in the job's directory or in TMPDIR.
sfs_find_logs() {
	local file path
	sfs_log_paths=() sfs_log_sizes=()
	sfs_engines_tmpdir
	for file in ${SFS_LOG_FILES[@]+"${SFS_LOG_FILES[@]}"}; do
		path=$(set +u && sfs_environment && eval "sfs_path \"$file\"")
		if [[ $path == /* ]]; then
			sfs_log_paths+=("$path")
		else
			sfs_log_paths+=("${SFS_START:-$SFS_DIR}/$path" "$sfs_tmpdir/$path")
		fi
	done
	for path in ${sfs_log_paths[@]+"${sfs_log_paths[@]}"}; do
		sfs_log_sizes+=("$(stat -L -c %s -- "$path" || echo 0)")
	done
} 2> /dev/null

# Follow them into our own logs. Each follower reads on to the end once the engine is gone.
sfs_follow_logs() {
	local i log
	sfs_followers=()
	for i in ${!sfs_log_paths[@]}; do
		log=stdout
		[[ ${sfs_log_paths[i]} != *err ]] || log=stderr
		tail -q -F -s 0.5 -c "+$((sfs_log_sizes[i] + 1))" --pid="$sfs_engine" -- "${sfs_log_paths[i]}" \
			< /dev/null >> "$SFS_DIR/$log" 2> /dev/null &
		sfs_followers+=("$!")
	done
}

# sfs_end_followers TENTHS: the engine is gone; its last lines get so much time.
sfs_end_followers() {
	local i
	((${#sfs_followers[@]})) || return 0
	for ((i = 0; i < $1; i++)); do
		kill -0 "${sfs_followers[@]}" || break
		sleep 0.1
	done
	kill "${sfs_followers[@]}"
	sfs_followers=()
} 2> /dev/null

# ---- The watcher.

# The clock since boot, in seconds: unlike $SECONDS it does not jump when somebody sets the time.
sfs_clock() {
	read -r sfs_now _ < /proc/uptime
	sfs_now=${sfs_now%.*}
}

# A sign of life is any change of the lease's content. The clocks of two machines are never compared. A daemon that ends and
# leaves the job says in it for how many seconds it may live on (lease=N, 0 = for ever), until the next one changes it again.
# The file `sign` counts as well: see sfs_sign.
sfs_lease_ended() {
	local i content files=("$SFS_WORKDIR/lease" "$SFS_DIR/sign")
	sfs_clock
	for i in 0 1; do
		content=''
		{ IFS= read -r -d '' content < "${files[i]}"; } 2> /dev/null
		[[ $content != "${sfs_lease_contents[i]}" ]] || continue
		sfs_lease_contents[i]=$content
		sfs_lease_since=$sfs_now
		sfs_lease=$SFS_LEASE
		[[ ! $content =~ ' lease='([0-9]{1,9})$'\n' ]] || sfs_lease=$((10#${BASH_REMATCH[1]}))
	done
	((sfs_lease > 0 && sfs_now - sfs_lease_since > sfs_lease))
}

# sfs_tell_queue FIELDS: ours, which go behind the URL where the address is known. A job template may have a Comment of its own.
sfs_tell_queue() {
	local sfs_text="traefik,$SFS_SERVICE,http://$SFS_NODE:$SFS_PORT,sfs${1:+,$1}" sfs_now_comment=''
	if ((sfs_phase == 0)); then
		sfs_text="sfs,$1"
		[[ -z ${SFS_TEMPLATE-} ]] || sfs_read_comment
		[[ -z $sfs_now_comment ]] || return 0
	elif [[ -n ${SFS_TEMPLATE-} ]]; then
		sfs_keep_comment "$1"
	fi
	[[ -z $sfs_text ]] || sfs_comment "$sfs_text"
}

# For readers of the queue; the fields after the URL are ours. The controller may be away for a while.
sfs_comment() {
	local pause
	for pause in 2 10 30 60; do
		timeout --foreground 20 scontrol update "JobId=$SLURM_JOB_ID" "Comment=$1" && return 0
		sleep "$pause"
	done
} < /dev/null > /dev/null 2>&1

# Tell in the Comment what is known by now: the address, and whether the daemon has to renew the lease by signal.
sfs_tell() {
	local fields=$SFS_HOST
	[[ $SFS_LOOPBACK != 1 && -n ${SLURM_JOB_ID:-} ]] && type -P scontrol > /dev/null || return 0
	((sfs_phase > 0)) && [[ $fields != 0.0.0.0 ]] || fields=''
	((!sfs_by_signal)) || fields+=${fields:+,}lease=signal
	sfs_tell_queue "$fields" &
}

sfs_publish() {
	local address=$SFS_HOST
	[[ $address != 0.0.0.0 ]] || address=''
	sfs_state "listening host=$SFS_NODE port=$SFS_PORT${address:+ addr=$address}"
	sfs_phase=1
	# The daemon writes the lease before it submits: where there is none, this node does not see the daemon's files.
	[[ $SFS_LEASE == 0 || -n ${sfs_lease_contents[0]} ]] || sfs_by_signal=1
	sfs_tell
}

# Half of the lease has passed without a sign of life: the way by files is broken, or was never there.
sfs_mind_signals() {
	((SFS_LEASE > 0 && !sfs_by_signal && (sfs_now - sfs_lease_since) * 2 > SFS_LEASE)) || return 0
	sfs_by_signal=1
	sfs_tell
}

# One look at the port. A finding that ends the engine must hold at two looks in a row: a process of the engine may have
# been born or have died between the kernel's tables that were read. Without a listener it gets longer.
sfs_watch_port() {
	[[ -z ${SFS_TEMPLATE-} ]] || ((sfs_phase != 0)) || sfs_hear
	sfs_look
	case $sfs_found in
	ours)
		sfs_odd=0
		((sfs_phase == 1)) || sfs_publish
		;;
	else)
		# A template need not use our port; one that does finds out by itself that it is taken.
		[[ -n ${SFS_TEMPLATE-} ]] && ((sfs_phase == 0)) || ((sfs_odd += 5))
		;;
	none) ((sfs_phase == 0)) || ((++sfs_odd)) ;;
	esac
	((sfs_odd >= 10)) || return 0
	if ((sfs_phase == 0)); then
		sfs_log "port $SFS_PORT was taken by somebody else"
		sfs_phase=3
	elif [[ $sfs_found == else ]]; then
		sfs_phase=4
		sfs_error "somebody else listens on $SFS_HOST:$SFS_PORT, where the engine did: the job ends itself"
	else
		sfs_phase=4
		sfs_error "the engine runs but has closed its port $SFS_PORT: the job ends itself"
	fi
	sfs_end_engine 10
	exit "$sfs_phase"
}

# Quick while somebody may wait for the engine to listen, slow when it does or takes its time.
sfs_pause() {
	local seconds=2
	if ((sfs_phase == 0)); then
		seconds=0.1
		((sfs_looks++ < 100)) || seconds=0.5
	fi
	# `wait` lets the trap run at once; the signal goes to our whole group, so that no sleep is left.
	sleep "$seconds" &
	wait $!
}

sfs_watch() {
	local stat sfs_odd=0 sfs_looks=0 sfs_by_signal=0
	set +m
	trap 'exit "$sfs_phase"' TERM
	sfs_phase=0
	while :; do
		sfs_pause
		stat=''
		read -r stat < "/proc/$BASHPID/stat"
		set -- ${stat##*) }
		if [[ ${2:-$$} != "$$" ]]; then
			# The shell that waits for the engine was killed, and nobody else would end it.
			sfs_end_engine 3
			sfs_leave_dir
			exit 0
		fi
		if sfs_lease_ended; then
			sfs_phase=2
			sfs_state lease
			sfs_log "no sign of life from slullamafs for $sfs_lease s: the job ends itself"
			sfs_end_engine 10
			exit 2
		fi
		sfs_mind_signals
		sfs_watch_port
	done
}

# USR1 is a sign of life from a daemon whose files this node does not see; USR2 says that it leaves the job for as long as a
# model may be idle. Slurm sends them to this shell alone; the watcher sees the file.
sfs_sign() {
	((++sfs_signs))
	printf '%s\n' "$sfs_signs by signal$1" > "$SFS_DIR/sign"
} 2> /dev/null

# sfs_wait PID: wait for a child, whatever signs of life come meanwhile, and set sfs_waited to its exit status.
sfs_wait() {
	local signs
	while :; do
		signs=$sfs_signs
		wait "$1"
		sfs_waited=$?
		((signs != sfs_signs)) || return 0
	done
} 2> /dev/null

sfs_end_watcher() {
	[[ -n $sfs_watcher ]] || return 0
	kill -TERM -- "-$sfs_watcher"
	sfs_wait "$sfs_watcher"
	sfs_phase=$sfs_waited
	((sfs_phase <= 4)) || sfs_phase=0 # it was ended before it had set its trap
	sfs_watcher=''
} 2> /dev/null

# ---- The job.

sfs_finish() {
	trap '' TERM INT HUP
	sfs_state "exit status=$1"
	sfs_leave_dir
	exit "$2"
}

# Slurm signals this shell alone when a job is cancelled or reaches its limit, and kills everything some seconds later.
sfs_signalled() {
	local status=$1
	trap '' TERM INT HUP
	sfs_state "signal number=$(($1 - 128))"
	if [[ -z $sfs_engine && -n ${!:-} ]]; then
		sfs_engine=$! # the signal came between its start and the assignment
	fi
	sfs_end_watcher
	sfs_end_engine 3
	if [[ -n $sfs_engine ]]; then
		sfs_wait "$sfs_engine"
		status=$sfs_waited
	fi
	sfs_end_followers 6
	sfs_finish "$status" "$1"
}

# Has the engine ended because of its port? Engines say it in words of their own: seen so far are llama-server's
# "couldn't bind HTTP server socket" and the C library's "Address already in use".
sfs_port_taken() {
	local hex words
	case $1 in
	0 | 126 | 127) return 1 ;;
	esac
	((sfs_phase != 3)) || return 0
	((sfs_phase == 0)) || return 1
	printf -v hex '%04X ' "$SFS_PORT"
	sfs_listening "$hex"
	((${#sfs_lines[@]} == 0)) || return 0
	words=$(tail -c 2048 -- "$SFS_DIR/stderr" | tr -d '\0')
	[[ $words == *'ddress already in use'* || $words == *"couldn't bind"* ]]
}

sfs_run() {
	sfs_engine=''
	sfs_find_logs
	# Job control gives the two background processes groups of their own.
	set -m
	sfs_run_engine < /dev/null &
	sfs_engine=$!
	sfs_follow_logs
	sfs_watch < /dev/null > /dev/null &
	sfs_watcher=$!
	set +m
	sfs_wait "$sfs_engine"
	sfs_status=$sfs_waited
	sfs_end_watcher
	sfs_end_engine 3
	sfs_end_followers 30
}

sfs_main() {
	local try
	SFS_NODE=localhost
	# A job of Slurm can be told to use loopback too: then the way to it is sshd on its node, by the node's name.
	[[ $SFS_LOOPBACK == 1 && -z ${SLURMD_NODENAME:-} ]] || SFS_NODE=${SLURMD_NODENAME:-$(hostname)}
	# Until there is a directory, a signal ends this shell at once, and nothing is left.
	sfs_enter_dir
	trap 'sfs_signalled 143' TERM
	trap 'sfs_signalled 130' INT
	trap 'sfs_signalled 129' HUP
	trap 'sfs_sign ""' USR1
	trap 'sfs_sign " lease=$SFS_IDLE"' USR2
	# The number tells the runs of a requeued job apart, also where each begins with the same process id.
	sfs_state "job node=$SFS_NODE pid=$$ run=$RANDOM$RANDOM"
	sfs_clock
	sfs_lease_contents=('' '') sfs_lease_since=$sfs_now sfs_lease=$SFS_LEASE
	sfs_lease_ended
	if ! sfs_choose_address; then
		sfs_error "$SFS_NODE has no address that the login node could reach; expose = true listens on all of them"
		sfs_finish 69 69
	fi
	for ((try = 1; try <= 5; try++)); do
		sfs_choose_port
		sfs_run
		sfs_port_taken "$sfs_status" || break
		sfs_log "port $SFS_PORT was in use, the engine is started again on another"
	done
	((try <= 5)) || sfs_error "the engine could not get a port on $SFS_NODE in five attempts"
	sfs_finish "$sfs_status" "$sfs_status"
}

sfs_main; exit
