// Blocks on a part of a sender's mail, and the samples of headers that are evidence for them.
// Packets in, packets out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/worker/event_facts.h"
#include "dataplane/worker/testing/wire.h"

namespace postern::worker {
namespace {

using testing::Dialogue;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kHam;
using testing::kSpam;
using testing::Sent;
using testing::Side;
using ::testing::SizeIs;
using ::testing::StartsWith;
using testing::Wire;
using verdict::Treatment;

// Base 64 of NUL "bob" NUL "secret", of "Alice" likewise.
constexpr char kBob[] = "AUTH PLAIN AGJvYgBzZWNyZXQ=\r\n";
constexpr char kAlice[] = "AUTH PLAIN AEFsaWNlAHNlY3JldA==\r\n";
constexpr char kMail[] = "MAIL FROM:<a@client.example>\r\n";
// As Postfix writes it for a client that logged in, and for one that did not.
constexpr char kHandedInByBob[] =
    "Received: from pc (dialup.example [10.1.2.3])\r\n\t(Authenticated sender: bob)"
    "\r\n\tby client.example (Postfix) with ESMTPSA id 1; Mon, 23 Nov 2026 08:00:00 +0000\r\n";
constexpr char kHandedInByAHost[] =
    "Received: from pc (pc.example [10.1.2.4])"
    " by client.example (Postfix) with ESMTP id 1; Mon, 23 Nov 2026 08:00:00 +0000\r\n";

void log_in(Dialogue& d, const char* command, const char* reply = "235 2.7.0 Ok\r\n") {
  d.until_mail();
  d.client(command);
  d.server(reply);
}
// A whole message up to its end; what left because of that.
std::vector<Sent> message(Dialogue& d, const std::string& header, const char* rest = kHam) {
  d.client(kMail);
  d.server("250 2.1.0 Ok\r\n");
  d.client("RCPT TO:<b@mx.example>\r\n");
  d.server("250 2.1.5 Ok\r\n");
  d.client("DATA\r\n");
  d.server("354 go on\r\n");
  return d.client(header + rest);
}
std::string reply_in(const std::vector<Sent>& sent) {
  for (const Sent& s : sent) {
    if (s.out == Side::kInside && !s.segment.payload.empty()) return s.segment.payload;
  }
  return "";
}
bool ended(const std::vector<Sent>& sent) {
  return std::ranges::any_of(sent, [](const Sent& s) {
    return s.out == Side::kOutside && s.segment.payload.ends_with("\r\n.\r\n");
  });
}

// --- Users who log in on the wire.

TEST(BlockedUser, IsRefusedAtMailAndTheOthersOfHisServerAreNot) {
  Wire wire;
  wire.verdicts.block("user:bob");
  Dialogue bob(wire, 40000);
  log_in(bob, kBob);
  const auto sent = bob.client(kMail);
  EXPECT_THAT(reply_in(sent), StartsWith("550 5.7.1 Sending as bob through 192.0.2.7 is blocked "
                                         "(case 0000000011)"));
  EXPECT_THAT(sent[0].segment.payload, IsEmpty());
  ASSERT_THAT(wire.events.events, SizeIs(1));
  const Event& event = wire.events.events[0];
  EXPECT_EQ(event.outcome, Outcome::kRefusedVerdict);
  EXPECT_EQ(event.case_reference.number, 33u);
  EXPECT_EQ(event.held_by.view(), "user:bob");
  EXPECT_EQ(event.auth_user.view(), "bob");
  EXPECT_EQ(event.header_sample, nullptr);
  EXPECT_EQ(wire.counters.get(Counter::kHeldByPart), 1u);

  Dialogue alice(wire, 40001);
  log_in(alice, kAlice);
  EXPECT_TRUE(ended(message(alice, "")));
  Dialogue nobody(wire, 40002);
  nobody.until_mail();
  EXPECT_TRUE(ended(message(nobody, "")));
}

TEST(BlockedUser, IsTheSameInEitherCase) {
  Wire wire;
  wire.verdicts.block("user:alice");
  Dialogue d(wire);
  log_in(d, kAlice);
  EXPECT_THAT(reply_in(d.client(kMail)), StartsWith("550 5.7.1 Sending as alice "));
}

TEST(BlockedUser, WhoseLoginWasRefusedIsNobody) {
  Wire wire;
  wire.verdicts.block("user:bob");
  Dialogue d(wire);
  log_in(d, kBob, "535 5.7.8 no\r\n");
  EXPECT_TRUE(ended(message(d, "")));
}

TEST(BlockedUser, MeetsTheBlockAtTheNextTransactionOfAnOpenConnection) {
  Wire wire;
  Dialogue d(wire);
  log_in(d, kBob);
  EXPECT_TRUE(ended(message(d, "")));
  d.server("250 2.0.0 Ok\r\n");
  wire.verdicts.block("user:bob");
  EXPECT_THAT(reply_in(d.client(kMail)), StartsWith("550 5.7.1 Sending as bob "));
}

TEST(BlockedUser, MeetsTheBlockAtTheEndOfTheMessageUnderWay) {
  Wire wire;
  Dialogue d(wire);
  log_in(d, kBob);
  d.client(kMail);
  d.server("250 2.1.0 Ok\r\n");
  d.client("RCPT TO:<b@mx.example>\r\n");
  d.server("250 2.1.5 Ok\r\n");
  d.client("DATA\r\n");
  d.server("354 go on\r\n");
  wire.verdicts.block("user:bob");
  const auto sent = d.client(kHam);
  EXPECT_FALSE(ended(sent));
  EXPECT_THAT(reply_in(sent), StartsWith("550 5.7.1 Sending as bob "));
}

TEST(BlockedUser, IsHeldAtTheEndOfTheMessage) {
  Wire wire;
  wire.verdicts.block("user:bob", Treatment::kHold);
  Dialogue d(wire);
  log_in(d, kBob);
  const auto sent = message(d, "");
  EXPECT_FALSE(ended(sent));
  EXPECT_THAT(reply_in(sent), StartsWith("451 4.7.1 Held for observation"));
  EXPECT_THAT(reply_in(sent), HasSubstr("(case 0000000011)"));
  ASSERT_THAT(wire.events.events, SizeIs(1));
  EXPECT_EQ(wire.events.events[0].outcome, Outcome::kDeferredHold);
  EXPECT_EQ(wire.events.events[0].held_by.view(), "user:bob");
}

// --- What the header says of who handed the message in.

TEST(BlockedUser, WhomTheHeaderNamesIsRefusedAtTheEndOfTheMessage) {
  Wire wire;
  wire.verdicts.block("user:bob");
  Dialogue bob(wire, 40000);
  bob.until_mail();
  const auto sent = message(bob, kHandedInByBob);
  EXPECT_FALSE(ended(sent));
  EXPECT_THAT(reply_in(sent), StartsWith("550 5.7.1 Sending as bob through 192.0.2.7 is blocked"));
  ASSERT_THAT(wire.events.events, SizeIs(1));
  EXPECT_EQ(wire.events.events[0].held_by.view(), "user:bob");
  EXPECT_EQ(wire.events.events[0].origin.user.view(), "bob");
  Dialogue host(wire, 40001);
  host.until_mail();
  EXPECT_TRUE(ended(message(host, kHandedInByAHost)));
}

TEST(BlockedAddress, WhatItHandsInIsRefusedAndTheRestIsNot) {
  Wire wire;
  wire.verdicts.block("from:10.1.2.4/31");
  Dialogue host(wire, 40000);
  host.until_mail();
  const auto sent = message(host, kHandedInByAHost);
  EXPECT_FALSE(ended(sent));
  EXPECT_THAT(reply_in(sent), StartsWith("554 5.7.1 Message refused: mail from 10.1.2.4/31 through "
                                         "192.0.2.7 is blocked (case 0000000011)"));
  ASSERT_THAT(wire.events.events, SizeIs(1));
  const Event& event = wire.events.events[0];
  EXPECT_EQ(event.outcome, Outcome::kRefusedVerdict);
  EXPECT_EQ(event.held_by.view(), "from:10.1.2.4/31");
  ASSERT_NE(event.header_sample, nullptr);
  EXPECT_EQ(event.header_sample->view(), kHandedInByAHost + std::string("Subject: hi\r\n"));
  EXPECT_FALSE(event.header_sample->cut);
  Dialogue other(wire, 40001);
  other.until_mail();
  EXPECT_TRUE(ended(message(other, kHandedInByBob)));
}

TEST(BlockedAddress, WhatItHandsInIsHeld) {
  Wire wire;
  wire.verdicts.block("from:10.1.2.4", Treatment::kHold);
  Dialogue d(wire);
  d.until_mail();
  EXPECT_THAT(reply_in(message(d, kHandedInByAHost)), StartsWith("451 4.7.1 Held"));
  ASSERT_THAT(wire.events.events, SizeIs(1));
  EXPECT_EQ(wire.events.events[0].outcome, Outcome::kDeferredHold);
  EXPECT_EQ(wire.events.events[0].held_by.view(), "from:10.1.2.4");
}

// --- Beside what is said of the whole sender.

TEST(PartsOfASender, TheStrictestCounts) {
  Wire wire;
  wire.verdicts.block("user:bob", Treatment::kHold);
  wire.verdicts.block("from:10.1.2.3");
  Dialogue d(wire, 40000);
  d.until_mail();
  EXPECT_THAT(reply_in(message(d, kHandedInByBob)), StartsWith("554 5.7.1 "));
  EXPECT_EQ(wire.events.events.back().held_by.view(), "from:10.1.2.3");
  // Of equals the whole sender's is told.
  wire.verdicts.verdict = {.treatment = Treatment::kHold,
                           .case_reference = CaseReference{7},
                           .held_by = verdict::Switch::kTreatment};
  wire.verdicts.blocks = {};
  wire.verdicts.block("user:bob", Treatment::kHold);
  Dialogue e(wire, 40001);
  e.until_mail();
  EXPECT_THAT(reply_in(message(e, kHandedInByBob)), StartsWith("451 4.7.1 "));
  EXPECT_EQ(wire.events.events.back().held_by.view(), "treatment");
  EXPECT_EQ(wire.events.events.back().case_reference.number, 7u);
}

TEST(PartsOfASender, WhoMayPassIsReadForTheSakeOfThemAlone) {
  Wire wire;
  wire.verdicts.verdict.treatment = Treatment::kPass;
  wire.verdicts.block("user:bob");
  Dialogue alice(wire, 40000);
  log_in(alice, kAlice);
  EXPECT_TRUE(ended(message(alice, "", kSpam)));  // its content is not judged
  Dialogue bob(wire, 40001);
  log_in(bob, kBob);
  EXPECT_THAT(reply_in(bob.client(kMail)), StartsWith("550 5.7.1 "));
  // Without them it is not read at all.
  wire.verdicts.blocks = {};
  Dialogue unread(wire, 40002);
  log_in(unread, kBob);
  const uint64_t before = wire.counters.get(Counter::kFramesNotInspected);
  EXPECT_THAT(unread.client(kMail), SizeIs(1));
  EXPECT_GT(wire.counters.get(Counter::kFramesNotInspected), before);
}

// --- Samples of headers.

TEST(HeaderSamples, AreOfWhatWasRefusedOrHeldAndNeverOfABody) {
  Wire wire;
  Dialogue spam(wire, 40000);
  spam.until_mail();
  message(spam, kHandedInByBob, kSpam);
  Dialogue ham(wire, 40001);
  ham.until_mail();
  message(ham, kHandedInByBob);
  ham.server("250 2.0.0 Ok\r\n");
  ASSERT_THAT(wire.events.events, SizeIs(2));
  ASSERT_NE(wire.events.events[0].header_sample, nullptr);
  EXPECT_EQ(wire.events.events[0].header_sample->view(),
            kHandedInByBob + std::string("Subject: hi\r\n"));
  EXPECT_EQ(wire.events.events[0].held_by.view(), "");
  EXPECT_EQ(wire.events.events[1].header_sample, nullptr);
}

TEST(HeaderSamples, AreSoManyASecond) {
  Wire wire;
  for (uint16_t i = 0; i < 50; ++i) {
    Dialogue d(wire, static_cast<uint16_t>(40000 + i));
    if (i == 40) wire.now.monotonic_us += 1'000'000;
    d.until_mail();
    message(d, "", kSpam);
    wire.pipeline->clear(wire.now);
  }
  ASSERT_THAT(wire.events.events, SizeIs(50));
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(wire.events.events[i].header_sample != nullptr, i < 20 || i >= 40) << i;
  }
  EXPECT_EQ(wire.counters.get(Counter::kHeaderSamplesSkipped), 20u);
}

TEST(HeaderSamples, AreLeftOutWhereThereIsNoRoom) {
  Wire wire;
  wire.events.samples_left = 0;
  Dialogue d(wire);
  d.until_mail();
  message(d, "", kSpam);
  ASSERT_THAT(wire.events.events, SizeIs(1));
  EXPECT_EQ(wire.events.events[0].header_sample, nullptr);
  EXPECT_EQ(wire.counters.get(Counter::kHeaderSamplesSkipped), 1u);
}

TEST(HeaderSamples, AreCutAtTheEndOfALine) {
  const std::string line(98, 'x');  // a field of it has 104 octets
  HeaderSample sample;
  for (int i = 0; i < 39; ++i) sample.add("X-A", " " + line.substr(1));
  EXPECT_EQ(sample.length, 39 * 104);
  EXPECT_FALSE(sample.cut);
  // 40 are left: the first line of this fits, its second does not.
  sample.add("X-Long", " one\n\ttwo " + line);
  EXPECT_TRUE(sample.cut);
  EXPECT_EQ(sample.view().substr(39 * 104), "X-Long: one\r\n");
  // Nothing stands behind a cut.
  sample.add("B", " c");
  EXPECT_TRUE(sample.view().ends_with("X-Long: one\r\n"));

  HeaderSample whole;
  whole.add("A", std::string(4096 - 4, 'y'));
  EXPECT_EQ(whole.length, 4096);
  EXPECT_FALSE(whole.cut);
  whole.add("B", "");
  EXPECT_TRUE(whole.cut);
  EXPECT_EQ(whole.length, 4096);
  HeaderSample none;
  none.add("A", std::string(4096 - 3, 'y'));
  EXPECT_TRUE(none.cut);
  EXPECT_EQ(none.length, 0);
}

}  // namespace
}  // namespace postern::worker
