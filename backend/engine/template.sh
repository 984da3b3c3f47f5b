# SPDX-License-Identifier: MIT
#
# Runs a job template of the user's: SFS_TEMPLATE is its text, SFS_INTERPRETER (one or two words) what its first line
# names. It runs as sbatch would have run it, in the job's own directory and with its umask, and its programs are the
# engine. Beside what every engine sees, it finds the port that we chose as PORT too, the working directory as SFS_DIR,
# and its own job name in SLURM_JOB_NAME, because the job's is a name of ours.

SFS_START=$PWD
SFS_UMASK=$(umask)

engine() {
	if [[ ! -x ${SFS_INTERPRETER[0]} ]]; then
		sfs_error "${SFS_INTERPRETER[0]}, which the first line of the job template names, is not on $SFS_NODE"
		exit 127
	fi
	SFS_TEMPLATE=${SFS_TEMPLATE//__SFS_PORT__/"$SFS_PORT"}
	SFS_TEMPLATE=${SFS_TEMPLATE//__SFS_DIR__/"$SFS_DIR"}
	printf '%s' "$SFS_TEMPLATE" > "$SFS_DIR/template" || exit 73
	# It asks for no key, as far as we know.
	[[ $SFS_PROOF != comment ]] || sfs_state 'exposed to=cluster'
	export PORT=$SFS_PORT SFS_DIR SFS_NODE SFS_SLOTS
	[[ -z ${SLURM_JOB_NAME:-} ]] || export SLURM_JOB_NAME=$SFS_SERVICE
	umask "$SFS_UMASK"
	if [[ $SFS_LOOPBACK == 1 ]]; then
		cd || exit 73 # a daemon's own directory is of no use to anybody
	else
		cd -- "$SFS_START" || exit 73
	fi
	exec "${SFS_INTERPRETER[@]}" "$SFS_DIR/template"
}

# ---- Where is it? The template's programs listen where they were told, or tell it in one of four ways; the watcher
# believes none before it has seen that the socket there is theirs.

sfs_told=()      # ports that were told, the latest last
sfs_deaf=''      # a complaint about an address was made
sfs_ask_at=0 sfs_ask_pause=1 sfs_mute_since=''
declare -A sfs_here=() sfs_partial=()

# sfs_is_here HOST: is this a name or an address of this node?
sfs_is_here() {
	local host=${1,,} mine address
	if [[ -z ${sfs_here[$host]-} ]]; then
		mine=" $(hostname -I 2> /dev/null) "
		sfs_here[$host]=no
		case $host in
		localhost | localhost.* | 127.* | 0.0.0.0 | :: | ::1) sfs_here[$host]=yes ;;
		*)
			[[ ${host%%.*} != "${SFS_NODE%%.*}" && ${host%%.*} != "${HOSTNAME%%.*}" ]] || sfs_here[$host]=yes
			for address in "$host" $(getent ahostsv4 -- "$host" 2> /dev/null); do
				[[ $mine != *" $address "* ]] || sfs_here[$host]=yes
			done
			;;
		esac
	fi
	[[ ${sfs_here[$host]} == yes ]]
}

# sfs_hear_address HOST:PORT: remember the port if the host is this node.
sfs_hear_address() {
	local address='^\[?([A-Za-z0-9:][A-Za-z0-9._:-]*)\]?:([1-9][0-9]{0,4})$' port
	[[ $1 =~ $address ]] || return 1
	port=${BASH_REMATCH[2]}
	((port < 65536)) && sfs_is_here "${BASH_REMATCH[1]}" || return 1
	[[ " ${sfs_told[*]-} " != *" $port "* ]] || return 0
	((${#sfs_told[@]} < 16)) || sfs_told=("${sfs_told[@]:1}")
	sfs_told+=("$port")
}

# sfs_hear_line LINE: of the output.
sfs_hear_line() {
	local at='Server will run at ([^[:blank:]]+:[0-9]+)' ready='SLULLAMA_READY hostname=([^[:blank:]]+) port=([0-9]+)'
	if [[ $1 =~ $at ]]; then
		sfs_hear_address "${BASH_REMATCH[1]#http://}"
	elif [[ $1 =~ $ready ]]; then
		sfs_hear_address "${BASH_REMATCH[1]}:${BASH_REMATCH[2]}"
	fi
}

# sfs_hear_comment COMMENT: traefik,<service>,http://<host>:<port>, and whatever follows.
sfs_hear_comment() {
	local url='^traefik,[^,]*,http://([^,/]+)/?(,.*)?$'
	[[ $1 =~ $url ]] && sfs_hear_address "${BASH_REMATCH[1]}"
}

# What has come on a descriptor of a growing file. A line that is not whole yet is kept, as far as one can be of use.
sfs_hear_output() {
	local fd=$1 line i
	for ((i = 0; i < 500; i++)); do
		if ! IFS= read -r -u "$fd" line; then
			sfs_partial[$fd]=${sfs_partial[$fd]-}${line:0:4096}
			return 0
		fi
		sfs_hear_line "${sfs_partial[$fd]-}$line"
		sfs_partial[$fd]=''
	done
} 2> /dev/null

sfs_hear_file() {
	local line=''
	[[ -f $1 && -O $1 ]] || return 0
	{ IFS= read -r -n 300 line < "$1"; } 2> /dev/null
	sfs_hear_address "$line"
}

# Set sfs_now_comment to the Comment that the job has.
sfs_read_comment() {
	local line
	sfs_now_comment=''
	while read -r line; do
		[[ $line != Comment=* ]] || sfs_now_comment=${line#Comment=}
	done < <(timeout --foreground 20 scontrol show job "$SLURM_JOB_ID" 2> /dev/null < /dev/null)
	[[ $sfs_now_comment != '(null)' ]] || sfs_now_comment=''
}

# Set sfs_ports to those on which the template's programs listen.
sfs_family_ports() {
	local line a inode member paths=() links
	sfs_ports=()
	sfs_family
	for member in ${sfs_members[@]+"${sfs_members[@]}"}; do
		paths+=("/proc/${member%:*}/fd/"*)
	done
	((${#paths[@]})) || return 0
	links=$(readlink "${paths[@]}" 2> /dev/null)
	sfs_listening ''
	for line in ${sfs_lines[@]+"${sfs_lines[@]}"}; do
		read -r _ a _ _ _ _ _ _ _ inode _ <<< "$line"
		[[ $links != *"socket:[$inode]"* ]] || sfs_ports+=("$((16#${a##*:}))")
	done
}

# Something listens, and we do not know what it is: look at the Comment, which costs a question to the controller, and
# after a while tell people what is missing.
sfs_wonder() {
	sfs_clock
	((sfs_now >= sfs_ask_at)) || return 0
	sfs_family_ports
	sfs_ask_at=$((sfs_now + 3))
	((${#sfs_ports[@]})) || return 0
	((sfs_ask_at = sfs_now + sfs_ask_pause, sfs_ask_pause = sfs_ask_pause < 60 ? sfs_ask_pause * 2 : 60))
	if [[ $SFS_LOOPBACK != 1 && -n ${SLURM_JOB_ID:-} ]]; then
		sfs_read_comment
		sfs_hear_comment "$sfs_now_comment"
	fi
	sfs_mute_since=${sfs_mute_since:-$sfs_now}
	if [[ -z $sfs_deaf ]] && ((sfs_now - sfs_mute_since >= 60)); then
		sfs_deaf=1
		sfs_error "the job template has not told where its engine is, though something listens on port ${sfs_ports[*]}: it must" \
			"listen on \$SFS_PORT, set its Comment, write server_address.txt or print \"Server will run at HOST:PORT\""
	fi
}

# sfs_try PORT: do the template's own programs listen there? Then SFS_PORT and SFS_HOST are theirs.
sfs_try() {
	local line a hex where inode b c d found='' zero=00000000
	printf -v hex '%04X ' "$1"
	sfs_listening "$hex"
	IFS=. read -r a b c d <<< "$SFS_HOST"
	printf -v where %02X%02X%02X%02X "$d" "$c" "$b" "$a"
	for line in ${sfs_lines[@]+"${sfs_lines[@]}"}; do
		read -r _ a _ _ _ _ _ _ _ inode _ <<< "$line"
		sfs_is_ours "$inode" || continue
		a=${a%:*}
		a=${a#"$zero${zero}FFFF0000"}
		case $a in
		"$where" | "$zero" | "$zero$zero$zero$zero") found=$SFS_HOST ;;
		??????7F) found=${found:-127.0.0.1} ;;
		????????) [[ -n $found ]] || printf -v found %d.%d.%d.%d "0x${a:6:2}" "0x${a:4:2}" "0x${a:2:2}" "0x${a:0:2}" ;;
		esac
	done
	[[ -n $found ]] || return 1
	if [[ $found == 127.* && $SFS_LOOPBACK != 1 ]]; then
		if [[ -z $sfs_deaf ]]; then
			sfs_deaf=1
			sfs_error "the engine of the job template listens on $found:$1, where only $SFS_NODE itself reaches it: it must" \
				"listen on \$SFS_HOST or on all addresses"
		fi
		return 1
	fi
	SFS_PORT=$1 SFS_HOST=$found
}

# Called by the watcher until the engine is found.
sfs_hear() {
	local port dir
	if [[ -z ${sfs_out-} ]]; then
		exec {sfs_out}< "$SFS_DIR/stdout" {sfs_err}< "$SFS_DIR/stderr"
	fi
	sfs_hear_output "$sfs_out"
	sfs_hear_output "$sfs_err"
	for dir in "$SFS_DIR" "$SFS_START" "$sfs_tmpdir"; do
		sfs_hear_file "$dir/server_address.txt"
	done
	for port in "$SFS_PORT" ${sfs_told[@]+"${sfs_told[@]}"}; do
		sfs_try "$port" && return 0
	done
	sfs_wonder
}

# sfs_keep_comment FIELDS: set sfs_text to what the Comment is to be, or '' where a Comment of the template's own stays.
# One that tells the same port gets our fields behind its URL, which readers of its three fields pass over.
sfs_keep_comment() {
	local url='^(traefik,[^,]*,http://[^,]+:([0-9]+)/?)(,.*)?$'
	sfs_read_comment
	# One without a URL is ours, from before the address was known.
	[[ -n $sfs_now_comment && $sfs_now_comment != sfs,* ]] || return 0
	if [[ ! $sfs_now_comment =~ $url ]]; then
		sfs_text=''
	elif [[ ${BASH_REMATCH[3]-} != ,sfs* && ${BASH_REMATCH[2]} == "$SFS_PORT" ]]; then
		sfs_text="${BASH_REMATCH[1]},sfs${1:+,$1}${BASH_REMATCH[3]-}"
	fi
}
