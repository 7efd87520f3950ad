"""A server on the kernel's TCP that remembers what recv() gave it, message by message, finished or not.

RFC 5321 to the letter: lines and messages end in CR LF and nothing else does.
"""

import asyncio
import socket
import threading
from dataclasses import dataclass

_END = b"\r\n.\r\n"
# A reader that pauses lets the window shut; so does a small buffer.
_PAUSES = (0.15, 0.25)
_SMALL_BUFFER = 8192


@dataclass
class Taken:
    """A message, as it came: dots still doubled. `whole` once its end has come."""
    octets: bytes = b""
    whole: bool = False

    def content(self):
        """The message itself; of an unfinished one, as far as it is known."""
        octets = self.octets
        if self.whole:
            octets = octets[:-3]
        return (b"\r\n" + octets).replace(b"\r\n.", b"\r\n")[2:]


class Referee:
    """Listens on the addresses in `space`, port 25, until stop()."""

    def __init__(self, topology, space, addresses):
        self.taken = {}     # (client, port): messages in order, over all its connections
        self._loop = asyncio.new_event_loop()
        self._sockets = []
        for address in addresses:
            v6 = ":" in address
            listener = space.socket(socket.AF_INET6 if v6 else socket.AF_INET)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if v6:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
            listener.bind((address, 25))
            listener.listen(512)
            listener.setblocking(False)
            self._sockets.append(listener)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        topology.defer(self.stop)

    def stop(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        for listener in self._sockets:
            listener.close()

    def messages(self, client, port):
        return self.taken.get((client, port), [])

    def _serve(self):
        asyncio.set_event_loop(self._loop)
        for listener in self._sockets:
            self._loop.run_until_complete(
                self._loop.create_server(lambda: _Conversation(self.taken), sock=listener))
        self._loop.run_forever()
        self._loop.close()


class _Conversation(asyncio.Protocol):

    def __init__(self, taken):
        self._taken = taken
        self._unread = b""
        self._message = None
        self._slow = False
        self._sender = self._recipient = False

    def connection_made(self, transport):
        self._transport = transport
        client, port = transport.get_extra_info("peername")[:2]
        self._mine = self._taken.setdefault((client, port), [])
        self._say("220 referee.internet.example ESMTP")

    def data_received(self, octets):
        self._unread += octets
        while self._unread and (self._read_message() if self._message else self._read_line()):
            pass

    def _say(self, text):
        self._transport.write(text.encode() + b"\r\n")

    def _read_message(self):
        # The message's own first line may be the end.
        seen = b"\r\n" + self._message.octets + self._unread
        end = seen.find(_END)
        if end < 0:
            self._message.octets += self._unread
            self._unread = b""
            return False
        self._message.octets, self._unread = seen[2:end + len(_END)], seen[end + len(_END):]
        self._message.whole = True
        self._message = None
        self._say("250 2.0.0 Ok")
        return True

    def _read_line(self):
        line, end, rest = self._unread.partition(b"\r\n")
        if not end:
            return False
        self._unread = rest
        verb = line[:4].upper()
        if verb == b"EHLO":
            self._slow = b"slow" in line
            self._say("250-referee.internet.example\r\n250 PIPELINING")
        elif verb == b"MAIL":
            self._sender = True
            self._say("250 2.1.0 Ok")
        elif verb == b"RCPT" and self._sender:
            self._recipient = True
            self._say("250 2.1.5 Ok")
        elif verb == b"DATA" and self._recipient:
            self._sender = self._recipient = False
            self._message = Taken()
            self._mine.append(self._message)
            self._say("354 Go on")
            if self._slow:
                self._pause(*_PAUSES)
        elif verb == b"RSET":
            self._sender = self._recipient = False
            self._say("250 2.0.0 Ok")
        elif verb == b"QUIT":
            self._say("221 2.0.0 Bye")
            self._transport.close()
            return False
        else:
            self._say("500 5.5.2 What?")
        return True

    def _pause(self, *times):
        self._transport.pause_reading()
        asyncio.get_running_loop().call_later(times[0], self._resume, times[1:])

    def _resume(self, times):
        if self._transport.is_closing():
            return
        self._transport.resume_reading()
        if times:
            # Time to read a little in between.
            asyncio.get_running_loop().call_later(0.005, self._pause, *times)
