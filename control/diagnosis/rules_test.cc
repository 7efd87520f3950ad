#include "control/diagnosis/rules.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace postern::diagnosis {
namespace {

using channel::v1::Event;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr uint64_t kStart = 1'700'000'000;

struct Sent {
  std::string ip = {}, auth = "unknown", user = {}, script = {}, confidence = "high";
  std::string wire_user = {}, dialect = "EHLO fqdn,MAIL FROM:<>+sb,RCPT TO:<>,DATA";
  std::string mail_from = "a@spam.example";
  uint32_t recipients = 1, rejected = 0;
};

// Spam, one after the other, a minute apart; each call of add() goes on behind the last one.
class Story {
 public:
  Story() {
    material_.subject.server = *IpPrefix::parse("192.0.2.7");
    material_.own.prefixes = {material_.subject.server, *IpPrefix::parse("192.0.2.0/28")};
  }
  Story& spam(int n, const Sent& facts) {
    for (int i = 0; i < n; ++i) material_.spam.push_back(message(facts));
    return *this;
  }
  Story& other(const Sent& facts) {
    material_.others.push_back(message(facts));
    return *this;
  }
  Story& failed_logins(uint32_t n, std::string client, std::string user = "") {
    Event event = message({.wire_user = std::move(user)});
    event.set_kind("session");
    event.set_client(client);
    event.set_server(client == "192.0.2.7" ? "203.0.113.1" : "192.0.2.7");
    event.mutable_session()->set_failed_logins(n);
    (client == "192.0.2.7" ? material_.others : material_.towards).push_back(event);
    return *this;
  }
  std::vector<Finding> findings() const { return find(material_); }
  Material& material() { return material_; }

 private:
  Event message(const Sent& facts) {
    Event out;
    out.set_kind("message");
    out.set_client("192.0.2.7");
    out.set_wall_us((kStart + 60 * minute_++) * 1'000'000);
    out.set_subject("Cheap pills");
    out.set_auth_user(facts.wire_user);
    out.set_mail_from(facts.mail_from);
    out.set_recipients_count(facts.recipients);
    out.set_recipients_rejected(facts.rejected);
    out.mutable_session()->set_dialect(facts.dialect);
    out.mutable_origin()->set_ip(facts.ip);
    out.mutable_origin()->set_auth(facts.auth);
    out.mutable_origin()->set_user(facts.user);
    out.mutable_origin()->set_script(facts.script);
    out.mutable_origin()->set_confidence(facts.confidence);
    return out;
  }

  Material material_;
  uint64_t minute_ = 0;
};

const Sent kBob{.ip = "203.0.113.9", .auth = "yes", .user = "bob"};
const Sent kRelayed{.ip = "198.51.100.4", .auth = "no"};
const Sent kInside{.ip = "192.0.2.9", .auth = "no"};
const Sent kScript{.auth = "no", .user = "uid 33", .script = "33:form.php"};

std::string told(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& finding : findings) {
    out += fmt::format("{}{} {} {}", out.empty() ? "" : ", ",
                       kKindNames[static_cast<size_t>(finding.kind)], finding.score,
                       kConfidenceNames[static_cast<size_t>(finding.confidence)]);
  }
  return out;
}

// Each score by hand: 70 × share × trust, and 10 for each sign.
TEST(Rules, AScoreIsMadeOfTheShareAndTheSigns) {
  struct Case {
    const char* what;
    std::vector<std::pair<int, Sent>> spam;
    const char* findings;
  };
  const Case cases[] = {
      {"nothing", {}, ""},
      // 70, and 10: from outside.
      {"one user's login", {{10, kBob}}, "stolen password 80 high"},
      // 60 at most.
      {"two messages", {{2, kBob}}, "stolen password 60 medium"},
      // On the wire there is no address: 70.
      {"a login on the wire", {{4, {.wire_user = "bob"}}}, "stolen password 70 high"},
      // 70 × 0.8 = 56, and 10.
      {"a login, less sure",
       {{5, {.ip = "203.0.113.9", .auth = "yes", .user = "bob", .confidence = "medium"}}},
       "stolen password 66 medium"},
      // 70 × 0.6 = 42, and 10; 70 × 0.4 = 28, and 10.
      {"two users",
       {{6, kBob}, {4, {.ip = "203.0.113.8", .auth = "yes", .user = "eve"}}},
       "stolen password 52 medium, stolen password 38 low"},
      // 70 at most 65.
      {"relayed", {{10, kRelayed}}, "open relay 65 medium"},
      // 35, and 10: all of them by one host; 35.
      {"mixed", {{5, kInside}, {5, kRelayed}}, "infected host 45 medium, open relay 35 low"},
      // 70, and 10: all of them by one host.
      {"a host inside", {{3, kInside}}, "infected host 80 high"},
      // 70 × 0.8 = 56, and 10 each: one address; written as bots write.
      {"a bot without a server",
       {{3, {.confidence = "", .dialect = "helo ip,mail from: <>,rcpt to: <>,data"}}},
       "infected host 76 high"},
      // 70, and 10: all of it.
      {"a script", {{3, kScript}}, "web script 80 high"},
      // 70 × 0.5 = 35.
      {"nothing separates", {{30, {.confidence = "", .mail_from = ""}}}, "own spam 35 low"},
      // 35, and 10 each: many recipients; one domain.
      {"bulk", {{20, {.confidence = "", .recipients = 20}}}, "own spam 55 medium"},
      // 70 × 1/20 = 3.5, rounded 4: not told. 70 × 19/20 = 66.5, rounded 67, and 10.
      {"a single one among many", {{19, kBob}, {1, kScript}}, "stolen password 77 high"},
      {"outside, and nobody says whether there was a login", {{5, {.ip = "203.0.113.9"}}}, ""},
  };
  for (const auto& [what, spam, findings] : cases) {
    Story story;
    for (const auto& [n, facts] : spam) story.spam(n, facts);
    EXPECT_EQ(told(story.findings()), findings) << what;
  }
}

TEST(Rules, AStolenPasswordSaysWhoseAndFromWhere) {
  Story story;
  story.other({.wire_user = "alice"});
  story.failed_logins(3, "203.0.113.50");
  story.spam(2, kBob);
  for (const char* ip : {"198.51.100.1", "203.0.113.77", "192.0.2.129"})
    story.spam(1, {.ip = ip, .auth = "yes", .user = "BOB"});
  const auto findings = story.findings();
  ASSERT_EQ(told(findings), "stolen password 100 high");  // 70 and three of four signs
  const Finding& found = findings[0];
  EXPECT_EQ(found.user, "bob");
  EXPECT_THAT(found.addresses,
              ElementsAre("203.0.113.9", "192.0.2.129", "198.51.100.1", "203.0.113.77"));
  EXPECT_EQ(found.text,
            "The password of bob was used for 5 of 5 spam messages, handed in by 203.0.113.9, "
            "192.0.2.129, 198.51.100.1 and 1 more: probably stolen.");
  EXPECT_THAT(
      found.grounds,
      ElementsAre("5 of 5 different spam messages came this way: 70 points of 70",
                  "handed in from outside the customer's own addresses: 10 points",
                  "from 3 different networks: 10 points", "3 failed logins before it: 10 points",
                  "nothing was sent with this login on the days before: 0 points"));
  ASSERT_THAT(found.lines, SizeIs(5));
  EXPECT_EQ(found.lines[0].at_unix_s, kStart + 120);  // behind the two other events
  EXPECT_EQ(found.lines[0].from, "203.0.113.9");
  EXPECT_EQ(found.lines[0].what, "Cheap pills");
}

TEST(Rules, AUserWhoWroteBeforeIsNotNew) {
  Story story;
  story.other(kBob).spam(3, {.ip = "192.0.2.9", .auth = "yes", .user = "bob"});
  const auto findings = story.findings();
  ASSERT_EQ(told(findings), "stolen password 70 high");
  EXPECT_THAT(findings[0].grounds, SizeIs(1));
  EXPECT_THAT(findings[0].text, HasSubstr("stolen, or a machine there is infected"));
}

TEST(Rules, ManyPasswordsUsedALittleAreOneFinding) {
  Story story;
  for (int i = 0; i < 30; ++i)
    story.spam(1, {.ip = "203.0.113.9", .auth = "yes", .user = fmt::format("user{}", i)});
  story.spam(10, kBob);
  // Bob: 70 × 10/40 = 17.5, rounded 18, and 10. The others: 52.5, rounded 53, and 10.
  const auto findings = story.findings();
  ASSERT_EQ(told(findings), "stolen password 63 medium, stolen password 28 low");
  EXPECT_EQ(findings[0].user, "");
  EXPECT_THAT(findings[0].text, HasSubstr("Passwords of 30 users were used for 30 of 40"));
}

TEST(Rules, AnOpenRelayIsNotHighWithoutAProof) {
  Story story;
  for (const char* ip : {"198.51.100.4", "203.0.113.5", "192.0.2.200"}) {
    story.spam(2, {.ip = ip,
                   .auth = "no",
                   .mail_from = fmt::format("x@{}.example", ip),
                   .recipients = 8,
                   .rejected = 2});
  }
  const auto findings = story.findings();
  ASSERT_EQ(told(findings), "open relay 65 medium");
  EXPECT_THAT(findings[0].grounds, SizeIs(5));  // the share, three signs, and what caps it
  EXPECT_THAT(findings[0].probe, HasSubstr("probe"));
}

TEST(Rules, TriedPasswordsAreABruteForce) {
  // Somebody mistyped.
  EXPECT_EQ(told(Story().failed_logins(9, "203.0.113.50").findings()), "");
  EXPECT_EQ(told(Story().failed_logins(10, "203.0.113.50").findings()), "brute force 30 low");
  EXPECT_EQ(told(Story().failed_logins(100, "203.0.113.50").findings()), "brute force 40 medium");
  Story story;
  for (int i = 0; i < 5; ++i)
    story.failed_logins(200, fmt::format("203.0.113.{}", 50 + i), "guest");
  story.failed_logins(1, "203.0.113.50", "test@example.net");
  // 30; 10 each: 100, 1,000, such accounts, five addresses.
  const auto findings = story.findings();
  ASSERT_EQ(told(findings), "brute force 70 high");
  EXPECT_THAT(findings[0].text, AllOf(HasSubstr("at 192.0.2.7: 1001 failed logins"),
                                      HasSubstr("the accounts guest, test@example.net")));
  EXPECT_EQ(findings[0].addresses[0], "203.0.113.50");
  EXPECT_THAT(findings[0].lines, SizeIs(5));
  const auto from = Story().failed_logins(500, "192.0.2.7").findings();
  ASSERT_EQ(told(from), "brute force 40 medium");
  EXPECT_THAT(from[0].text, HasSubstr("from 192.0.2.7 at other servers"));
}

TEST(Rules, LinesCarryTheHeaderAndAreOfDifferentAddresses) {
  Story story;
  story.spam(6, kBob).spam(1, {.ip = "198.51.100.1", .auth = "yes", .user = "bob"});
  story.material().spam[3].set_header_sample(
      "X-First: 1\r\nReceived: from [203.0.113.9] (unknown)\r\n\tby mail.example (Postfix)\r\n"
      "\twith ESMTPSA id 1\r\nReceived: below\r\n");
  story.material().spam[3].mutable_origin()->set_why("The server took it from 203.0.113.9.");
  const auto findings = story.findings();
  ASSERT_THAT(findings, SizeIs(1));
  const auto& lines = findings[0].lines;
  ASSERT_THAT(lines, SizeIs(5));
  EXPECT_EQ(lines[4].from, "198.51.100.1");
  const auto* sampled = std::ranges::find_if(lines.data(), lines.data() + lines.size(),
                                             [](const Line& l) { return !l.header.empty(); });
  ASSERT_NE(sampled, lines.data() + lines.size());
  EXPECT_EQ(sampled->at_unix_s, kStart + 180);
  EXPECT_EQ(sampled->header,
            "Received: from [203.0.113.9] (unknown) by mail.example (Postfix) with ESMTPSA id 1");
  EXPECT_EQ(describe(*sampled),
            "2023-11-14T22:16:20Z 192.0.2.7, bob, from 203.0.113.9: Cheap pills | The server took "
            "it from 203.0.113.9. | Received: from [203.0.113.9] (unknown) by mail.example "
            "(Postfix) with ESMTPSA id 1");
}

TEST(Rules, HostileTextIsDataOnly) {
  Story story;
  story.spam(3, {.ip = "203.0.113.9",
                 .auth = "yes",
                 .user = "\x1b]0;evil\x07" + std::string(300, 'x') + "\xff"});
  story.material().spam[0].set_subject("\x1b[2J<script>\xe2\x80\xae" + std::string(5000, 'y'));
  story.spam(3, {.auth = "no", .script = "a\r\nb.php"});
  for (const Finding& finding : story.findings()) {
    const auto is_plain = [](const std::string& text) {
      return text.size() < 1000 && std::ranges::none_of(text, [](char c) {
               return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
             });
    };
    EXPECT_TRUE(is_plain(finding.text) && is_plain(finding.user) && is_plain(finding.script));
    for (const Line& line : finding.lines) EXPECT_TRUE(is_plain(describe(line)));
    for (const std::string& line : advice_for({.findings = {finding}})) EXPECT_TRUE(is_plain(line));
  }
}

TEST(Rules, AdviceIsAboutTheFirstAndAllThatAreLikely) {
  const auto advice = [](std::vector<Finding> findings) {
    return advice_for({.findings = std::move(findings)});
  };
  const Finding bob{.kind = Kind::kStolenPassword, .confidence = Confidence::kHigh, .user = "bob"};
  const Finding relay{.kind = Kind::kOpenRelay, .confidence = Confidence::kLow};
  EXPECT_THAT(advice({bob, relay}), Contains(HasSubstr("password of bob")));
  EXPECT_THAT(advice({bob, relay}), Not(Contains(HasSubstr("reject_unauth_destination"))));
  EXPECT_THAT(advice({relay}), Contains(HasSubstr("reject_unauth_destination")));
  for (size_t kind = 0; kind < std::size(kKindNames); ++kind) {
    const auto lines = advice({{.kind = static_cast<Kind>(kind)}});
    EXPECT_THAT(lines, Not(IsEmpty()));
    EXPECT_THAT(lines.back(), HasSubstr("queue"));
    EXPECT_EQ(std::set<std::string>(lines.begin(), lines.end()).size(), lines.size());
  }
}

}  // namespace
}  // namespace postern::diagnosis
