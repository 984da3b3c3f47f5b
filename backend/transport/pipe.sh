# SPDX-License-Identifier: MIT
# A TCP connection as standard input and output: run by sh on the login node as `sh -c TEXT NAME HOST PORT MARK TOOLS`, where sshd
# forwards nothing. It prints the line MARK once it is connected, and only the connection's bytes after it; else it ends with the
# reason on standard error. The first of TOOLS that is there does it. python3 passes on the end of either half. bash cannot end the half
# that it sends: once our input has ended the other half has a minute left; with socat it has half a second, with nc as long as nc
# likes.
host=$1 port=$2 mark=$3

with_python3() {
	exec python3 -c '
import os, select, socket, sys, threading
try:
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
except OSError as e:
    sys.exit("connect failed: " + (e.strerror or str(e)))
s.settimeout(None)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
os.write(1, (sys.argv[3] + "\n").encode())

def copy(read, write):
    while True:
        data = read(65536)
        while data:
            n = write(data)
            data = data[n:]
            if not data:
                break
        else:
            return

def receive():
    try:
        copy(s.recv, lambda b: os.write(1, b))
    finally:
        os._exit(0)

threading.Thread(target=receive, daemon=True).start()
try:
    copy(lambda n: os.read(0, n), s.send)
    s.shutdown(socket.SHUT_WR)
    gone = select.poll()
    gone.register(1, 0)
    gone.poll()
except OSError:
    pass
os._exit(0)' "$host" "$port" "$mark"
}

with_bash() {
	exec bash -c '
		exec 3<> "/dev/tcp/$1/$2" 4<&0 || exit 1
		echo "$3"
		cat <&4 >&3 &
		writer=$!
		cat <&3 &
		reader=$!
		wait -n
		if ! kill -0 $writer 2> /dev/null; then
			(
				exec <&- >&- 3>&- 4<&-
				sleep 60
				kill $reader
			) 2> /dev/null &
			wait $reader
		fi
		kill $writer $! 2> /dev/null
		exit 0' pipe "$host" "$port" "$mark"
}

with_socat() {
	socat -u OPEN:/dev/null "TCP:$host:$port,connect-timeout=10" || exit 1
	echo "$mark"
	exec socat - "TCP:$host:$port,nodelay"
}

with_nc() {
	nc -z -w 10 "$host" "$port" || {
		echo "connect failed: nc says no more" >&2
		exit 1
	}
	echo "$mark"
	exec nc "$host" "$port"
}

for tool in $4; do
	if command -v "$tool" > /dev/null 2>&1; then
		"with_$tool"
	fi
done
echo "no program for a connection: none of $4 is there" >&2
exit 127
