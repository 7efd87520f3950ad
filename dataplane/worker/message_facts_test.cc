#include "dataplane/worker/message_facts.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::worker {
namespace {

const IpAddress kClient = *IpAddress::parse("198.51.100.25");

TEST(MessageFacts, OriginAsTheEventHasIt) {
  MessageFacts facts;
  facts.begin("mail.customer.example", kClient);
  facts.header("Received",
               "from pc (unknown [IPv6:2001:db8::9])\n\t(Authenticated sender: bob)\n"
               "\tby mail.customer.example (Postfix) with ESMTPSA id 1; now");
  facts.header("Subject", "x");
  Event event;
  facts.fill(event);
  EXPECT_EQ(event.origin.ip.view(), "2001:db8::9");
  EXPECT_EQ(event.origin.auth, OriginAuth::kYes);
  EXPECT_EQ(event.origin.user.view(), "bob");
  EXPECT_EQ(event.origin.script.view(), "");
  EXPECT_EQ(event.origin.confidence, Confidence::kHigh);
  EXPECT_EQ(event.origin.why.view(), "The server took it from 2001:db8::9, logged in as bob.");
}

TEST(MessageFacts, NoOriginOfAMessageWithoutHeader) {
  MessageFacts facts;
  facts.begin("mail.customer.example", kClient);
  Event event;
  facts.fill(event);
  EXPECT_EQ(event.origin.ip.view(), "");
  EXPECT_EQ(event.origin.confidence, Confidence::kNone);
}

TEST(MessageFacts, TheFirstDistinctLinkDomains) {
  MessageFacts facts;
  facts.begin("", kClient);
  facts.link({"http://a.example/", "a.example", "a.example"});
  facts.link({"http://192.0.2.1/", "192.0.2.1", ""});
  facts.link({"http://www.a.example/", "www.a.example", "a.example"});
  for (int i = 0; i < 20; ++i) {
    const std::string domain = "b" + std::to_string(i) + ".example";
    facts.link({"", domain, domain});
  }
  Event event;
  facts.fill(event);
  ASSERT_EQ(event.link_domains_stored, Event::kLinkDomains);
  EXPECT_EQ(event.link_domains[0].view(), "a.example");
  EXPECT_EQ(event.link_domains[1].view(), "b0.example");
  EXPECT_EQ(event.link_domains[7].view(), "b6.example");
  facts.begin("", kClient);
  facts.fill(event);
  EXPECT_EQ(event.link_domains_stored, 0u);
}

}  // namespace
}  // namespace postern::worker
