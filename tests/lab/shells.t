#!/bin/bash
# SPDX-License-Identifier: MIT
#
# Login shells as people have them: other ones than bash, start-up files that talk, ask, change what commands mean, or end in exec. The
# last of these runs no command of ours; it says so, and above all the job does not run on the login node.
. "$(dirname "$0")/mount.sh"
lab_start
lab_install
lab_mount <<- 'END' || bail 'no mount'
	[model.parrot]
	engine = "parrot"
END
cleanup() {
	login_shell /bin/bash
}
login_shell() {
	local host
	for host in "${LAB_HOSTS[@]}"; do
		lab_enter "$host" sed -i "s|^\(alice:.*\):[^:]*\$|\1:$1|" /etc/passwd
	done
}
start_up() { # FILE LINE...: alice's start-up file begins so
	local file=$LAB_HOME/$1
	mkdir -p "$(dirname "$file")"
	printf '%s\n' "${@:2}" > "$file.new"
	[ ! -e "/etc/skel/$1" ] || cat "/etc/skel/$1" >> "$file.new"
	mv "$file.new" "$file"
	chown -R 20001:20001 "$LAB_HOME"
}
mount_anew() { # the connection is made by the next question
	next && mount_again
}

# --- other shells, which talk ---

start_up .cshrc 'echo Welcome; echo 4242' 'alias ls rm'
start_up .config/fish/config.fish 'echo Welcome; echo 4242' 'echo no, >&2'
start_up .zshenv 'echo Welcome; echo 4242' 'setopt shwordsplit noclobber'
for shell in tcsh fish zsh; do
	if ! slurm test -x "/usr/bin/$shell"; then
		skip "$shell" 'it is not installed'
		continue
	fi
	login_shell "/usr/bin/$shell"
	asks q parrot "by $shell"
	answered "$shell" q "by $shell"
	mount_anew
done
login_shell /bin/bash

# --- start-up files of bash, which it reads for each command of ssh ---

i=0
for line in 'read -r -p "Which project? " p; echo "project $p"' \
	'umask 077; set -e; shopt -s nocasematch; alias sh=false; cd() { false; }; exec 2> /dev/null' \
	'stty erase ^H; clear; trap "echo bye" EXIT; return 3'; do
	start_up .bashrc "$line"
	asks q parrot "$((++i))"
	answered "$line" q "$i"
	mount_anew
done

# --- a profile that has settings for all jobs of its user ---

start_up .bashrc 'export SBATCH_PARTITION=short SBATCH_TIMELIMIT=1 SBATCH_OUTPUT=/home/alice/litter-%j SBATCH_EXPORT=NONE SBATCH_DEBUG=1'
asks q parrot 'as it is configured'
answered 'SBATCH_* in a profile: the answer' q 'as it is configured'
is 'SBATCH_* in a profile: what the configuration says counts' "$(slurm squeue -h -j "$(job_of parrot)" -o '%P %l')" 'gpu 20:00'
is 'SBATCH_* in a profile: no file in the home' "$(compgen -G "$LAB_HOME/litter*")" ''
mount_anew

# --- those that run no command ---

for line in 'exec bash' 'exec zsh' 'cat > /dev/null'; do
	start_up .bashrc "$line"
	asks q parrot 'is anybody there'
	fails "$line" q 'Connection refused' 'start-up file of the login shell on lab.*(exec|standard input).*only where the shell is interactive'
	not_ok "$line: no engine runs on the login node" slurm pgrep -u alice -f parrot
	is "$line: and no job" "$(slurm squeue -h -u alice)" ''
	mount_anew
done
start_up .bashrc 'exit 0'
asks q parrot 'is it mended'
ok 'exit: the reason is shown' wait_for 30 eval '[[ $(status_of parrot reason) == *"did not get as far as sbatch (status 0)"* ]]'
start_up .bashrc ': mended'
answered 'exit: once it is mended the question is answered' q 'is it mended'
done_testing
