"""A stranger: a server of Python's standard library, with libsystemd's checks of
what it is given (sd_listen_fds and sd_notify)."""

import os
import selectors
import signal
import socket
import sys
import threading
import time


def listen_fds():
    """What sd_listen_fds(1) does: none if they are for another process."""
    pid, count = os.environ.pop("LISTEN_PID", ""), os.environ.pop("LISTEN_FDS", "")
    names = os.environ.pop("LISTEN_FDNAMES", "")
    if not pid.isdigit() or int(pid) != os.getpid() or not count.isdigit():
        return {}
    fds = range(3, 3 + int(count))
    for fd in fds:
        os.set_inheritable(fd, False)
    return dict(zip(names.split(":"), fds))


def notify(text):
    """What sd_notify does."""
    addr = os.environ.get("NOTIFY_SOCKET")
    if not addr:
        return
    if addr[0] == "@":
        addr = "\0" + addr[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as s:
        s.sendto(text.encode(), addr)


def serve(conn):
    """One request a connection: its client need not guess when it ends."""
    with conn:
        head = b""
        while b"\r\n\r\n" not in head:
            more = conn.recv(4096)
            if not more:
                return
            head += more
        time.sleep(0.002)  # there is something under way at any time
        body = str(os.getpid()).encode()
        conn.sendall(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        conn.shutdown(socket.SHUT_WR)
        while conn.recv(4096):  # a reset must not overtake the answer
            pass


def main():
    fds = listen_fds()
    if "listen" not in fds:
        sys.exit("there is no socket for this process")
    listener = socket.socket(fileno=fds["listen"])
    listener.setblocking(False)  # another process may have been faster
    wake, stop = socket.socketpair()
    wake.setblocking(False)
    stop.setblocking(False)
    signal.set_wakeup_fd(stop.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda *_: None)
    ready = selectors.DefaultSelector()
    ready.register(listener, selectors.EVENT_READ)
    ready.register(wake, selectors.EVENT_READ)
    notify("READY=1\nSTATUS=python serves")
    threads = set()
    while True:
        events = [key.fileobj for key, _ in ready.select()]
        if wake in events:
            if "rude" in sys.argv:  # for the proof that a loss is seen
                os._exit(0)
            break
        try:
            conn, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            continue
        conn.setblocking(True)
        conn.settimeout(30)
        threads = {t for t in threads if t.is_alive()}
        t = threading.Thread(target=serve, args=(conn,))
        t.start()
        threads.add(t)
    listener.close()
    for t in threads:  # what was accepted has its answer
        t.join()


main()
