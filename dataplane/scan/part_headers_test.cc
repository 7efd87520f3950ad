// mimeheader rules. The expectations are what SpamAssassin 4.0.1 says of the same rules and
// message, asked through patterns/sets/spamassassin_hits.pl.
#include <gtest/gtest.h>

#include "dataplane/scan/testing/message_hits.h"

namespace postern::scan {
namespace {

using Names = std::set<std::string>;

constexpr std::string_view kHeaderRules = R"rules(
mimeheader ALL_TWO ALL =~ /^Content-Type: image.gif; name="x"\nContent-ID: <1>\n$/
mimeheader ALL_RAW ALL:raw =~ /^Content-Type: image.gif;\n\s+name="x"\n/
mimeheader ALL_MAIN ALL =~ /^Subject: \w+$/m
mimeheader ALL_EMPTY ALL =~ /^$/
mimeheader FIRST Content-Type =~ /mixed/
tflags FIRST range=1
mimeheader FIRST_NOT Content-Type =~ /gif/
tflags FIRST_NOT range=1
mimeheader BEHIND Content-Type =~ /mixed/
tflags BEHIND range=2-
mimeheader BEHIND_GIF Content-Type =~ /gif/
tflags BEHIND_GIF range=2-
mimeheader UP_TO Content-Type =~ /gif/
tflags UP_TO range=-2
mimeheader MIDDLE Content-Type =~ /gif/
tflags MIDDLE range=2-3
mimeheader MIDDLE_NONE Content-Type !~ /mixed/
tflags MIDDLE_NONE range=2-3
mimeheader JOINED Content-Type =~ /mixed.*\n.*plain.*\nimage.gif; name="x"\n/
tflags JOINED concat
mimeheader JOINED_ABSENT Content-ID =~ /^\n\n<1>\n\n$/
tflags JOINED_ABSENT concat
mimeheader JOINED_RANGE Content-Type =~ /^text.plain\nimage/
tflags JOINED_RANGE concat range=2-
mimeheader JOINED_ALL ALL =~ /Subject: parts.*\nContent-Type: text.plain\nContent-Type: image/s
tflags JOINED_ALL concat
mimeheader JOINED_NONE Content-Type =~ /^$/
tflags JOINED_NONE concat range=9-
mimeheader SINGLE Content-Type =~ /plain.*\nimage/
if can(Mail::SpamAssassin::Plugin::MIMEHeader::has_tflags_concat) && can(Mail::SpamAssassin::Plugin::MIMEHeader::has_all_header)
mimeheader CAN Content-Type =~ /gif/
endif
)rules";

constexpr std::string_view kMessage = R"message(From: a@b.com
Subject: parts
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b"

--b
Content-Type: text/plain

x
--b
Content-Type: image/gif;
 name="x"
Content-ID: <1>

R0lG
--b

no header
--b--
)message";

TEST(PartHeaders, whole_ones_ranges_and_all_as_one_text) {
  testing::MessageHits hits(kHeaderRules);
  const Names expected{"ALL_EMPTY",    "ALL_MAIN", "ALL_TWO",       "BEHIND_GIF", "CAN",
                       "FIRST",        "JOINED",   "JOINED_ABSENT", "JOINED_ALL", "JOINED_NONE",
                       "JOINED_RANGE", "MIDDLE",   "MIDDLE_NONE"};
  EXPECT_EQ(hits(kMessage), expected);
  EXPECT_EQ(hits(kMessage, 7), expected);
}

TEST(PartHeaders, more_of_them_than_are_kept_are_survived) {
  testing::MessageHits hits(
      "mimeheader A Content-Type =~ /plain/\ntflags A concat\n"
      "mimeheader B ALL =~ /x-many/i\n");
  std::string message = "Content-Type: multipart/mixed; boundary=b\n\n";
  for (int i = 0; i < 3000; ++i) {
    message += "--b\nContent-Type: text/plain; x=" + std::string(60, 'y') + "\n";
    for (int k = 0; k < (i == 0 ? 1000 : 0); ++k)
      message += "X-Many: " + std::string(60, 'z') + "\n";
    message += "\nx\n";
  }
  EXPECT_EQ(hits(message + "--b--\n"), (Names{"A", "B"}));
}

}  // namespace
}  // namespace postern::scan
