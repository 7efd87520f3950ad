// STARTTLS hidden in replies to EHLO.
#include "dataplane/smtp/session.h"

#include <gtest/gtest.h>

#include "dataplane/smtp/testing/conversation.h"

namespace postern::smtp {
namespace {

struct MaskCase {
  const char* said;
  const char* heard;  // in one piece
};

const MaskCase kMasked[] = {
    {"250-mx\r\n250-STARTTLS\r\n250 SIZE\r\n", "250-mx\r\n250-XXXXXXXX\r\n250 SIZE\r\n"},
    {"250-mx\r\n250-SIZE\r\n250 starttls\r\n", "250-mx\r\n250-SIZE\r\n250 XXXXXXXX\r\n"},
    {"250-mx\n250 StartTLS\n", "250-mx\n250 XXXXXXXX\n"},
    // Clients pass over blanks, and some read the first line as well.
    {"250-mx\r\n250-  STARTTLS required\r\n250 \tSTARTTLS\r\n",
     "250-mx\r\n250-  XXXXXXXX required\r\n250 \tXXXXXXXX\r\n"},
    {"250 STARTTLS\r\n", "250 XXXXXXXX\r\n"},
    {"250-mx\r\n250 STARTTLSNOW\r\n", "250-mx\r\n250 XXXXXXXXNOW\r\n"},
    {"250-mx\r\n250-XSTARTTLS\r\n250-STARTTL\r\n250-STARTTTLS\r\n250 HELP STARTTLS\r\n",
     "250-mx\r\n250-XSTARTTLS\r\n250-STARTTL\r\n250-STARTTTLS\r\n250 HELP STARTTLS\r\n"},
};

TEST(Session, masks_STARTTLS_in_the_EHLO_reply) {
  for (const MaskCase& c : kMasked) {
    SCOPED_TRACE(c.said);
    Recorder recorder;
    Dialogue dialogue(&recorder);
    dialogue.session.mask_starttls(true);
    EXPECT_FALSE(dialogue.session.may_rewrite());
    dialogue.play({S("220 STARTTLS\r\n"), C("EHLO a\r\n")});
    EXPECT_TRUE(dialogue.session.may_rewrite());
    dialogue.play(S(c.said));
    EXPECT_FALSE(dialogue.session.may_rewrite());
    EXPECT_EQ(dialogue.heard, std::string("220 STARTTLS\r\n") + c.heard);
    // Nor anywhere else.
    dialogue.play({C("HELP\r\n"), S("250-STARTTLS\r\n250 STARTTLS\r\n")});
    EXPECT_TRUE(dialogue.heard.ends_with("250-STARTTLS\r\n250 STARTTLS\r\n"));
  }
}

// Cut anywhere, the client never reads the keyword: what has not passed yet of it is overwritten.
TEST(Session, masks_STARTTLS_wherever_the_reply_is_cut) {
  for (const MaskCase& c : kMasked) {
    const std::string said = c.said, whole = c.heard;
    for (size_t cut = 1; cut < said.size(); ++cut) {
      for (const size_t longest : {SIZE_MAX, size_t{1}}) {
        Recorder recorder;
        Dialogue dialogue(&recorder);
        dialogue.session.mask_starttls(true);
        dialogue.play({S("220 mx\r\n"), C("EHLO a\r\n")});
        dialogue.heard.clear();
        dialogue.play(S(said.substr(0, cut)), [&] { return longest; });
        dialogue.play(S(said.substr(cut)), [&] { return longest; });
        ASSERT_EQ(dialogue.heard.size(), said.size());
        for (size_t at = 0; at + 8 <= said.size(); ++at) {
          if (whole.compare(at, 8, "XXXXXXXX") != 0) continue;
          EXPECT_EQ(dialogue.heard[at + 7], 'X') << cut;
          dialogue.heard.replace(at, 8, "XXXXXXXX");
        }
        EXPECT_EQ(dialogue.heard, whole) << cut;
      }
    }
  }
}

TEST(Session, what_is_masked_is_still_known) {
  Recorder recorder;
  Dialogue dialogue(&recorder);
  dialogue.session.mask_starttls(true);
  dialogue.play(kHello);
  EXPECT_TRUE(dialogue.session.conduct().tls_offered);
  EXPECT_TRUE(dialogue.session.extensions() & static_cast<uint8_t>(Extension::kChunking));
}

}  // namespace
}  // namespace postern::smtp
