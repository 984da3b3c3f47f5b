# SPDX-License-Identifier: MIT
# The beginning of what the shell of remote_files.c reads: the functions that its requests call. sl_read gets a path, an offset, and at
# most how many bytes; sl_write a path and the content as a format of printf; sl_sweep a directory, days, and what is to stay. The marks
# of an answer are put together here, so that a shell that prints what it reads does not seem to answer. `command` passes by functions of
# the site, /dev/null keeps programs away from our script. A path that is no plain file is not opened: a FIFO would never end.
LC_ALL=C; export LC_ALL; PATH=$PATH:/usr/bin:/bin; umask 077
sl_say() { printf '\n%s%s %s %s\n' MARK1 MARK2 "$1" "$2"; }
sl_end() { printf '\n%s%s end\n' MARK1 MARK2; }
sl_read() {
  if [ ! -e "$1" ]; then sl_say 2 0
  elif [ ! -f "$1" ] || [ ! -r "$1" ]; then sl_say 5 0
  elif ! sl_n=$(command wc -c <"$1" 2>/dev/null); then sl_say 5 0
  else
    sl_n=$((sl_n)); sl_say 0 $sl_n
    if [ $sl_n -gt $2 ]; then
      if [ $2 -eq 0 ]; then command head -c $3 <"$1"
      else command tail -c +$(($2 + 1)) <"$1" | command head -c $3; fi 2>/dev/null
    fi
  fi
  sl_end
}
sl_write() {
  sl_d=${1%/*}; sl_t=$1.$$.tmp; sl_r=5
  [ -z "$sl_d" ] || [ -d "$sl_d" ] || command mkdir -p -- "$sl_d" </dev/null
  if [ ! -d "$1" ] && printf "$2" >"$sl_t" && command mv -f -- "$sl_t" "$1" </dev/null
  then sl_r=0
  else [ ! -f "$sl_t" ] || command rm -f -- "$sl_t" </dev/null; fi
  sl_say $sl_r 0; sl_end
}
sl_sweep() {
  sl_n=0
  for sl_d in $(cd -- "$1" && command find . -mindepth 1 -maxdepth 1 -type d -name 'sfs-*' -mtime "+$2" </dev/null | command head -n 50); do
    sl_d=$1/${sl_d#./}
    [ -d "$sl_d" ] && [ ! -L "$sl_d" ] && [ -O "$sl_d" ] || continue
    case " $3 " in *" ${sl_d##*/} "*) continue ;; esac
    (cd -- "$sl_d" && command rm -f -- lease state stdout stderr key sign </dev/null)
    command rmdir -- "$sl_d" </dev/null && sl_n=$((sl_n + 1))
  done
  sl_say 0 $sl_n; sl_end
}
exec 2>/dev/null
