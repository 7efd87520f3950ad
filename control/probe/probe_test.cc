#include "control/probe/probe.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "control/probe/fake_server.h"

namespace postern::probe {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

const Envelope kEnvelope{.domain = "probe.example.org",
                         .recipient = "nobody@probe.example.org",
                         .helo = "probe.example.org"};

Clock::time_point soon() { return Clock::now() + std::chrono::seconds(60); }
Clock::time_point over() { return Clock::now() - std::chrono::seconds(1); }

FakeServer server(FakeServer::Script script) {
  return FakeServer(std::string(kGreeting), std::move(script));
}

TEST(Relay, AnOpenOneTakesWhatComesFromOutsideForOutside) {
  FakeServer open = server(answering("250 2.1.5 Ok\r\n"));
  const Relay found = try_relaying(open.peer(), kEnvelope, soon());
  EXPECT_EQ(found.state, RelayState::kOpen);
  ASSERT_THAT(found.tries, SizeIs(12));
  EXPECT_EQ(found.tries[0], (Try{"outside to outside", "postern-probe@probe.example.org",
                                 "nobody@probe.example.org", RelayState::kOpen, 250, "2.1.5 Ok"}));
  EXPECT_THAT(found.text, AllOf(HasSubstr("is open: 6 of 12"), HasSubstr("after DATA")));
  open.stop();
  EXPECT_THAT(open.commands(), Not(Contains(StartsWith("DATA"))));
  EXPECT_THAT(open.commands(), Not(Contains(StartsWith("BDAT"))));
  EXPECT_EQ(open.commands().front(), "EHLO probe.example.org");
  EXPECT_EQ(open.commands().back(), "QUIT");
  EXPECT_EQ(std::ranges::count(open.commands(), "RSET"), 13);  // one for the name nobody has
}

TEST(Relay, AClosedOneRefusesAll) {
  FakeServer closed = server(answering(std::string(kNoRelay)));
  const Relay found = try_relaying(closed.peer(), kEnvelope, soon());
  EXPECT_EQ(found.state, RelayState::kClosed);
  EXPECT_THAT(found.tries, Each(testing::Field(&Try::state, RelayState::kClosed)));
  EXPECT_EQ(
      found.text,
      "The server is closed: 12 of 12 tries were refused; \"outside to outside\" was answered "
      "554 5.7.1 Relay access denied.");
  closed.stop();
  // The forms, as old servers take them apart (RFC 1123 5.2.16, RFC 822 6.2.7, RFC 976).
  for (const char* to :
       {"nobody%probe.example.org@mail.example.com", "nobody%probe.example.org@[127.0.0.1]",
        "\"nobody@probe.example.org\"", "\"nobody@probe.example.org\"@mail.example.com",
        "probe.example.org!nobody", "probe.example.org!nobody@mail.example.com",
        "@mail.example.com:nobody@probe.example.org"})
    EXPECT_THAT(closed.commands(), Contains(std::string("RCPT TO:<") + to + ">"));
  for (const char* from :
       {"", "postmaster", "postmaster@mail.example.com", "postmaster@[127.0.0.1]"})
    EXPECT_THAT(closed.commands(), Contains(std::string("MAIL FROM:<") + from + ">"));
}

TEST(Relay, OneFormIsEnough) {
  FakeServer percent = server(answering("250 ok\r\n", [](const std::string& line) {
    return std::string(line.find('%') != line.npos ? "250 ok\r\n" : kNoRelay);
  }));
  const Relay found = try_relaying(percent.peer(), kEnvelope, soon());
  EXPECT_EQ(found.state, RelayState::kOpen);
  EXPECT_THAT(found.text, HasSubstr("percent at the server's name"));
}

TEST(Relay, WhoTakesAnyNameForItsOwnIsNotOpenForIt) {
  FakeServer all_names = server(answering("250 ok\r\n", [](const std::string& line) {
    const bool outside =
        line == "RCPT TO:<nobody@probe.example.org>" || line.find(":nobody") != line.npos;
    return std::string(outside ? kNoRelay : "250 ok\r\n");
  }));
  const Relay found = try_relaying(all_names.peer(), kEnvelope, soon());
  EXPECT_EQ(found.state, RelayState::kClosed);
  EXPECT_THAT(found.text, HasSubstr("6 of 12 tries were refused, the others it took for names"));
}

TEST(Relay, GreylistingDecidesNothing) {
  FakeServer grey = server(answering("450 4.2.0 Greylisted\r\n"));
  const Relay found = try_relaying(grey.peer(), kEnvelope, soon());
  EXPECT_EQ(found.state, RelayState::kUndecided);
  EXPECT_THAT(found.text, HasSubstr("450 4.2.0 Greylisted"));
}

// As a Postfix 3.7 answers whose configuration says nothing of relaying (its
// smtpd_relay_restrictions end with defer_unauth_destination).
TEST(Relay, WhatPostfixDefersIsRefused) {
  FakeServer postfix = server(answering("250 2.1.0 Ok\r\n", [](const std::string& line) {
    return fmt::format("454 4.7.1 {}: Relay access denied\r\n", line.substr(8));
  }));
  EXPECT_EQ(try_relaying(postfix.peer(), kEnvelope, soon()).state, RelayState::kClosed);
  FakeServer grey = server(answering("451 4.7.1 Relay access denied for now: greylisted\r\n"));
  EXPECT_EQ(try_relaying(grey.peer(), kEnvelope, soon()).state, RelayState::kUndecided);
}

TEST(Relay, AServerThatNeedsTlsFirstIsNotDecided) {
  FakeServer tls = server(answering("530 5.7.0 Must issue a STARTTLS command first\r\n",
                                    [](const std::string&) { return std::string(kNoRelay); }));
  EXPECT_EQ(try_relaying(tls.peer(), kEnvelope, soon()).state, RelayState::kUndecided);
  FakeServer login = server(answering("530 5.7.0 Authentication required\r\n",
                                      [](const std::string&) { return std::string(kNoRelay); }));
  EXPECT_EQ(try_relaying(login.peer(), kEnvelope, soon()).state, RelayState::kClosed);
}

TEST(Relay, WhatAServerEndsGoesOnOnANewConnection) {
  int refused = 0;
  FakeServer strict = server(answering("250 ok\r\n", [&](const std::string&) {
    return std::string(++refused % 6 == 0 ? "421 4.7.0 Too many errors\r\n" : kNoRelay);
  }));
  // 5 refused and cut at the 6th; again 5; the rest.
  const Relay found = try_relaying(strict.peer(), kEnvelope, soon());
  EXPECT_EQ(found.state, RelayState::kClosed) << found.text;
  strict.stop();
  EXPECT_EQ(strict.connections(), 3);

  FakeServer closing = server([](const std::string& line) {
    return std::string(line.starts_with("RCPT") ? "" : "250 ok\r\n");
  });
  const Relay cut = try_relaying(closing.peer(), kEnvelope, soon());
  EXPECT_EQ(cut.state, RelayState::kUndecided);
  EXPECT_EQ(cut.text,
            "Not decided: 0 of 12 tries were made and refused, then the server closed the "
            "connection.");
  closing.stop();
  EXPECT_EQ(closing.connections(), 2) << "twice at the same try is enough";
}

TEST(Relay, AServerThatTakesNoMailFromHereIsNotDecided) {
  FakeServer away("554 mail.example.com go\x1b[2J away\r\n", answering("250 ok\r\n"));
  const Relay found = try_relaying(away.peer(), kEnvelope, soon());
  EXPECT_EQ(found.state, RelayState::kUndecided);
  EXPECT_THAT(found.text, HasSubstr("554 mail.example.com go\\x1b[2J away"));
}

TEST(Relay, ASilentServerIsOverWithTheTime) {
  FakeServer silent("", answering("250 ok\r\n"));
  const Relay found = try_relaying(silent.peer(), kEnvelope, over());
  EXPECT_EQ(found.state, RelayState::kUndecided);
  EXPECT_THAT(found.tries, IsEmpty());
}

TEST(Relay, ABabblingServerIsCutOff) {
  for (const std::string& babble : {std::string(1 << 20, 'x'), std::string("hello\r\n"), [] {
                                      std::string lines;
                                      for (int i = 0; i < 100'000; ++i)
                                        lines += "220-mail.example.com\r\n";
                                      return lines;
                                    }()}) {
    FakeServer server(babble, answering("250 ok\r\n"));
    const Relay found = try_relaying(server.peer(), kEnvelope, soon());
    EXPECT_EQ(found.state, RelayState::kUndecided);
    EXPECT_THAT(found.text, HasSubstr("the server sent")) << found.text;
  }
}

TEST(Relay, AServersNameIsNoCommand) {
  FakeServer hostile("220 a>\tSIZE=1 <b\r\n", answering(std::string(kNoRelay)));
  try_relaying(hostile.peer(), kEnvelope, soon());
  hostile.stop();
  EXPECT_THAT(hostile.commands(), Contains("MAIL FROM:<postmaster@[127.0.0.1]>"));
  EXPECT_THAT(hostile.commands(), Not(Contains(HasSubstr("SIZE"))));
}

TEST(Exposure, TellsWhatAPortSays) {
  FakeServer usual = server(answering("250 ok\r\n"));
  const Port found = look_at(usual.peer(), "probe.example.org", soon());
  EXPECT_EQ(found, (Port{.number = usual.port(),
                         .state = PortState::kAccepts,
                         .banner = "220 mail.example.com ESMTP",
                         .keywords = {"PIPELINING", "StartTLS"},
                         .starttls = true}));
  usual.stop();
  EXPECT_THAT(usual.commands(), ElementsAre("EHLO probe.example.org", "QUIT"));

  FakeServer away("554 no\r\n", answering("250 ok\r\n"));
  EXPECT_EQ(look_at(away.peer(), "x", soon()).banner, "554 no");
  FakeServer silent("", answering("250 ok\r\n"));
  const Port nothing = look_at(silent.peer(), "x", over());
  EXPECT_EQ(nothing.banner, "");
  FakeServer old = server([](const std::string& line) {
    return std::string(line.starts_with("EHLO") ? "500 what?\r\n" : "221 bye\r\n");
  });
  EXPECT_EQ(look_at(old.peer(), "x", soon()).text, "EHLO was answered 500 what?");
}

TEST(Exposure, APortWhereNobodyListensRefuses) {
  Peer peer;
  {
    FakeServer gone = server(answering("250 ok\r\n"));
    peer = gone.peer();
  }
  const Port found = look_at(peer, "x", soon());
  EXPECT_EQ(found.state, PortState::kRefuses);
  EXPECT_EQ(try_relaying(peer, kEnvelope, soon()).state, RelayState::kUndecided);
}

TEST(Exposure, ComesFromTheAddressThatIsSet) {
  FakeServer usual = server(answering("250 ok\r\n"));
  Peer peer = usual.peer();
  peer.source = *IpAddress::parse("127.0.0.2");
  EXPECT_EQ(look_at(peer, "x", soon()).state, PortState::kAccepts);
  peer.source = *IpAddress::parse("192.0.2.1");  // RFC 5737: nobody's
  EXPECT_THAT(look_at(peer, "x", soon()).text, HasSubstr("probe.source_address"));
}

}  // namespace
}  // namespace postern::probe
