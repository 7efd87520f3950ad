#include "control/diagnosis/injection.h"

#include <gtest/gtest.h>

namespace postern::diagnosis {
namespace {

using channel::v1::Event;

struct Facts {
  std::string ip = {}, auth = "unknown", user = {}, script = {}, confidence = {};
  std::string wire_user = {}, dialect = "EHLO fqdn,MAIL FROM:<>+sb,RCPT TO:<>,DATA";
};

Event event(const Facts& facts) {
  Event out;
  out.set_kind("message");
  out.set_client("192.0.2.7");
  out.set_auth_user(facts.wire_user);
  out.mutable_session()->set_dialect(facts.dialect);
  out.mutable_origin()->set_ip(facts.ip);
  out.mutable_origin()->set_auth(facts.auth);
  out.mutable_origin()->set_user(facts.user);
  out.mutable_origin()->set_script(facts.script);
  out.mutable_origin()->set_confidence(facts.confidence);
  return out;
}

TEST(Injection, IsTheWayThatTheEventTells) {
  const OwnNetwork own{{*IpPrefix::parse("192.0.2.0/28"), *IpPrefix::parse("2001:db8:7::/48")}};
  struct Case {
    const char* what;
    Facts facts;
    Way way;
    uint32_t trust_percent;
  };
  const Case cases[] = {
      {"a login on the wire", {.wire_user = "Bob"}, Way::kUser, 100},
      {"a login in the header",
       {.ip = "203.0.113.9", .auth = "yes", .user = "bob", .confidence = "high"},
       Way::kUser,
       100},
      {"a login, nobody says whose",
       {.ip = "203.0.113.9", .auth = "yes", .confidence = "medium"},
       Way::kUser,
       80},
      {"a login wins over a script",
       {.auth = "yes", .user = "bob", .script = "a.php", .confidence = "low"},
       Way::kUser,
       50},
      {"a script",
       {.auth = "no", .user = "uid 33", .script = "33:a.php", .confidence = "high"},
       Way::kScript,
       100},
      {"outside", {.ip = "203.0.113.9", .auth = "no", .confidence = "high"}, Way::kOutside, 100},
      {"outside over IPv6",
       {.ip = "2001:db8:8::1", .auth = "no", .confidence = "high"},
       Way::kOutside,
       100},
      {"outside, and the server does not tell of logins",
       {.ip = "203.0.113.9", .confidence = "high"},
       Way::kUnclear,
       100},
      {"the customer's",
       {.ip = "192.0.2.9", .auth = "no", .confidence = "high"},
       Way::kInside,
       100},
      {"the customer's, over IPv6", {.ip = "2001:db8:7::1", .confidence = "low"}, Way::kInside, 50},
      {"next to the customer's", {.ip = "192.0.2.16", .auth = "no"}, Way::kOutside, 50},
      {"a private address", {.ip = "172.31.0.9", .auth = "no"}, Way::kInside, 50},
      {"behind a provider's NAT", {.ip = "100.127.0.9", .auth = "no"}, Way::kInside, 50},
      {"no private address any more", {.ip = "172.32.0.9", .auth = "no"}, Way::kOutside, 50},
      {"the server itself", {.ip = "192.0.2.7", .auth = "no"}, Way::kServer, 50},
      {"its loopback", {.ip = "127.0.0.1", .auth = "no"}, Way::kServer, 50},
      {"an account", {.auth = "no", .user = "uid 33", .confidence = "high"}, Way::kServer, 100},
      {"nothing is said", {}, Way::kServer, 50},
      {"a bot says nothing either",
       {.dialect = "helo ip,mail from: <>,rcpt to: <>,data"},
       Way::kBot,
       80},
      {"no address at all", {.ip = "localhost", .auth = "no"}, Way::kServer, 50},
  };
  for (const auto& [what, facts, way, trust_percent] : cases) {
    const Injection injection = injection_of(event(facts), own);
    EXPECT_EQ(injection.way, way) << what;
    EXPECT_EQ(injection.trust_percent, trust_percent) << what;
  }
  EXPECT_EQ(injection_of(event({.wire_user = "Bob@Example.NET"}), own).user, "bob@example.net");
  EXPECT_EQ(injection_of(event({.dialect = "helo ip,mail from: <>"}), own).address,
            *IpAddress::parse("192.0.2.7"));
}

// The dialects of servers are as dataplane/smtp/dialect.h gives them and as its tests saw them.
TEST(Injection, BotsAreToldByTheirHabits) {
  EXPECT_FALSE(is_bot_like("EHLO fqdn,MAIL FROM:<>+sb,RCPT TO:<>+o,DATA,QUIT", true));
  EXPECT_FALSE(is_bot_like("EHLO fqdn,STARTTLS,MAIL FROM:<>,RCPT TO:<>,BDAT,RSET,QUIT", true));
  EXPECT_FALSE(is_bot_like("EHLO name,MAIL FROM:<>+s,RCPT TO:<>,DATA", false)) << "one habit";
  EXPECT_FALSE(is_bot_like("EHLO name,MAIL FROM:<>+s,RCPT TO:<>,DATA,QUIT", true));
  EXPECT_FALSE(is_bot_like("EHLO literal,MAIL FROM:<>,RCPT TO:<>,DATA,QUIT", true));
  EXPECT_TRUE(is_bot_like("helo ip,mail from: <>,rcpt to: <>,data", false));
  EXPECT_TRUE(is_bot_like("HELO name,MAIL FROM:-,RCPT TO:-,DATA", false));
  EXPECT_TRUE(is_bot_like("EHLO fqdn,MAIL FROM:<>!,RCPT TO:<>,DATA,QUIT", true)) << "bare LF";
  EXPECT_TRUE(is_bot_like("HELO name,MAIL FROM:<>,RCPT TO:<>,DATA", true)) << "left without QUIT";
  EXPECT_FALSE(is_bot_like("HELO name", true)) << "sent nothing";
  EXPECT_FALSE(is_bot_like("", true));
}

}  // namespace
}  // namespace postern::diagnosis
