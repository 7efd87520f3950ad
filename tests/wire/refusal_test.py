"""Refusals over cables that lose 5 % of the frames of either direction: each sender reads its 554, never
sees a RST, and gets a proper end to whatever it says next."""

import socket
import threading
import unittest
from collections import Counter

from impaired_link import Impairment
from laboratory import Laboratory, Options, assert_frames_accounted
from messages import generated
from sink import Sink
from smtp_client import Client, ConnectionLost, dot_stuff
from topology import CUSTOMER, CUSTOMER_OTHERS, CUSTOMER_V6, INTERNET_V6, SINK

LOSS = 0.05
SESSIONS = 160
AT_ONCE = 80
SENDER, READER = "sender@customer.example", "reader@internet.example"
# A client that says nothing is told 421 after this.
SETTINGS = '[timeouts]\nanswer = "3s"\n'
_SOL_PACKET, _PACKET_IGNORE_OUTGOING = 263, 23


class ResetWatch:
    """Counts the RSTs that arrive at an interface from port 25, as the host's own stack is given them."""

    def __init__(self, space, interface):
        self.resets = []
        self._socket = space.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self._socket.settimeout(0.2)
        self._socket.bind((interface, 3))
        self.segments = 0
        self._ending = False
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self):
        self._ending = True
        self._thread.join()
        self._socket.close()

    def _watch(self):
        while True:
            try:
                frame = self._socket.recv(2048)
            except TimeoutError:
                if self._ending:
                    return
                continue
            if frame[12:14] == b"\x08\x00" and frame[23] == 6:
                tcp = frame[14 + (frame[14] & 15) * 4:]
            elif frame[12:14] == b"\x86\xdd" and frame[20] == 6:
                tcp = frame[54:]
            else:
                continue
            if int.from_bytes(tcp[:2]) == 25:
                self.segments += 1
                if tcp[13] & 4:
                    self.resets.append(int.from_bytes(tcp[2:4]))


def _after_quit(client):
    client.send(b"QUIT\r\n")
    return client.rest(), b"221 "


def _after(command):
    def say(client):
        client.send(command)
        return client.rest(), b"421 "
    return say


def _after_nothing(client):
    return client.rest(), b"421 "


def _after_half_close(client):
    client.socket.shutdown(socket.SHUT_WR)
    return client.rest(), b""


def _after_fin(client):
    client.close()
    return b"", b""


# What a sender does once it has read its refusal.
NEXT = {
    "QUIT": _after_quit,
    "RSET": _after(b"RSET\r\n"),
    "NOOP": _after(b"NOOP\r\n"),
    "MAIL": _after(b"MAIL FROM:<again@customer.example>\r\n"),
    "pipelined": _after(b"RSET\r\nMAIL FROM:<again@customer.example>\r\nRCPT TO:<x@internet.example>\r\nDATA\r\n"),
    "nothing": _after_nothing,
    "half-close": _after_half_close,
    "FIN": _after_fin,
}


class Refusals(unittest.TestCase):

    def setUp(self):
        if Options.bridge:
            self.skipTest("a bridge refuses nothing")
        self.lab = Laboratory(lossy=True, mail_servers=False, settings=SETTINGS)
        self.addCleanup(self.close)
        self.sink_v6 = Sink(self.lab.topology, self.lab.internet, INTERNET_V6)
        self.watch = ResetWatch(self.lab.customer, "wan0")
        self.addCleanup(self.watch.stop)
        self.lab.impair(Impairment(loss=LOSS))

    def close(self):
        if self._outcome.success:
            self.lab.close()

    def session(self, number):
        """One message, and what comes after; what is wrong, or None."""
        spam = number % 4 != 3
        message = generated(number, spam=spam)
        after = list(NEXT)[number // 4 % len(NEXT)]
        v6 = number % 5 == 4
        source = CUSTOMER_V6 if v6 else [CUSTOMER, *CUSTOMER_OTHERS][number % 5]
        with Client(self.lab.customer, INTERNET_V6 if v6 else SINK, source, timeout_s=60) as client:
            client.greet()
            reply = client.envelope(SENDER, READER)
            if reply.code != 354:
                return f"DATA was answered {reply}"
            client.send(dot_stuff(message.octets) + b".\r\n")
            early = spam and number % 7 == 0
            if early:
                client.socket.shutdown(socket.SHUT_WR)   # half-closed before the verdict is read
            reply = client.reply()
            if reply.code != (554 if spam else 250) or (spam and "case " not in reply.text):
                return f"{'spam' if spam else 'ham'} was answered {reply}"
            if not spam:
                client.quit()
                return None
            if early:
                after = "half-close"
                rest, expected = client.rest(), b""
            else:
                rest, expected = NEXT[after](client)
            if after == "half-close" and rest.startswith(b"421 "):
                return None   # its FIN was lost so often that it had been silent for too long
            if not rest.startswith(expected) or rest.count(b"\r\n") != (1 if expected else 0):
                return f"after the refusal and {after} came {rest!r}"
        return None

    def test_every_sender_reads_its_refusal(self):
        wrong, done = [], []
        numbers = iter(range(SESSIONS))
        lock = threading.Lock()

        def work():
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                try:
                    problem = self.session(number)
                except (ConnectionLost, OSError) as error:
                    problem = f"{type(error).__name__}: {error}"
                done.append(number)
                if problem:
                    wrong.append(f"session {number}: {problem}")

        threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for link in self.lab.topology.links:
            link.check()
        self.assertEqual(len(done), SESSIONS)
        self.assertFalse(wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong[:20]))

        ham = [n for n in range(SESSIONS) if n % 4 == 3]
        arrived = self.lab.sink.hashes() + self.sink_v6.hashes()
        self.assertEqual(arrived, Counter(generated(n, spam=False).sha256 for n in ham),
                         "what arrived is not the ham, once each")
        counters = self.lab.gate.settled_counters()
        self.assertEqual(counters["messages_refused_content"], SESSIONS - len(ham))
        self.assertEqual(counters["messages_forwarded"], len(ham))
        assert_frames_accounted(self, counters)
        self.assertGreater(self.watch.segments, SESSIONS, "the watch saw nothing")
        self.assertEqual(self.watch.resets, [], "RSTs reached clients, at these ports")
