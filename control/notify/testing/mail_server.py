"""A submission server for tests, by aiosmtpd.

    mail_server.py FOLDER starttls|smtps|plain

Makes a certificate for localhost in FOLDER, prints its port, and puts every letter there as taken.eml with
taken.json. One user: postern, "pass word". Ends when it is killed.
"""

import asyncio
import json
import signal
import ssl
import subprocess
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult

FOLDER, MODE = Path(sys.argv[1]), sys.argv[2]


class Keeper:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server, session, envelope):
        (FOLDER / "taken.eml").write_bytes(envelope.original_content)
        user = session.auth_data.login.decode() if session.auth_data else ""
        tls = server.transport.get_extra_info("ssl_object") is not None
        (FOLDER / "taken.json").write_text(json.dumps({
            "from": envelope.mail_from or "", "to": envelope.rcpt_tos, "user": user, "tls": tls,
            "helo": session.host_name}))
        return "250 2.0.0 OK"


def login(server, session, envelope, mechanism, data):
    return AuthResult(success=data.login == b"postern" and data.password == b"pass word", handled=False,
                      auth_data=data)


def context():
    certificate, key = FOLDER / "certificate.pem", FOLDER / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate, key)
    return made


def session():
    options = {"authenticator": login}
    if MODE == "starttls":
        options |= {"tls_context": TLS, "require_starttls": True, "auth_required": True}
    if MODE == "smtps":
        options |= {"auth_require_tls": False}
    return SMTP(Keeper(), hostname="localhost", loop=loop, **options)


TLS = context()
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
server = loop.run_until_complete(
    loop.create_server(session, "127.0.0.1", 0, ssl=TLS if MODE == "smtps" else None))
print(server.sockets[0].getsockname()[1], flush=True)
signal.alarm(120)  # should the test die before it
loop.run_forever()
