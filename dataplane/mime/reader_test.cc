#include "dataplane/mime/reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "dataplane/mime/recording_sink.h"

namespace postern::mime {
namespace {

using Texts = std::vector<std::string>;

constexpr uint32_t bit(Anomaly anomaly) { return static_cast<uint32_t>(anomaly); }

std::string with_crlf(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

std::string joined(const Texts& texts) {
  std::string all;
  for (const std::string& text : texts) all += text;
  return all;
}

TEST(Reader, PlainMessage) {
  const RecordingSink sink = read_message(
      "From: a@a.example\nSubject: =?utf-8?Q?H=C3=A9llo?=\n world\nTo:b@b.example\n\n"
      "First line\nsecond line\n\nSee http://c.example/x.\n");
  EXPECT_EQ(sink.headers, (std::vector<RecordingSink::Header>{
                              {"From", " a@a.example", "a@a.example"},
                              {"Subject", " =?utf-8?Q?H=C3=A9llo?=\n world", "Héllo world"},
                              {"To", "b@b.example", "b@b.example"}}));
  EXPECT_EQ(sink.bodies,
            (Texts{"Héllo world", "First line second line", "See http://c.example/x. "}));
  EXPECT_EQ(sink.raws, (Texts{"First line\n", "second line\n", "\n", "See http://c.example/x.\n"}));
  EXPECT_EQ(sink.uris, (Texts{"http://c.example/x"}));
  EXPECT_EQ(sink.parts, (std::vector<RecordingSink::Leaf>{{"text/plain", "", "", 48, ""}}));
  EXPECT_EQ(sink.anomalies, 0u);
}

TEST(Reader, LineEndsAreOneForTheTexts) {
  const std::string message = "Subject: a\n b\n\none\ntwo\n\nthree";
  const RecordingSink lf = read_message(message);
  const RecordingSink crlf = read_message(with_crlf(message));
  EXPECT_EQ(lf.headers, crlf.headers);
  EXPECT_EQ(lf.bodies, crlf.bodies);
  EXPECT_EQ(lf.raws, crlf.raws);
  EXPECT_EQ(crlf.parts[0].decoded_bytes, lf.parts[0].decoded_bytes + 3);  // as they came
}

TEST(Reader, TheSubjectComesFirstEvenIfAbsent) {
  EXPECT_EQ(read_message("X: y\n\ntext").bodies, (Texts{"", "text"}));
  EXPECT_EQ(read_message("").bodies, (Texts{""}));
  EXPECT_EQ(read_message("Subject: one\nSubject: two").bodies, (Texts{"two"}));
}

// printf 'caf\xc3\xa9\n' | base64; sha256sum
TEST(Reader, DigestsOfDecodedParts) {
  ReaderLimits limits;
  limits.digests = true;
  const RecordingSink sink = read_message(
      "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nY2Fmw6kK\n",
      limits);
  ASSERT_EQ(sink.parts.size(), 1u);
  EXPECT_EQ(sink.parts[0].decoded_bytes, 6u);
  EXPECT_EQ(sink.parts[0].sha256,
            "7b49b9e063bd91a4f9252b413261f5557b9c570aa61516989499f64a62dbcdd6");
  EXPECT_EQ(sink.bodies, (Texts{"", "café "}));
}

constexpr std::string_view kMixed =
    "MIME-Version: 1.0\n"
    "Subject: parts\n"
    "Content-Type: multipart/mixed; boundary=\"outer\"\n"
    "\n"
    "preamble that nobody sees\n"
    "--outer\n"
    "Content-Type: multipart/alternative; boundary=inner\n"
    "\n"
    "--inner\n"
    "Content-Type: text/plain; charset=iso-8859-1\n"
    "Content-Transfer-Encoding: quoted-printable\n"
    "\n"
    "caf=E9=\n"
    " au lait\n"
    "\n"
    "--inner\n"
    "Content-Type: text/html; charset=utf-8\n"
    "\n"
    "<p>h&eacute;llo <a href=\"http://h.example/\">link</a></p>\n"
    "--inner--\n"
    "epilogue of the inner\n"
    "--outer\n"
    "Content-Type: application/octet-stream; name=\"x.bin\"\n"
    "Content-Transfer-Encoding: base64\n"
    "\n"
    "aHR0cDovL25vdC50ZXh0LmV4YW1wbGUv\n"
    "--outer\n"
    "Content-Type: message/rfc822\n"
    "\n"
    "Subject: inner subject\n"
    "\n"
    "inner text\n"
    "--outer--\n"
    "epilogue\n";

TEST(Reader, Multipart) {
  const RecordingSink sink = read_message(kMixed);
  EXPECT_EQ(sink.bodies, (Texts{"parts", "café au lait", "héllo link", "inner text"}));
  EXPECT_EQ(sink.uris, (Texts{"http://h.example/"}));
  ASSERT_EQ(sink.parts.size(), 4u);
  EXPECT_EQ(sink.parts[0],
            (RecordingSink::Leaf{"text/plain", "iso-8859-1", "", 13, ""}));  // with a line end
  EXPECT_EQ(sink.parts[1].content_type, "text/html");
  EXPECT_EQ(sink.parts[2], (RecordingSink::Leaf{"application/octet-stream", "", "x.bin", 24, ""}));
  EXPECT_EQ(sink.parts[3], (RecordingSink::Leaf{"text/plain", "", "", 10, ""}));
  EXPECT_EQ(
      joined(sink.raws),
      "caf\xe9 au lait\n<p>h&eacute;llo <a href=\"http://h.example/\">link</a></p>inner text");
  // Only the message's own fields are told.
  EXPECT_EQ(sink.headers.size(), 3u);
  EXPECT_EQ(sink.anomalies, 0u);
}

TEST(Reader, MissingEndBoundaries) {
  const RecordingSink sink = read_message(
      "Content-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; "
      "boundary=i\n\n--i\n\none\n--o\n\ntwo");
  EXPECT_EQ(sink.bodies, (Texts{"", "one two"}));
  EXPECT_EQ(sink.anomalies, bit(Anomaly::kMissingEndBoundary));
}

TEST(Reader, EndBoundaryWithoutLineEnd) {
  const RecordingSink sink =
      read_message("Content-Type: multipart/mixed; boundary=o\n\n--o\n\none\n--o--");
  EXPECT_EQ(sink.bodies, (Texts{"", "one"}));
  EXPECT_EQ(sink.anomalies, 0u);
}

TEST(Reader, DashesThatAreNoBoundary) {
  const RecordingSink sink = read_message(
      "Content-Type: multipart/mixed; boundary=o\n\n--o\n\n-- \nsignature\n--o no\n-\n--\n"
      "----------\n--o--\n");
  EXPECT_EQ(joined(sink.raws), "-- \nsignature\n--o no\n-\n--\n----------");
}

// The boundary of the header never occurs: what there is, is text.
TEST(Reader, MultipartWithoutParts) {
  const std::string head = "Content-Type: multipart/mixed; boundary=other\n\n";
  const RecordingSink sink =
      read_message(head + "--b\nContent-Type: text/plain\n\nhidden?\n--b--\n");
  EXPECT_EQ(joined(sink.raws), "--b\nContent-Type: text/plain\n\nhidden?\n--b--\n");
  EXPECT_EQ(sink.bodies, (Texts{"", "--b Content-Type: text/plain", "hidden? --b-- "}));
  EXPECT_EQ(sink.parts.size(), 1u);
  EXPECT_EQ(sink.anomalies, bit(Anomaly::kMissingEndBoundary));
  // Also when it is long, and when the multipart is within another.
  std::string text;
  while (text.size() < 100'000) text += "a line of text\n";
  EXPECT_EQ(joined(read_message(head + text).raws), text);
  EXPECT_EQ(read_message("Content-Type: multipart/mixed; boundary=b\n\n--b\n" + head +
                         "inner\n--b\n\nnext\n--b--\n")
                .bodies,
            (Texts{"", "inner next"}));
  EXPECT_EQ(read_message(head + "text\n--other--\nepilogue").bodies, (Texts{"", "text"}));
}

TEST(Reader, NestedMultipartsWithOneBoundary) {
  const RecordingSink sink = read_message(
      "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/mixed; "
      "boundary=b\n\n--b\n\none\n--b--\n--b\n\ntwo\n--b--\n");
  ASSERT_EQ(sink.parts.size(), 2u);
  EXPECT_EQ(sink.bodies, (Texts{"", "one two"}));
  EXPECT_EQ(sink.anomalies, 0u);
}

TEST(Reader, DigestOfMessages) {
  const RecordingSink sink = read_message(
      "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: x\n\none\n--b--\n");
  EXPECT_EQ(sink.bodies, (Texts{"", "one"}));
}

// printf 'Content-Type: text/html\n\n<b>in</b>side\n' | base64
TEST(Reader, EncodedMessageInside) {
  const RecordingSink sink = read_message(
      "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n"
      "Content-Transfer-Encoding: base64\n\n"
      "Q29udGVudC1UeXBlOiB0ZXh0L2h0bWwKCjxiPmluPC9iPnNpZGUK\n--b\n\nafter\n--b--\n");
  EXPECT_EQ(sink.bodies, (Texts{"", "inside after"}));
  ASSERT_EQ(sink.parts.size(), 2u);
  EXPECT_EQ(sink.parts[0].content_type, "text/html");
}

TEST(Reader, NestingIsLimited) {
  std::string message = "Subject: deep\n";
  for (int i = 0; i < 40; ++i) {
    message += "Content-Type: multipart/mixed; boundary=b" + std::to_string(i) + "\n\n--b" +
               std::to_string(i) + "\n";
  }
  message += "Content-Type: text/plain\n\nbottom\n";
  const RecordingSink sink = read_message(message);
  EXPECT_EQ(sink.anomalies, bit(Anomaly::kNestingLimit) | bit(Anomaly::kMissingEndBoundary));
  // What lies deeper is read as the text that it is.
  EXPECT_NE(joined(sink.bodies).find("bottom"), std::string::npos);

  std::string messages = "Content-Type: message/rfc822\n\n";
  for (int i = 0; i < 40; ++i) messages += "Content-Type: message/rfc822\n\n";
  EXPECT_EQ(read_message(messages + "\nbottom").anomalies, bit(Anomaly::kNestingLimit));
}

TEST(Reader, PartsThatAreNoText) {
  const RecordingSink sink = read_message(
      "Content-Type: multipart/mixed; boundary=b\n\n"
      "--b\nContent-Type: text/calendar\n\ncalendar\n"
      "--b\nContent-Type: message/delivery-status\n\nAction: failed\n"
      "--b\nContent-Type: application/x; name=page.html\n\n<i>page</i>\n"
      "--b\nContent-Type: text/enriched\n\nenriched\n"
      "--b\nContent-Type: image/png\n\npicture\n--b--\n");
  EXPECT_EQ(sink.parts.size(), 5u);
  EXPECT_EQ(joined(sink.raws), "Action: failed<i>page</i>enriched");
  // Every part makes a line end, also the picture behind.
  EXPECT_EQ(sink.bodies, (Texts{"", "page enriched "}));
}

TEST(Reader, HeaderDamage) {
  // Three lines that are no fields are passed over; the fourth begins the body.
  const RecordingSink three = read_message("bad one\nbad two\nbad three\nSubject: s\n\ntext");
  EXPECT_EQ(three.bodies, (Texts{"s", "text"}));
  EXPECT_EQ(three.anomalies, bit(Anomaly::kHeaderSyntax));
  const RecordingSink four = read_message("a b\nc d\ne f\nSubject: s\ng h\ntext");
  EXPECT_EQ(four.bodies, (Texts{"s", "g h text"}));
  // The line of an mbox is none of the message.
  const RecordingSink mbox = read_message("From a@b Thu Jan  1\nSubject: s\n\ntext");
  EXPECT_EQ(mbox.bodies, (Texts{"s", "text"}));
  EXPECT_EQ(mbox.anomalies, 0u);
  // In a part the body begins at once.
  const RecordingSink part = read_message(
      "Content-Type: multipart/mixed; boundary=b\n\n--b\nno field\nContent-Type: text/html\n--b--");
  EXPECT_EQ(joined(part.raws), "no field\nContent-Type: text/html");
  // Obsolete white space before the colon.
  EXPECT_EQ(read_message("Subject : s\n\n").bodies, (Texts{"s"}));
}

TEST(Reader, BoundaryEndsHeadersThatHaveNoBlankLine) {
  const RecordingSink sink = read_message(
      "Content-Type: multipart/mixed; boundary=b\n--b\nContent-Type: text/html\n--b\n\nx\n--b--\n");
  ASSERT_EQ(sink.parts.size(), 2u);
  EXPECT_EQ(sink.parts[0].content_type, "text/html");
  EXPECT_EQ(sink.parts[0].decoded_bytes, 0u);
  EXPECT_EQ(sink.bodies, (Texts{"", "x"}));
}

// Rules on a raw header see the very octets behind the colon.
TEST(Reader, RawFieldsKeepTheirBlanks) {
  const RecordingSink sink = read_message("A:  x \r\nB:y\r\nC: z\r\n\tw\r\n\r\n", {});
  ASSERT_EQ(sink.headers.size(), 3u);
  EXPECT_EQ(sink.headers[0].raw, "  x ");
  EXPECT_EQ(sink.headers[1].raw, "y");
  EXPECT_EQ(sink.headers[2].raw, " z\n\tw");
}

TEST(Reader, LongAndManyHeaders) {
  ReaderLimits limits;
  const RecordingSink sink =
      read_message("X: " + std::string(40'000, 'x') + "\n y\nSubject: s\n\ntext", limits);
  EXPECT_EQ(sink.anomalies, bit(Anomaly::kLongHeader));
  EXPECT_EQ(sink.headers[0].raw.size(), limits.header_bytes - 2);
  EXPECT_EQ(sink.bodies, (Texts{"s", "text"}));

  std::string many;
  for (uint32_t i = 0; i < limits.headers + 5; ++i) many += "X: y\n";
  const RecordingSink counted = read_message(many + "\ntext");
  EXPECT_EQ(counted.headers.size(), limits.headers);
  EXPECT_EQ(counted.anomalies, bit(Anomaly::kTooManyHeaders));
  EXPECT_EQ(counted.bodies, (Texts{"", "text"}));
}

TEST(Reader, LongLines) {
  const std::string line(200'000, 'x');
  const RecordingSink sink = read_message("Subject: s\n\n" + line + " end\n");
  EXPECT_EQ(joined(sink.raws), line + " end\n");
  for (const std::string& piece : sink.raws) EXPECT_LE(piece.size(), 2048u);
  EXPECT_EQ(joined(sink.bodies), "s" + line + " end ");
  for (const std::string& piece : sink.bodies) EXPECT_LE(piece.size(), 2049u);
  // As a part's first line, where fields are expected.
  const RecordingSink part =
      read_message("Content-Type: multipart/mixed; boundary=b\n\n--b\n" + line + "\n--b--\n");
  EXPECT_EQ(joined(part.raws), line);
}

TEST(Reader, DamagedEncodings) {
  const std::string_view head = "Content-Transfer-Encoding: ";
  EXPECT_EQ(read_message(std::string(head) + "base64\n\naGk$h").anomalies,
            bit(Anomaly::kBadBase64));
  EXPECT_EQ(read_message(std::string(head) + "quoted-printable\n\n=ZZ").anomalies,
            bit(Anomaly::kBadQuotedPrintable));
  const RecordingSink sink = read_message(std::string(head) + "x-mine\n\ntext");
  EXPECT_EQ(sink.anomalies, bit(Anomaly::kUnknownTransferEncoding));
  EXPECT_EQ(sink.bodies, (Texts{"", "text"}));
}

TEST(Reader, Charsets) {
  const std::string head = "Content-Type: text/plain; charset=";
  EXPECT_EQ(read_message(head + "windows-1251\n\n\xcf\xf0\xe8\xe2\xe5\xf2").bodies[1], "Привет");
  // UTF-8 under another label is read as what it is.
  EXPECT_EQ(read_message(head + "windows-1251\n\nПривет").bodies[1], "Привет");
  EXPECT_EQ(read_message("\ncaf\xe9").bodies[1], "café");
  const RecordingSink unknown = read_message(head + "x-mine\n\ncaf\xe9");
  EXPECT_EQ(unknown.bodies[1], "café");
  EXPECT_EQ(unknown.anomalies, bit(Anomaly::kUnknownCharset));
  // UTF-16 without a mark, in both orders.
  EXPECT_EQ(read_message(head + "utf-16\nContent-Transfer-Encoding: base64\n\naABpAA==").bodies[1],
            "hi");
  EXPECT_EQ(read_message(head + "utf-16\nContent-Transfer-Encoding: base64\n\nAGgAaQ==").bodies[1],
            "hi");
}

TEST(Reader, CharactersOnTheLimitsOfBlocks) {
  std::string text;
  while (text.size() < 20'000) text += "€é😀x";
  for (size_t shift = 0; shift < 4; ++shift) {
    for (std::string_view charset : {"utf-8", "windows-1252", "gb18030"}) {
      const RecordingSink sink =
          read_message("Content-Type: text/plain; charset=" + std::string(charset) + "\n\n" +
                       std::string(shift, 'a') + text);
      EXPECT_EQ(joined(sink.bodies), std::string(shift, 'a') + text) << charset << shift;
    }
  }
}

TEST(Reader, HiddenTextIsApart) {
  const std::string message =
      "Content-Type: text/html; charset=utf-8\n\n"
      "seen<div style='display:none'>unseen <a href=http://x.example>l</a></div>Vi\u200bagra";
  const RecordingSink sink = read_message(message);
  EXPECT_EQ(sink.bodies, (Texts{"", "seen", "Viagra"}));
  EXPECT_EQ(sink.hiddens, (Texts{"unseen l "}));
  EXPECT_EQ(sink.uris, (Texts{"http://x.example"}));
  ReaderLimits limits;
  limits.unseen_in_body = true;
  const RecordingSink all = read_message(message, limits);
  EXPECT_EQ(all.bodies, (Texts{"", "seen unseen l Vi\u200bagra"}));
  EXPECT_EQ(all.hiddens, Texts{});
}

TEST(Reader, NulsAndEightBitOctets) {
  const std::string message = std::string("Subject: a\0b\n\nte\0xt\xff\n", 21);
  const RecordingSink sink = read_message(message);
  EXPECT_EQ(sink.headers[0].raw, std::string(" a\0b", 4));
  EXPECT_EQ(sink.raws, (Texts{std::string("te\0xt\xff\n", 7)}));
  EXPECT_EQ(sink.bodies[1], "textÿ ");
}

TEST(Reader, IsNewForEachMessage) {
  Reader reader({});
  std::vector<RecordingSink> sinks(3);
  for (RecordingSink& sink : sinks) {
    const std::string_view message =
        &sink == &sinks[1]  // broken off in the middle of everything
            ? "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html\n"
              "Content-Transfer-Encoding: quoted-printable\n\n<div style=3D'display:none'>&eacut=C"
            : kMixed;
    reader.begin(&sink, Renderings::all());
    reader.feed({reinterpret_cast<const uint8_t*>(message.data()), message.size()});
    reader.finish();
  }
  EXPECT_EQ(sinks[0].calls, sinks[2].calls);
}

// --- segmentation ---

// Messages that have every construct on which a piece may end.
Texts awkward_messages() {
  Texts messages{
      std::string(kMixed),
      with_crlf(kMixed),
      "Subject: =?utf-8?Q?a?=\n =?utf-8?Q?b?=\n\tc\n\nbody\r\n--x\r\r\n-\n--\n\r\n",
      "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n-\n--\n--b\r\n\r\nx\r\n\r\n--b--\r",
      "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nno field\r\n--b \t\r\n--b\r\n",
      "Content-Type: text/html; charset=gb2312\nContent-Transfer-Encoding: base64\n\n"
      "PGI+xOO6wzwvYj48YSBocmVmPSJodHRwOi8vYS5leGFtcGxlLz9hJmFtcDtiIj54PC9hPiZuYnNwOyZjb3B5\n",
      "Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable\n\n"
      "<p =\n style=3D'display:none'>h&eac=\r\nute;</p> =20 \n=3Ca "
      "href=3D\"http://a.ex=\nample\">=E2=82",
      "a b\nc d\ne f\ng h\n\n--\n",
      "Content-Type: multipart/mixed; boundary=x\n\none\n--y\n\ntwo\r\n--x--\r\nthree",
      "Content-Type: multipart/mixed; boundary=x\n\n" + std::string(24'000, 'p') + "\n" +
          std::string(5'000, 'q') + "\n--x\n\npart\n--x--\n",
      "From x y\n\n",
      "Content-Type: message/rfc822\n\nno field\n\nContent-Type: text/html\n\n&#6",
      "Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n"
      "Content-Type: multipart/mixed; boundary=3Dq\n\n--=71\n\none\n--q=\n--\n",
  };
  // Two boundaries, two encodings, files in text, text in a part that is none, preamble, epilogue.
  messages.push_back(
      "Content-Type: multipart/mixed; boundary=b; boundary=c\n\nbefore\n--c\n"
      "Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: quoted-printable\n\n"
      "PGI+dGV4dD\nwvYj4=\r\n--c--\r\n--b\r\nContent-Type: application/x\n\n<p>te<b>xt\n"
      "begin 644 x\r\n#86)C\r\nend\n" +
      std::string(600, 'x') + "\n--b\nContent-Type: text/html\n\n<!-- a -->v <b>i</b> a" +
      "<img alt='x y'>\n=ybegin x\n\x8b\x8c\n--b--\nbehind\n");
  messages.push_back(
      "Content-Type: multipart/mixed\r\n\r\ntext\r\n--c\r\n\r\none\r\n--c\r\n\r\ntwo");
  std::string long_lines = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n";
  for (int length : {1062, 1063, 1064, 1065, 1066, 2047, 2048, 2049, 4095, 4096, 4097}) {
    long_lines += "--" + std::string(static_cast<size_t>(length) - 2, 'x') + "\r\n";
    long_lines += std::string(static_cast<size_t>(length), 'y') + "\n";
    long_lines += "--b" + std::string(static_cast<size_t>(length) - 3, ' ') + "\n\n";
  }
  messages.push_back(long_lines);
  std::string wide = "Content-Type: text/plain; charset=koi8-r\n\n" + std::string(4094, 'x');
  for (int i = 0; i < 2000; ++i) wide += "€";
  messages.push_back(wide + "\xf0\xd2 \xc9");
  return messages;
}

Texts sorted(Texts texts) {
  std::sort(texts.begin(), texts.end());
  return texts;
}

void expect_same(const RecordingSink& whole, const RecordingSink& pieces, std::string_view what) {
  const size_t calls = std::min(whole.calls.size(), pieces.calls.size());
  for (size_t i = 0; i < calls; ++i) {
    ASSERT_EQ(whole.calls[i].substr(0, 200), pieces.calls[i].substr(0, 200)) << what;
    ASSERT_EQ(whole.calls[i], pieces.calls[i]) << what;
  }
  EXPECT_EQ(whole.calls.size(), pieces.calls.size()) << what;
  EXPECT_EQ(whole.headers, pieces.headers) << what;
  EXPECT_EQ(whole.parts, pieces.parts) << what;
  EXPECT_EQ(whole.anomalies, pieces.anomalies) << what;
  EXPECT_EQ(sorted(whole.hiddens), sorted(pieces.hiddens)) << what;
}

TEST(ReaderSegments, EverySizeGivesTheSameCalls) {
  ReaderLimits limits;
  limits.digests = true;
  for (const std::string& message : awkward_messages()) {
    const RecordingSink whole = read_message(message, limits);
    for (size_t segment : {1, 2, 3, 4, 5, 7, 11, 16, 61, 256, 1460, 4095}) {
      expect_same(whole, read_message(message, limits, segment), message.substr(0, 60));
    }
  }
}

// Messages put together at random from pieces of syntax, fed in random segments.
TEST(ReaderSegments, RandomMessagesGiveTheSameCalls) {
  const Texts pieces{"\n",
                     "\r\n",
                     "\r",
                     "--b",
                     "--b--",
                     "--",
                     "-",
                     " ",
                     "\t",
                     "=",
                     "=C3",
                     "=\n",
                     "=A9",
                     "text",
                     "é",
                     "\xe9",
                     "<p>",
                     "<a href=http://x.example/>",
                     "</p>",
                     "&amp;",
                     "&",
                     "<!--",
                     "-->",
                     "<",
                     ">",
                     "\n\n",
                     "QUJD",
                     "www.a.example",
                     "=?utf-8?Q?=C3?=",
                     "Subject: ",
                     "X: ",
                     ":",
                     "Content-Type: multipart/mixed; boundary=b\n",
                     "<script>",
                     "</script>",
                     "Content-Type: text/html; charset=koi8-r\n",
                     "Content-Type: text/plain\n",
                     "Content-Transfer-Encoding: base64\n",
                     "<div style=display:none>",
                     "Content-Transfer-Encoding: quoted-printable\n",
                     std::string(1, '\0'),
                     "Content-Transfer-Encoding: 7bit\n",
                     "Content-Transfer-Encoding: x-unknown\n",
                     "Content-Type: application/octet-stream\n",
                     "Content-Type: multipart/mixed; boundary=c; boundary=b\n",
                     "Content-Type: multipart/mixed\n",
                     "begin 644 x\n",
                     "#86)C\n",
                     "=ybegin x\n",
                     "end\n",
                     "--c\n",
                     "v i a g r a",
                     "\u0430",
                     "\x01",
                     "Content-Type: message/rfc822\n",
                     std::string(2050, 'z'),
                     "\u200b",
                     "\u00a0"};
  std::mt19937 random(20250101);
  for (int round = 0; round < 300; ++round) {
    std::string message;
    for (int i = 0; i < 60; ++i) message += pieces[random() % pieces.size()];
    const RecordingSink whole = read_message(message);
    Reader reader({});
    RecordingSink sink;
    reader.begin(&sink, Renderings::all());
    for (size_t at = 0; at < message.size();) {
      const size_t size = std::min<size_t>(1 + random() % 40, message.size() - at);
      reader.feed({reinterpret_cast<const uint8_t*>(message.data()) + at, size});
      at += size;
    }
    reader.finish();
    sink.anomalies = reader.anomalies();
    expect_same(whole, sink, message);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace postern::mime
