#!/usr/bin/env python3
"""Makes mail: any number of messages, ham and spam, the same for the same seed.

    mailgen.py FOLDER [--count 1000] [--spam 0.3] [--seed 1] [--attachments 0.012] [--crlf]

writes FOLDER/000000.ham.eml, FOLDER/000001.spam.eml … and FOLDER/index.json, a list of
  file, id           the id is also the message's X-Postern-Test header, unique for a seed
  kind, family       ham or spam; for spam the family of patterns/sets/outbound that must refuse it
  encoding           plain, qp, 8bit, html-qp, html-base64, alternative; "+attachment" when it has one
  bytes              octets of the message with CRLF line ends, as on the wire
  body_sha256        of the body (behind the first empty line) with CRLF line ends, as on the wire
  body_sha256_lf     of the same body with LF line ends, as it lies in a mailbox

Sizes are those of real mail: text log-normal with a median of 2.4 KB, a few messages with an
attachment of 10 to 300 KB, together about 6 KB in the mean. Files have LF line ends unless --crlf.

Other programs import generate(), which yields the messages one by one and needs no folder.
"""
import argparse
import base64
import datetime
import hashlib
import html
import json
import math
import pathlib
import quopri
import random
import sys
import textwrap
from dataclasses import dataclass

MEDIAN_TEXT = 2400   # octets of text
SIGMA_TEXT = 0.8     # of its logarithm
SMALLEST_TEXT, LARGEST_TEXT = 200, 60_000
SMALLEST_ATTACHMENT, LARGEST_ATTACHMENT = 10_000, 300_000
ENCODINGS = {'plain': 44, 'qp': 16, '8bit': 5, 'html-qp': 8, 'html-base64': 9, 'alternative': 18}
FIRST_DATE = datetime.datetime(2025, 1, 6, 7, 0, 0)


@dataclass(frozen=True)
class Message:
    name: str
    id: str
    kind: str
    family: str
    encoding: str
    octets: bytes  # CRLF line ends

    @property
    def body(self):
        return self.octets.split(b'\r\n\r\n', 1)[1]

    def entry(self):
        lf = self.body.replace(b'\r\n', b'\n')
        return {'file': self.name, 'id': self.id, 'kind': self.kind, 'family': self.family,
                'encoding': self.encoding, 'bytes': len(self.octets),
                'body_sha256': hashlib.sha256(self.body).hexdigest(),
                'body_sha256_lf': hashlib.sha256(lf).hexdigest()}


# The vocabulary. {word} is replaced by a draw from WORDS[word] or by one of the numbers below.
WORDS = {
    'name': 'Anna Boris Carla Dmitri Elena Farid Greta Hugo Ines Jonas Katja Leo Miriam Nils Olga Pavel Rosa Sven Tara Uwe Vera Yusuf'.split(),
    'family': 'Berg Castro Duval Eriksen Fischer Goldberg Haddad Ivanova Jansen Keller Lopez Moreau Novak Okafor Petrov Quist Rossi Schmidt Tanaka Weber'.split(),
    'day': 'Monday Tuesday Wednesday Thursday Friday'.split(),
    'month': 'January March April May June September October November'.split(),
    'thing': ['report', 'drawing', 'schedule', 'draft', 'budget', 'translation', 'list of guests', 'sample', 'minutes', 'catalogue', 'index', 'floor plan'],
    'place': ['the small meeting room', 'the workshop', 'the harbour office', 'the second floor', 'the library', 'the branch in Lyon', 'the test bench', 'the greenhouse'],
    'firm': ['the printer', 'the carpenter', 'the carrier', 'the school', 'the landlord', 'the council', 'the laboratory', 'the publisher', 'the orchestra'],
    'state': ['ready', 'late', 'half done', 'better than last year', 'still with the proof reader', 'on the shared drive', 'shorter than planned'],
    'accent': ['Café', 'Übergabe', 'réunion', 'señal', 'Grüße', 'déjà vu', 'naïve', 'smörgås', 'Łódź', 'façade'],
    'client': ['late client', 'deceased client', 'late customer'],
    'drug': ['Viagra', 'Cialis', 'Levitra'],
    'drug2': ['Tramadol', 'Xanax', 'Ambien', 'Valium'],
    'crash': ['plane crash', 'car accident', 'motor accident'],
}
HAM_SENTENCES = '''The {thing} for {month} is {state}, and {name} has seen it.
Could you ask {firm} whether {day} suits them as well?
We meet on {day} at {hour} in {place}; bring the {thing} if you have it.
{name} {family} from {firm} rang this morning about the {thing}.
On page {small} of the {thing} the numbers of {month} and {month} are exchanged.
I have put the {thing} into {place}, next to the one from {month}.
The train is at {hour}, so we have {small} minutes to change.
Nobody has touched the {thing} since {day}, as far as I can see.
{firm} wants {small} copies more than last time.
If the weather holds we shall begin in {place} on {day}.
Thank you for the {thing}; it was {state} when it came.
It took {name} {small} hours, most of them spent looking for the key to {place}.
The new version fixes the fault that {name} found in {month} and adds the {thing}.
I agree with {name} that the {thing} should be cut by a third.
Please tell me by {day} which of the two you like better.
The temperature in {place} was {small} degrees when I left.
There are {small} chairs in {place} and we expect {big} people, so somebody has to stand.
My notes from {day} say that {firm} would bring the {thing}.
The second paragraph is mine, the rest was written by {name}.
We counted {big} entries, {small} of them twice.
Otherwise all is well here, and {name} sends you greetings.
That answers your question about the {thing}, I hope.
{name} is away until {day}; until then write to {name}.
The test failed at step {small} with the same message as on {day}.
I enclose the table with the {big} readings, sorted by day.'''.split('\n')
HAM_SUBJECTS = '''The {thing} for {month}
Re: the {thing} and {place}
Meeting on {day}, {hour}
{name}'s {thing}
Re: Re: question from {firm}
Notes of {day}
Who has the {thing}?'''.split('\n')

# Spam: a subject, the script (every paragraph occurs, in order), and filler to reach the size.
SPAM = {
    'advance_fee': ('''Urgent business proposal
Confidential transaction
From Barrister {name} {family}'''.split('\n'), '''Dear Friend,
I am Barrister {name} {family}, personal attorney to a {client} who died with his family in a {crash} in 20{year}.
He left a deposit of US${small}.5 million with a bank here, and the account has been dormant ever since. The bank asks me to present the next of kin.
I seek your assistance to transfer the said funds to an account in your country. {share}% of the total sum will be for you.
The transaction is risk free, and I ask you to keep it strictly confidential. Send me your full names, address and telephone number.
Awaiting your urgent reply.'''.split('\n'), '''All papers that prove the claim are with me and will be shown to you.
My efforts to find a relative have taken {small} months and led to nothing.
You need not travel; everything is done by my chambers.
I have chosen you because you bear the same family name.
God has a reason why you read this letter today.'''.split('\n')),
    'phishing': ('''Your mailbox is almost full
Your account has been suspended ({big})
Verify your account'''.split('\n'), '''Dear valued customer,
We noticed an unusual login from a device in {place} on {day}. Your account has been suspended for your safety.
You must verify your account within 48 hours. Click the link below:
http://203.0.113.{small}/secure/login.php?id={big}
Failure to do so leads to the loss of your messages. The security team'''.split('\n'), '''This message was sent to all users of the service on {day}.
Your reference is {big}-{small}; quote it when you write to us.
We work day and night for the safety of your messages.
Please do not answer this message, it was made by a machine.'''.split('\n')),
    'pharmacy': ('''Order meds online: save {share}%
{drug} prices, {share}% off'''.split('\n'), '''The Canadian pharmacy you can trust.
{drug} from $0.{share} per pill, {drug} from $1.{share} per pill, {drug2} in stock.
No prescription required. Discreet packaging and worldwide delivery in {small} days.
http://www.pills-store-{big}.example/?c={month}'''.split('\n'), '''Our doctors answer every question, also on {day}.
More than {big} customers in {month} alone.
Every order gets four pills on top.
Pay by card or by transfer, as you like.'''.split('\n')),
    'malware_lures': ('''Overdue invoice {big}
FINAL REMINDER: unpaid invoice {big}'''.split('\n'), '''Dear customer,
Our records show that invoice {big} over {small}84.00 EUR has been overdue since the {small}th of {month}.
Please open the attached archive and review the invoice today. Archive password: {big}
Accounts department, {name} {family}'''.split('\n'), '''Our last letter of {day} was not answered.
If you have paid in the meantime, write to us with the day and the sum.
The goods were handed over in {place}.
Our terms of {month} apply.'''.split('\n')),
    'extortion': ('''I recorded you
Your device was hacked on {day}'''.split('\n'), '''I hacked your device in {month} and installed a trojan on your computer.
I recorded you through your webcam while you watched videos on adult sites.
With one click I send the video to all of your contacts and friends.
Transfer ${big} in bitcoin to this wallet: bc1qposterntest{big}message{small}n0t0a0wa11et00
You have 48 hours. When the payment has come I will delete the video. The police will not help you.'''.split('\n'), '''I have watched for {small} weeks and I know where you sit on {day}.
Do not be angry with me, everybody has work to do.
Put something over the lens and choose better next time.
This address is not mine, and you would find nobody.'''.split('\n')),
    'money_mules': ('''Part-time job offer in your region
Work from home position ({big})'''.split('\n'), '''Our firm is looking for a payment agent in your region. You work from home, {small} hours a week.
No experience is required. You receive payments from our clients into your personal bank account, keep 8% as your commission, and send the rest on by Western Union.
The salary is {big} EUR per month.
Write to {name} {family} today.'''.split('\n'), '''The contract comes by mail and is signed at home.
Our {small} agents in your country are content.
Training is given on {day} over the telephone.
You need a computer, a telephone and an honest mind.'''.split('\n')),
    'gtube': ('''Test of the filter, number {big}'''.split('\n'), '''This message tests a filter. {firm} knows about it.
XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X
End of the test.'''.split('\n'), HAM_SENTENCES),
}
ATTACHMENTS = [('readings_{big}.csv', 'text/csv'), ('drawing-{small}.pdf', 'application/pdf'),
               ('photo_{big}.jpg', 'image/jpeg'), ('minutes.docx', 'application/vnd.openxmlformats-officedocument.wordprocessingml.document')]


class Author:
    """Writes one message from its own source of chance."""

    def __init__(self, seed, number):
        self.chance = random.Random(f'{seed}/{number}')

    def fill(self, template):
        numbers = {'small': lambda: self.chance.randint(3, 28), 'big': lambda: self.chance.randint(110, 9999),
                   'hour': lambda: f'{self.chance.randint(8, 18)}:{self.chance.choice((0, 15, 30, 45)):02}',
                   'year': lambda: self.chance.randint(10, 22), 'share': lambda: self.chance.randint(30, 79)}
        out = []
        for piece in template.split('{'):
            word, close, rest = piece.partition('}')
            if not close:
                out.append(piece)
                continue
            out.append(str(numbers[word]() if word in numbers else self.chance.choice(WORDS[word])) + rest)
        text = ''.join(out)
        return text[:1].upper() + text[1:] if text[:4] != 'http' else text

    def paragraphs(self, sentences, size, accents):
        """Paragraphs of `sentences`, about `size` octets in all."""
        made = 0
        while made < size:
            paragraph = ' '.join(self.fill(self.chance.choice(sentences))
                                 for _ in range(self.chance.randint(2, 7)))
            if accents and self.chance.random() < 0.6:
                paragraph += f' ({self.chance.choice(WORDS["accent"])}!)'
            if self.chance.random() < 0.04:
                paragraph = '.' + paragraph  # to be dot-stuffed on the wire
            made += len(paragraph.encode()) + 2
            yield paragraph

    def text(self, family, accents):
        """Subject and paragraphs."""
        size = self.chance.lognormvariate(math.log(MEDIAN_TEXT), SIGMA_TEXT)
        size = min(max(size, SMALLEST_TEXT), LARGEST_TEXT)
        if family == 'ham':
            return (self.fill(self.chance.choice(HAM_SUBJECTS)),
                    [self.fill('Dear {name},'), *self.paragraphs(HAM_SENTENCES, size, accents),
                     self.fill('{name} {family}')])
        subjects, script, filler = SPAM[family]
        script = [self.fill(paragraph) for paragraph in script]
        padding = list(self.paragraphs(filler, size - sum(map(len, script)), accents))
        # Filler may stand between the script's paragraphs, but not inside one.
        for paragraph in padding:
            script.insert(self.chance.randint(1, len(script)), paragraph)
        return self.fill(self.chance.choice(subjects)), script

    def attachment(self, family):
        if family == 'malware_lures':
            name = self.fill('invoice_{big}.pdf.zip')
            return name, 'application/zip', b'A stand-in for an archive in a test message.\n' * 8
        name, content_type = self.chance.choice(ATTACHMENTS)
        size = int(math.exp(self.chance.uniform(math.log(SMALLEST_ATTACHMENT), math.log(LARGEST_ATTACHMENT))))
        if content_type == 'text/csv':
            lines, made = [], 0
            while made < size:
                lines.append(self.fill('{day};{small};{big};{hour}\n'))
                made += len(lines[-1])
            return self.fill(name), content_type, ''.join(lines).encode()
        return self.fill(name), content_type, self.chance.randbytes(size)


def as_plain(paragraphs):
    return '\n\n'.join('\n'.join(textwrap.wrap(paragraph, 72, break_long_words=False, break_on_hyphens=False))
                       for paragraph in paragraphs) + '\n'


def as_html(paragraphs):
    def mark_up(paragraph):
        safe = html.escape(paragraph)
        return f'<p><a href="{safe}">{safe}</a></p>' if paragraph.startswith('http') else f'<p>{safe}</p>'
    return ('<html>\n<head><meta http-equiv="Content-Type" content="text/html; charset=utf-8"></head>\n<body>\n' +
            '\n'.join(map(mark_up, paragraphs)) + '\n</body>\n</html>\n')


def quoted_printable(text):
    return quopri.encodestring(text.encode()).decode('ascii')


def base64_lines(octets):
    return base64.encodebytes(octets).decode('ascii')


def leaf(content_type, encoding, body):
    return [f'Content-Type: {content_type}', f'Content-Transfer-Encoding: {encoding}'], body


def multipart(subtype, boundary, parts):
    body = ''.join(f'--{boundary}\n' + '\n'.join(fields) + '\n\n' + text + '\n' for fields, text in parts)
    return [f'Content-Type: multipart/{subtype};\n boundary="{boundary}"'], body + f'--{boundary}--\n'


def encoded(paragraphs, encoding, boundary):
    if encoding == 'plain':
        return leaf('text/plain; charset=us-ascii', '7bit', as_plain(paragraphs))
    if encoding == '8bit':
        return leaf('text/plain; charset=utf-8', '8bit', as_plain(paragraphs))
    if encoding == 'qp':
        return leaf('text/plain; charset=utf-8', 'quoted-printable', quoted_printable(as_plain(paragraphs)))
    if encoding == 'html-qp':
        return leaf('text/html; charset=utf-8', 'quoted-printable', quoted_printable(as_html(paragraphs)))
    if encoding == 'html-base64':
        return leaf('text/html; charset=utf-8', 'base64', base64_lines(as_html(paragraphs).encode()))
    return multipart('alternative', 'alt_' + boundary,
                     [encoded(paragraphs, 'qp', boundary), encoded(paragraphs, 'html-qp', boundary)])


def compose(seed, number, spam, attachments):
    """Message `number` of the series `seed`; `spam` and `attachments` are shares from 0 to 1."""
    author = Author(seed, number)
    chance = author.chance
    family = chance.choice(list(SPAM)) if chance.random() < spam else 'ham'
    kind = 'ham' if family == 'ham' else 'spam'
    encoding = chance.choices(list(ENCODINGS), list(ENCODINGS.values()))[0]
    subject, paragraphs = author.text(family, accents=encoding != 'plain')
    identity = f'{seed}-{number:06}'
    boundary = hashlib.sha256(identity.encode()).hexdigest()[:24]
    fields, body = encoded(paragraphs, encoding, boundary)
    if family == 'malware_lures' or chance.random() < attachments:
        name, content_type, octets = author.attachment(family)
        attached = ([f'Content-Type: {content_type};\n name="{name}"', 'Content-Transfer-Encoding: base64',
                     f'Content-Disposition: attachment;\n filename="{name}"'], base64_lines(octets))
        fields, body = multipart('mixed', 'mix_' + boundary, [(fields, body), attached])
        encoding += '+attachment'
    date = FIRST_DATE + datetime.timedelta(seconds=37 * number + chance.randint(0, 30))
    sender, family_name = chance.choice(WORDS['name']), chance.choice(WORDS['family'])
    head = [f'From: {sender} {family_name} <{sender.lower()}.{family_name.lower()}@customer.example>',
            'To: reader@internet.example',
            f'Subject: {subject}',
            'Date: ' + date.strftime('%a, %d %b %Y %H:%M:%S +0000'),
            f'Message-ID: <{boundary}.{number}@customer.example>',
            f'X-Postern-Test: {identity}',
            'MIME-Version: 1.0']
    text = '\n'.join(head + fields) + '\n\n' + body
    return Message(f'{number:06}.{kind}.eml', identity, kind, family, encoding,
                   text.encode().replace(b'\n', b'\r\n'))


def generate(count, spam=0.3, seed=1, attachments=0.012):
    for number in range(count):
        yield compose(seed, number, spam, attachments)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folder', type=pathlib.Path)
    parser.add_argument('--count', type=int, default=1000)
    parser.add_argument('--spam', type=float, default=0.3, help='share of spam, 0 to 1')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--attachments', type=float, default=0.012, help='share of messages with an attachment')
    parser.add_argument('--crlf', action='store_true', help='CRLF line ends in the files too')
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    index = []
    for message in generate(arguments.count, arguments.spam, arguments.seed, arguments.attachments):
        octets = message.octets if arguments.crlf else message.octets.replace(b'\r\n', b'\n')
        (arguments.folder / message.name).write_bytes(octets)
        index.append(message.entry())
    (arguments.folder / 'index.json').write_text(json.dumps(index, indent=1) + '\n')
    if index:
        spam = sum(entry['kind'] == 'spam' for entry in index)
        print(f'{len(index)} messages, {spam} of them spam, {sum(e["bytes"] for e in index) / len(index):.0f} octets in the mean')
    return 0


if __name__ == '__main__':
    sys.exit(main())
