"""A small SMTP server that takes every message and remembers its octets: asyncio, its own thread.

It stands in for a receiving MTA where a thousand messages are wanted quickly, and where a test needs
to see exactly what a server's stack was given. RFC 5321 with PIPELINING, 8BITMIME, CHUNKING, and AUTH by
which anybody is let in.
"""

import asyncio
import hashlib
import socket
import threading
from collections import Counter
from dataclasses import dataclass


@dataclass
class Received:
    sender: str
    recipients: list
    message: bytes
    peer: str


class Sink:
    """Listens on `address`, port 25, in `space`, until stop()."""

    def __init__(self, topology, space, address, port=25):
        self.received = []
        self.unfinished = 0     # messages whose connection ended before their end
        self.resets = 0
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = space.socket(family)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((address, port))
        self._socket.listen(512)
        self._socket.setblocking(False)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        topology.defer(self.stop)

    def stop(self):
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._socket.close()

    def hashes(self):
        """How often each message arrived, by SHA-256 of its octets."""
        return Counter(hashlib.sha256(r.message).hexdigest() for r in self.received)

    def clear(self):
        self.received.clear()
        self.unfinished = self.resets = 0

    def _serve(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(
            asyncio.start_server(self._converse, sock=self._socket, limit=1 << 24))
        self._loop.run_forever()
        conversations = asyncio.all_tasks(self._loop)
        for task in conversations:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*conversations, return_exceptions=True))
        self._loop.close()

    async def _converse(self, reader, writer):
        peer = writer.get_extra_info("peername")[0]
        state = {"sender": None, "recipients": [], "chunks": b"", "in_message": False}

        def say(text):
            writer.write(text.encode() + b"\r\n")

        def forget():
            state.update(sender=None, recipients=[], chunks=b"", in_message=False)

        def keep(message):
            self.received.append(Received(state["sender"], state["recipients"], message, peer))
            forget()

        say("220 sink.internet.example ESMTP")
        try:
            while line := await reader.readline():
                verb, _, argument = line.decode("latin-1").rstrip("\r\n").partition(" ")
                verb = verb.upper()
                if verb in ("EHLO", "HELO"):
                    forget()
                    say("250-sink.internet.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
                        "250-AUTH PLAIN\r\n250 CHUNKING"
                        if verb == "EHLO" else "250 sink.internet.example")
                elif verb == "AUTH":
                    say("235 2.7.0 Authentication successful")
                elif verb == "MAIL":
                    forget()
                    state["sender"] = _path(argument)
                    say("250 2.1.0 Ok")
                elif verb == "RCPT" and state["sender"] is not None:
                    state["recipients"].append(_path(argument))
                    say("250 2.1.5 Ok")
                elif verb == "DATA" and state["recipients"]:
                    state["in_message"] = True
                    say("354 Go on")
                    await writer.drain()
                    keep(await _data(reader))
                    say("250 2.0.0 Ok")
                elif verb == "BDAT" and state["recipients"]:
                    state["in_message"] = True
                    size, _, last = argument.partition(" ")
                    state["chunks"] += await reader.readexactly(int(size))
                    if last.upper() == "LAST":
                        keep(state["chunks"])
                    say("250 2.0.0 Ok")
                elif verb in ("RSET", "NOOP"):
                    if verb == "RSET":
                        forget()
                    say("250 2.0.0 Ok")
                elif verb == "QUIT":
                    say("221 2.0.0 Bye")
                    break
                else:
                    say("503 5.5.1 Bad sequence of commands")
                await writer.drain()
        except ConnectionResetError:
            self.resets += 1
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass
        finally:
            if state["in_message"]:
                self.unfinished += 1
            writer.close()


def _path(argument):
    return argument.partition(":")[2].strip().split(">")[0].lstrip("<")


async def _data(reader):
    lines = []
    while True:
        line = await reader.readuntil(b"\r\n")
        if line == b".\r\n":
            return b"".join(lines)
        lines.append(line[1:] if line.startswith(b".") else line)
