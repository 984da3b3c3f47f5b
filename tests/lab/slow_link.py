# SPDX-License-Identifier: MIT
#
# For faults/slow-link: slow_link.py PID NAME HERE THERE MILLISECONDS PERCENT makes a TUN device NAME here and one called `slow` in the
# network of process PID, routes the addresses HERE and THERE to each other over them, and carries the packets, each with half the delay
# and that risk of being lost. Says `ready`. When it ends the devices end, and with them the routes.
import ctypes, fcntl, heapq, os, random, select, struct, subprocess, sys, time

pid, name, here, there, delay_ms, loss = sys.argv[1:]
delay, loss = float(delay_ms) / 2000, float(loss) / 100
TUNSETIFF, IFF_TUN, IFF_NO_PI, CLONE_NEWNET = 0x400454CA, 1, 0x1000, 0x40000000
QUEUE = 10000  # packets under way; what does not fit is lost, as in a router


def tun(device, local, remote):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH14x", device.encode(), IFF_TUN | IFF_NO_PI))
    subprocess.run(["ip", "link", "set", device, "up", "mtu", "1400"], check=True)
    subprocess.run(["ip", "route", "add", remote + "/32", "dev", device, "src", local], check=True)
    return fd


random.seed(5)
mine = tun(name, here, there)
home, net = os.open("/proc/self/ns/net", os.O_RDONLY), os.open("/proc/%s/ns/net" % pid, os.O_RDONLY)
libc = ctypes.CDLL(None, use_errno=True)
if libc.setns(net, CLONE_NEWNET) < 0:
    sys.exit("setns: " + os.strerror(ctypes.get_errno()))
theirs = tun("slow", there, here)
libc.setns(home, CLONE_NEWNET)
print("ready", flush=True)

other = {mine: theirs, theirs: mine}
waiting, number = [], 0
while True:
    timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else None
    for fd in select.select(list(other), [], [], timeout)[0]:
        packet = os.read(fd, 65536)
        if random.random() >= loss and len(waiting) < QUEUE:
            number += 1
            heapq.heappush(waiting, (time.monotonic() + delay, number, other[fd], packet))
    while waiting and waiting[0][0] <= time.monotonic():
        _, _, fd, packet = heapq.heappop(waiting)
        try:
            os.write(fd, packet)
        except OSError:
            pass  # a device whose queue is full loses it
