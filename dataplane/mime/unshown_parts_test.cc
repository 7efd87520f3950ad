// What goes to hidden() beside what HTML hides, read from whole messages.
#include "dataplane/mime/unshown_parts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/mime/recording_sink.h"

namespace postern::mime {
namespace {

using Texts = std::vector<std::string>;
constexpr uint32_t mask(Anomaly anomaly) { return static_cast<uint32_t>(anomaly); }

const std::string kMixedHeader = "Content-Type: multipart/mixed; boundary=b\n\n";

std::string attached(std::string_view part) {
  return kMixedHeader + "--b\n" + std::string(part) + "\n--b--\n";
}

// Without the blank that a part's limit is, as in body().
Texts hidden(std::string_view message) {
  Texts texts = read_message(message).hiddens;
  for (std::string& text : texts) {
    if (text.ends_with(' ')) text.pop_back();
  }
  return texts;
}

TEST(UnshownParts, OnlyWhenAskedFor) {
  const std::string message = attached("Content-Type: application/x\n\ntext");
  EXPECT_EQ(hidden(message), (Texts{"text"}));
  EXPECT_EQ(read_message(message, {}, SIZE_MAX, {}).hiddens, Texts{});
}

TEST(UnshownParts, TextInPartsThatAreNone) {
  const std::string octets = "Content-Type: application/octet-stream\nContent-Transfer-Encoding: ";
  EXPECT_EQ(hidden(attached(octets + "base64\n\nPGI+dGU8L2I+eHQ=")),
            (Texts{"text"}));                                                 // <b>te</b>xt
  EXPECT_EQ(hidden(attached(octets + "base64\n\n//5oAGkA")), (Texts{"hi"}));  // UTF-16, marked
  // A PNG's first octets, and text with a control character among the first 512.
  EXPECT_EQ(hidden(attached(octets + "base64\n\niVBORw0KGgo=")), Texts{});
  EXPECT_EQ(hidden(attached(octets + "7bit\n\ntext\x01 and text")), Texts{});
  EXPECT_EQ(hidden(attached(octets + "7bit\n\n" + std::string(600, 'x') + "\x01 text")),
            (Texts{std::string(600, 'x') + "\x01 text"}));
}

// A file of yEnc ('"' is 'L' - 42) whose part is found to be no text at its 512th octet: what came
// before is read, what comes after is not, however the message was cut.
TEST(UnshownParts, FilesInWhatTurnsOutToBeNoText) {
  const std::string begins = "=ybegin line=128 size=1 name=x\nL\n=yend\n";
  const std::string part = "Content-Type: application/octet-stream\n\n";
  const std::string early = attached(part + begins + std::string(600, '\x01'));
  const std::string late = attached(part + std::string(600, '\x01') + "\n" + begins);
  for (size_t segment : {size_t{1}, size_t{7}, size_t{511}, SIZE_MAX}) {
    EXPECT_EQ(read_message(early, {}, segment).hiddens, (Texts{"\""})) << segment;
    EXPECT_EQ(read_message(late, {}, segment).hiddens, Texts{}) << segment;
  }
}

TEST(UnshownParts, BeforeAndBehindTheParts) {
  const RecordingSink sink = read_message(kMixedHeader + "before\n--b\n\nshown\n--b--\nbehind\n");
  EXPECT_EQ(sink.bodies, (Texts{"", "shown"}));
  EXPECT_EQ(sink.hiddens, (Texts{"before behind "}));
  EXPECT_EQ(sink.anomalies, 0u);
  EXPECT_EQ(hidden(kMixedHeader + "\n\n--b\n\nshown\n--b--\n\n\n"), Texts{});
}

TEST(UnshownParts, SecondTransferEncodings) {
  // printf 'text' | base64; what counts is the last, as SpamAssassin has it.
  const RecordingSink sink = read_message(
      "Content-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit\n\ndGV4dA==\n");
  EXPECT_EQ(sink.bodies, (Texts{"", "dGV4dA== "}));
  EXPECT_EQ(sink.hiddens, (Texts{"text"}));
  EXPECT_EQ(sink.anomalies, mask(Anomaly::kDuplicateTransferEncoding));
  EXPECT_EQ(hidden("Content-Transfer-Encoding: quoted-printable\nContent-Transfer-Encoding: 7bit\n"
                   "Content-Transfer-Encoding: base64\n\ntext=\n!"),
            (Texts{"text!", "text= !"}));
  // Both encodings are tried for a name that says nothing.
  EXPECT_EQ(hidden("Content-Transfer-Encoding: x-unknown\n\n=74ext\n").back(), "text");
  EXPECT_EQ(hidden("Content-Transfer-Encoding: x-unknown\n\ndGV4dA==\n").front(), "text");
}

TEST(UnshownParts, SecondTypes) {
  const RecordingSink sink =
      read_message("Content-Type: text/html\nContent-Type: text/plain\n\nte<b></b>xt\n");
  EXPECT_EQ(sink.bodies, (Texts{"", "te<b></b>xt "}));
  EXPECT_EQ(sink.hiddens, (Texts{"text "}));
  EXPECT_EQ(sink.anomalies, mask(Anomaly::kDuplicateContentType));
}

TEST(UnshownParts, SecondBoundaries) {
  const std::string_view body =
      "--c\nContent-Transfer-Encoding: base64\n\ndGV4dA==\n--c\nContent-Type: "
      "text/html\n\nmo<b></b>re\n--c--\n";
  const RecordingSink named =
      read_message("Content-Type: multipart/mixed; boundary=b; boundary=c\n\n" + std::string(body));
  EXPECT_EQ(named.hiddens, (Texts{"text more"}));
  EXPECT_EQ(named.anomalies,
            mask(Anomaly::kDuplicateBoundary) | mask(Anomaly::kMissingEndBoundary));
  const RecordingSink guessed =
      read_message("Content-Type: multipart/mixed\n\n" + std::string(body));
  EXPECT_EQ(guessed.hiddens, (Texts{"text more"}));
  EXPECT_EQ(guessed.anomalies, mask(Anomaly::kMissingBoundary));
  // What SpamAssassin makes of it stays.
  EXPECT_EQ(named.bodies[1].substr(0, 4), "--c ");
  EXPECT_EQ(guessed.bodies[1].substr(0, 4), "--c ");
}

TEST(UnshownParts, FilesInText) {
  const std::string_view file = "begin 644 x\n#86)C\nend\n";
  const RecordingSink sink = read_message("\nsee\n" + std::string(file));
  EXPECT_EQ(sink.hiddens, (Texts{"abc"}));
  EXPECT_EQ(sink.bodies[1], "see begin 644 x #86)C end ");
  EXPECT_EQ(hidden(attached("Content-Type: application/x\n\n" + std::string(file))),
            (Texts{"begin 644 x #86)C end", "abc"}));
}

TEST(UnshownParts, Names) {
  EXPECT_EQ(
      hidden(attached("Content-Type: image/png; name=a.png\nSubject: =?utf-8?Q?s=75b?=\n\n\x01")),
      (Texts{"sub", "a.png"}));
  EXPECT_EQ(hidden("List-Help: =?utf-8?Q?he=6Cp?=\nX: =?utf-8?Q?he=6Cp?=\n\ntext"),
            (Texts{"help"}));
}

TEST(UnshownParts, UrisAreNobodys) {
  EXPECT_EQ(read_message(kMixedHeader + "http://a.example/\n--b\nContent-Type: application/x\n\n"
                                        "http://b.example/\n--b--\n")
                .uris,
            Texts{});
}

}  // namespace
}  // namespace postern::mime
