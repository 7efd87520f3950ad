"""The demo proper: see deploy/demo. Argument: the build directory."""

import re
import signal
import smtplib
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/wire"))

from appliance import Appliance  # noqa: E402
from breach import CONTROL, EVERYBODY, OWN_NETWORKS, RELAYED_FROM, SENDER_SETTINGS, Breach  # noqa: E402
from messages import crlf, difference, generated, identity, Message, shipped  # noqa: E402
from paper import Paper  # noqa: E402
from postfix import Postfix  # noqa: E402
from smtp_client import Client, dot_stuff  # noqa: E402
from topology import CUSTOMER, CUSTOMER_OTHERS, INTERNET, SetupError, Topology, wait_until  # noqa: E402

SENDER, READER = "alice@customer.example", "bob@internet.example"
PICTURE = f"""\
customer's Postfix                 Postern                  Postfix on the Internet
   {CUSTOMER}  ----- veth ----- data plane ----- veth -----  {INTERNET}
                             control process"""


class Demo:
    def __init__(self, topology, build, paper):
        self.paper = paper
        self.topology = topology
        self.gate = Appliance(topology, build)
        self.receiver = Postfix(topology, topology.internet, "receiver", "internet.example", INTERNET)
        self.sender = Postfix(topology, topology.customer, "sender", "customer.example", "0.0.0.0",
                              relay=INTERNET, settings=SENDER_SETTINGS)
        self.fresh = 0

    # Sending and looking.

    def submit(self, messages):
        """Hands messages to the customer's own server, as its users' programs do."""
        with self.topology.customer.entered():
            submission = smtplib.SMTP("127.0.0.1", 25, timeout=30)
        with submission:
            for message in messages:
                submission.sendmail(SENDER, [READER], message.octets)

    def settle(self):
        left = self.sender.settle()
        self.receiver.settle()
        self.paper.expect(not left, "both servers' queues are empty",
                          f"{len(left)} messages are deferred; see {self.sender.log}")

    def told(self):
        """What the sending Postfix was told at the end of each message: Message-ID → its log's words."""
        numbers, told = {}, {}
        for line in self.sender.log_lines():
            if found := re.search(r"cleanup\[\d+\]: (\w+): message-id=(<.*>)", line):
                numbers[found[1]] = found[2]
            elif found := re.search(r"/smtp\[\d+\]: (\w+): to=.*status=(\w+) \((.*)\)$", line):
                said = re.sub(r"^host \S+ said: | \(in reply to [^)]*\)$", "", found[3])
                told[numbers.get(found[1])] = said
        return told

    def arrived(self):
        """What lies in the reader's mailbox: Message-ID → the copies of it."""
        copies = {}
        for octets in self.receiver.delivered():
            copies.setdefault(identity(octets), []).append(octets)
        return copies

    def one_more(self, subject):
        """An ordinary message that was never sent before."""
        self.fresh += 1
        return Message(subject, False, crlf(
            f"From: Alice <{SENDER}>\nTo: Bob <{READER}>\nSubject: {subject}\n"
            f"Date: Tue, 5 Mar 2024 10:00:00 +0000\n"
            f"Message-ID: <fresh-{self.fresh}@customer.example>\n\n"
            f"Hello Bob,\nis Thursday still good for you?\nAlice\n".encode()))

    def bounces(self):
        return [b.decode(errors="replace") for b in self.sender.delivered()]

    # The steps.

    def ordinary_mail_and_spam(self):
        messages = shipped()
        ham = [m for m in messages if not m.spam]
        spam = [m for m in messages if m.spam]
        self.paper.step(f"{len(ham)} ordinary messages and {len(spam)} of spam")
        self.paper.say("Half of them go out through the customer's Postfix, over several connections; the "
                       "other half from a client that pipelines several messages on each of its own.")
        by_postfix = ham[::2] + spam[::2]
        pipelined = ham[1::2], spam[1::2]
        self.submit(by_postfix)
        replies = self.send_pipelined(*pipelined)
        self.settle()
        told, arrived = self.told(), self.arrived()
        rows = []
        for message in messages:
            postfix = message in by_postfix
            said = told.get(identity(message.octets), "nothing") if postfix else replies[message.name]
            rows.append(self.row(message, "Postfix" if postfix else "pipelined", said,
                                 arrived.get(identity(message.octets), [])))
        print()
        self.paper.table(("message", "kind", "sent by", "sender was told", "at the receiver"),
                         [row for row, _ in rows])
        print()
        wrong = sum(not right for _, right in rows)
        self.paper.expect(not wrong, f"all {len(ham)} ordinary messages arrived once, byte for byte; all "
                                     f"{len(spam)} of spam were refused and none arrived",
                          f"{wrong} of {len(rows)} rows are not as they should be")
        connections = sum(f"connect from unknown[{CUSTOMER}]" in line and "disconnect" not in line
                          for line in self.receiver.log_lines())
        self.paper.expect(connections > 1, f"Postfix used {connections} connections",
                          f"it used {connections}; see {self.receiver.log}")
        strangers = set(arrived) - {identity(m.octets) for m in messages}
        self.paper.expect(not strangers, "nothing arrived that was not sent", str(strangers))
        return [m for m in by_postfix if m.spam]

    def send_pipelined(self, ham, spam):
        """Several messages per connection, spam the last of each; what was said to each message."""
        replies = {}
        share = -(-len(ham) // max(1, len(spam)))
        groups = [ham[i * share:(i + 1) * share] + [bad] for i, bad in enumerate(spam)]
        envelope = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{READER}>\r\nDATA\r\n".encode()
        for group in groups:
            with Client(self.topology.customer, INTERNET, CUSTOMER_OTHERS[0]) as client:
                client.greet("client.customer.example")
                client.send(envelope)
                for message in group:
                    codes = [client.reply().code for _ in range(3)]
                    if codes != [250, 250, 354]:
                        replies[message.name] = f"envelope refused: {codes}"
                        break
                    # The end of this message and the next one's envelope travel together.
                    more = b"QUIT\r\n" if message is group[-1] else envelope
                    client.send(dot_stuff(message.octets) + b".\r\n" + more)
                    replies[message.name] = str(client.reply())
        return replies

    def row(self, message, way, said, copies):
        if not copies:
            there, same = "not there", False
        else:
            wrong = difference(message.octets, copies[0])
            same = wrong is None and len(copies) == 1
            there = "arrived, identical" if same else wrong or f"arrived {len(copies)} times"
        if message.spam:
            right = not copies and re.match(r"554 5\.7\.1 .*\(case \w{10}\)", said)
        else:
            right = same and said.startswith("250 ")
        # The table has no room for the whole reply: its beginning, and the case.
        case = re.search(r"\(case \w{10}\)", said)
        said = f"{said[:26]}... {case[0]}" if case else said[:46]
        return ((message.name.removesuffix(".eml"), "spam" if message.spam else "mail", way, said,
                 (there, "good" if right else "bad")), bool(right))

    def what_the_sender_made_of_it(self, refused):
        self.paper.step("What the sending Postfix made of a refusal")
        bounces = self.bounces()
        self.paper.expect(len(bounces) == len(refused),
                          f"each of the {len(refused)} refused messages came back once to its sender",
                          f"{len(bounces)} bounces are in the sender's mailbox")
        about = [b for b in bounces if identity(refused[0].octets) in b]
        if not self.paper.expect(len(about) == 1, "the first of them has its bounce"):
            return
        words = about[0][about[0].index(f"<{READER}>: host"):].split("\n\n")[0]
        self.paper.quote(words)
        case = re.search(r"\(case (\w{10})\)", re.sub(r"\s+", " ", words))
        if not self.paper.expect(case and "554 5.7.1" in words, "the bounce quotes our 554 and names a case"):
            return
        self.paper.say(f"postern events --case {case[1]}")
        self.paper.quote(self.gate.postern("events", "--case", case[1]))
        events = self.gate.events(case[1])
        if events:
            self.paper.say(f"rules: {', '.join(events[0]['rules'])}")
        self.paper.expect(len(events) == 1 and events[0]["outcome"] == "refused_content" and
                          events[0]["mail_from"] == SENDER,
                          "the ledger knows that case: whose message it was, and which rules it hit")

    def a_blocked_sender(self):
        self.paper.step("The customer is blocked, and let go again")
        before = len(self.bounces())
        self.verdict("set", CUSTOMER, "refuse", "--reason", "relays spam, owner told by telephone")
        blocked = self.one_more("Thursday")
        self.submit([blocked])
        self.settle()
        said = self.told().get(identity(blocked.octets), "nothing")
        self.paper.quote(said)
        self.paper.expect(re.match(rf"550 5\.7\.1 .*{re.escape(CUSTOMER)}.*\(case \w{{10}}\)", said),
                          "the next message is refused at MAIL with our 550")
        self.paper.expect(len(self.bounces()) == before + 1 and
                          identity(blocked.octets) not in self.arrived(),
                          "it bounced and did not arrive")
        self.verdict("clear", CUSTOMER)
        self.expect_delivered(self.one_more("Thursday, again"), "mail flows again")

    def verdict(self, *words):
        self.paper.say("postern verdict " + " ".join(f'"{w}"' if " " in w else w for w in words))
        self.paper.quote(self.gate.postern("verdict", *words))

    def expect_delivered(self, message, announced):
        self.submit([message])
        self.settle()
        copies = self.arrived().get(identity(message.octets), [])
        self.paper.expect(len(copies) == 1 and difference(message.octets, copies[0]) is None, announced,
                          f"{len(copies)} copies arrived; see {self.sender.log}")

    def without_control(self, spam):
        self.paper.step("The control process is killed")
        self.gate.kill_control()
        self.expect_delivered(self.one_more("While control is dead"), "mail goes on without it")
        with Client(self.topology.customer, INTERNET, CUSTOMER_OTHERS[0]) as client:
            client.greet()
            reply = client.deliver(SENDER, READER, spam.octets)
        self.paper.expect(reply.code == 554, "spam is refused without it", str(reply))
        self.gate.start_control()
        self.gate.wait_attached()
        case = re.search(r"\(case (\w{10})\)", str(reply))
        try:
            known = wait_until(lambda: case and self.gate.events(case[1]), 15, "the event")
        except TimeoutError:
            known = None
        self.paper.expect(known, "started again, it learns what happened meanwhile")

    def a_stolen_password(self):
        self.paper.step("A password is stolen")
        self.paper.say("From here on the policy judges senders, with small numbers and short times; the ledger is "
                       "an empty one. Alice writes to Bob; somebody else sends spam with Carol's password.")
        self.gate.begin_anew(CONTROL)
        breach = Breach(self.topology, self.sender, self.gate)
        breach.register()
        ordinary = [self.one_more(f"Meeting {n}") for n in range(3)]
        for number, message in enumerate(ordinary):
            breach.submit(message, "alice")
            breach.submit(generated(500 + 2 * number, spam=True), "carol")
            breach.submit(generated(501 + 2 * number, spam=True), "carol")
        stolen = breach.wait_case("user:carol", "block")["case"]
        self.settle()
        self.paper.say(f"postern case show {stolen}")
        self.paper.quote(self.gate.postern("case", "show", stolen))
        arrived = self.arrived()
        self.paper.expect(all(identity(m.octets) in arrived for m in ordinary) and
                          breach.in_force() == ("inspect", {"user:carol": "refuse"}),
                          "Carol's account is blocked and nobody else's: Alice's mail arrived")
        letter = breach.letter(stolen)
        text = next(letter.iter_parts()).get_content()
        self.paper.say("The customer was told, with a report for machines (RFC 5965) attached:")
        self.paper.quote(f"To: {letter['To']}\nSubject: {letter['Subject']}\n\n"
                         + "\n".join(text.splitlines()[:7]))
        self.paper.expect(letter.get_content_type() == "multipart/report" and "carol" in text,
                          "the letter names the account")
        return breach, stolen

    def an_open_relay(self, breach, stolen):
        self.paper.step("The server relays for everybody, and is mended")
        self.sender.set(mynetworks=EVERYBODY)
        for number, address in enumerate(RELAYED_FROM[:4]):
            breach.submit(generated(520 + number, spam=True), address=address)
        relaying = breach.wait_case(None, "hold")["case"]
        waiting = self.one_more("Friday")
        breach.submit(waiting, "alice")
        held = self.sender.settle()
        self.paper.expect(len(held) == 1 and identity(waiting.octets) not in self.arrived(),
                          "nothing separates the spam any more: all mail of the server is held, and waits in "
                          "its own queue", f"{len(held)} messages wait; see {self.sender.log}")
        found = breach.diagnosis(relaying, "open relay")["findings"][0]
        self.paper.quote(f"diagnosis: {found['text']} ({found['confidence']} confidence)")
        self.paper.expect(breach.probe(relaying) == "open", "a probe confirms it: postern probe "
                          f"{CUSTOMER} --relay --case {relaying}")
        self.sender.set(mynetworks=OWN_NETWORKS)
        wait_until(lambda: breach.probe(relaying) == "closed", 30, "the relay to be closed", poll_s=1.1)
        self.gate.postern("case", "password", stolen, "--by", "Anna", "--text", "changed")
        breach.wait_green(relaying)
        self.paper.say(f"It is quiet, the relay is closed, and Anna has changed the password. postern case show {relaying}")
        shown = self.gate.postern("case", "show", relaying)
        self.paper.quote(shown[shown.index("before it gets"):].split("\n\n")[0])
        breach.restore(stolen, relaying)
        self.sender.flush()
        self.settle()
        self.paper.expect(identity(waiting.octets) in self.arrived() and
                          {c["state"] for c in breach.cases().values()} == {"probation"},
                          "its switches are back, it is on probation, and the mail that waited arrived")
        self.sender.set(mynetworks=EVERYBODY)
        for number, address in enumerate(RELAYED_FROM[:2]):
            breach.submit(generated(530 + number, spam=True), address=address)
        try:
            wait_until(lambda: breach.cases()[None]["state"] == "open", 30, "the relapse", poll_s=0.2)
            again = breach.in_force()[0]
        except TimeoutError:
            again = "nothing"
        self.paper.expect(again == "hold", "new spam in probation: it is held again at once", again)

    def status(self):
        self.paper.step("Where it stands now")
        self.paper.quote(self.gate.postern("status"))
        status = self.gate.status()
        heaps = [part["allocator"] for part in (status["control"], *status["data_planes"])]
        self.paper.expect(all(h.startswith("mimalloc") for h in heaps), "both processes use mimalloc",
                          str(heaps))


def main():
    paper = Paper(first_step=3)
    build = Path(sys.argv[1]).resolve()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    began = time.monotonic()
    topology = None
    try:
        paper.step("Two networks, and the appliance between them")
        topology = Topology("postern-demo")
        paper.quote(PICTURE)
        demo = Demo(topology, build, paper)
        paper.say(demo.gate.description())
        paper.say("The set is signed, and the data plane trusts this key alone:")
        paper.quote(demo.gate.postern("signatures", "verify", demo.gate.signatures, "--trusted",
                                      demo.gate.public_key))
        spam = demo.ordinary_mail_and_spam()
        demo.what_the_sender_made_of_it(spam)
        demo.a_blocked_sender()
        demo.without_control(spam[0])
        demo.an_open_relay(*demo.a_stolen_password())
        demo.status()
    except (SetupError, TimeoutError, AssertionError) as error:
        paper.failures.append("the demo could not go on")
        print(f"    {paper.paint('FAIL', 'bad')}  {error}")
    except KeyboardInterrupt:
        paper.failures.append("interrupted")
    finally:
        if topology:
            topology.keep_directory = bool(paper.failures)
            topology.close()
    print()
    if paper.failures:
        print(paper.paint(f"{len(paper.failures)} of what was announced did not come true:", "bad"))
        for failure in paper.failures:
            print(f"  - {failure}")
        if topology:
            print(f"Logs: {topology.directory}/gate/*.log (the appliance), "
                  f"{topology.directory}/sender/mail.log and receiver/mail.log (the mail servers)")
        sys.exit(1)
    print(f"All that was announced came true ({time.monotonic() - began:.0f} s). Nothing is left running.")


if __name__ == "__main__":
    main()
