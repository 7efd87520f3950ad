#include "dataplane/agent/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/mime/render.h"
#include "dataplane/smtp/transaction.h"

namespace postern::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

channel::v1::Verdict wire_verdict(std::string octets, uint32_t length,
                                  channel::v1::Treatment treatment) {
  channel::v1::Verdict v;
  v.set_address(std::move(octets));
  v.set_prefix_length(length);
  v.set_treatment(treatment);
  return v;
}

const std::string kHost("\xc0\x00\x02\x07", 4);   // 192.0.2.7
const std::string kRange("\xc0\x00\x02\x00", 4);  // 192.0.2.0
const std::string kV6("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0", 16);

TEST(Wire, ReadsVerdicts) {
  channel::v1::Verdict v = wire_verdict(kRange, 24, channel::v1::TREATMENT_THROTTLE);
  v.set_messages_per_minute(30);
  v.set_case_reference(77);
  v.set_expires_unix_s(99);
  v.set_starttls(channel::v1::START_TLS_MASK);
  v.set_of(channel::v1::SWITCH_SMORF_BLOCK);
  EXPECT_EQ(std::get<verdict::PrefixVerdict>(*from_wire(v)),
            (verdict::PrefixVerdict{*IpPrefix::parse("192.0.2.0/24"), verdict::Treatment::kThrottle,
                                    30, CaseReference{77}, 99, verdict::StartTls::kMask,
                                    verdict::Switch::kSmorfBlock}));
  v.set_of(channel::v1::SWITCH_INBOUND_SOURCE);
  EXPECT_EQ(std::get<verdict::PrefixVerdict>(*from_wire(v)).of, verdict::Switch::kInboundSource);
  const auto whole = [](const channel::v1::Verdict& wire) {
    return std::get<verdict::PrefixVerdict>(*from_wire(wire));
  };
  EXPECT_EQ(whole(wire_verdict(kV6, 32, channel::v1::TREATMENT_PASS)).prefix.to_string(),
            "2001:db8::/32");
  EXPECT_EQ(whole(wire_verdict(kHost, 32, channel::v1::TREATMENT_DROP)).treatment,
            verdict::Treatment::kDrop);
}

channel::v1::Verdict wire_block(channel::v1::Treatment treatment) {
  channel::v1::Verdict v = wire_verdict(kHost, 32, treatment);
  v.set_of(channel::v1::SWITCH_SMORF_BLOCK);
  v.set_case_reference(77);
  return v;
}

TEST(Wire, ReadsBlocksOnPartsOfASender) {
  channel::v1::Verdict user = wire_block(channel::v1::TREATMENT_REFUSE);
  user.set_auth_user("Bob");
  EXPECT_EQ(std::get<verdict::NarrowVerdict>(*from_wire(user)),
            (verdict::NarrowVerdict{*IpPrefix::parse("192.0.2.7"), *SenderPart::user("bob"),
                                    verdict::Treatment::kRefuse, CaseReference{77}, 0}));
  channel::v1::Verdict from = wire_block(channel::v1::TREATMENT_HOLD);
  from.set_injecting_address(kV6);
  from.set_injecting_length(32);
  from.set_expires_unix_s(99);
  EXPECT_EQ(std::get<verdict::NarrowVerdict>(*from_wire(from)),
            (verdict::NarrowVerdict{*IpPrefix::parse("192.0.2.7"),
                                    SenderPart::from(*IpPrefix::parse("2001:db8::/32")),
                                    verdict::Treatment::kHold, CaseReference{77}, 99}));
  channel::v1::Delta delta;
  *delta.add_upserts() = user;
  *delta.add_upserts() = wire_block(channel::v1::TREATMENT_REFUSE);
  channel::v1::Removal* removal = delta.add_removals();
  removal->set_address(kHost);
  removal->set_prefix_length(32);
  removal->set_of(channel::v1::SWITCH_SMORF_BLOCK);
  *delta.add_removals() = *removal;
  removal->set_injecting_address(kRange);
  removal->set_injecting_length(24);
  const VerdictDelta read = *from_wire(delta);
  EXPECT_EQ(read.upserts.size(), 1u);
  EXPECT_EQ(read.narrow_upserts.size(), 1u);
  EXPECT_EQ(read.removals.size(), 1u);
  ASSERT_EQ(read.narrow_removals.size(), 1u);
  EXPECT_EQ(read.narrow_removals[0].part.to_string(), "from:192.0.2.0/24");
}

TEST(Wire, SaysWhatIsWrongWithABlockOnAPart) {
  using namespace channel::v1;
  channel::v1::Verdict v = wire_block(TREATMENT_PASS);
  v.set_auth_user("bob");
  EXPECT_THAT(from_wire(v).error(), HasSubstr("held or refused only"));
  v.set_treatment(TREATMENT_REFUSE);
  v.set_injecting_address(kHost);
  v.set_injecting_length(32);
  EXPECT_THAT(from_wire(v).error(), HasSubstr("at once"));
  v.clear_auth_user();
  v.set_injecting_length(24);
  EXPECT_THAT(from_wire(v).error(), HasSubstr("bits are set"));
  v.set_injecting_length(32);
  EXPECT_TRUE(from_wire(v).has_value());
  v.set_of(SWITCH_TREATMENT);
  EXPECT_THAT(from_wire(v).error(), HasSubstr("only a SMORF block"));
  v = wire_block(TREATMENT_REFUSE);
  v.set_auth_user("a\nb");
  EXPECT_THAT(from_wire(v).error(), HasSubstr("control characters"));
}

TEST(Wire, SaysWhatIsWrongWithAVerdict) {
  using namespace channel::v1;
  EXPECT_THAT(from_wire(wire_verdict("", 0, TREATMENT_DROP)).error(), HasSubstr("0 octets"));
  EXPECT_THAT(from_wire(wire_verdict(kHost, 33, TREATMENT_DROP)).error(), HasSubstr("0 to 32"));
  EXPECT_THAT(from_wire(wire_verdict(kV6, 129, TREATMENT_DROP)).error(), HasSubstr("0 to 128"));
  EXPECT_THAT(from_wire(wire_verdict(kHost, 24, TREATMENT_DROP)).error(),
              HasSubstr("bits are set"));
  channel::v1::Verdict strange = wire_verdict(kHost, 32, TREATMENT_PASS);
  strange.set_starttls(static_cast<StartTls>(7));
  EXPECT_THAT(from_wire(strange).error(), HasSubstr("starttls 7"));
  channel::v1::Verdict other = wire_verdict(kHost, 32, TREATMENT_PASS);
  other.set_of(static_cast<Switch>(9));
  EXPECT_THAT(from_wire(other).error(), HasSubstr("switch 9"));
  EXPECT_THAT(from_wire(wire_verdict(kHost, 32, TREATMENT_UNSPECIFIED)).error(),
              HasSubstr("treatment 0"));
  EXPECT_THAT(from_wire(wire_verdict(kHost, 32, static_cast<Treatment>(7))).error(),
              HasSubstr("treatment 7"));
  const std::string mapped = std::string(10, '\0') + "\xff\xff" + kHost;
  EXPECT_THAT(from_wire(wire_verdict(mapped, 128, TREATMENT_DROP)).error(), HasSubstr("4 octets"));
}

TEST(Wire, WritesEvents) {
  worker::Event event;
  event.outcome = worker::Outcome::kRefusedContent;
  event.case_reference.number = 5;
  event.wall_us = 1'700'000'000'000'001;
  event.client = *IpAddress::parse("192.0.2.7");
  event.server = *IpAddress::parse("2001:db8::25");
  event.client_port = 40'000;
  event.server_port = 25;
  event.helo.assign("mail.example.com");
  event.mail_from.assign("bob@example.com");
  event.recipients_count = 3;
  event.recipients_stored = 2;
  event.recipients[0].assign("a@example.net");
  event.recipients[1].assign("b@example.net");
  event.subject.assign("caf\xe9");
  event.rules_count = 3;
  event.rules = {1, 0, 9};
  event.content_hash = 0x2d06800538d394c2;
  event.score = 7.5;
  event.smtp_anomalies = static_cast<uint32_t>(smtp::Anomaly::kLfDotLf);
  event.mime_anomalies = static_cast<uint32_t>(mime::Anomaly::kBadBase64);
  event.session.dialect.assign("EHLO MAIL");
  event.session.pipelined = event.session.chunked = true;
  event.session.auth_mechanism.assign("LOGIN");
  event.session.auth_result = smtp::AuthResult::kRefused;
  event.session.failed_logins = 2;
  event.session.tls_offered = event.session.tls_started = true;
  event.session.client_bytes = 5'000'000'000;
  event.session.server_bytes = 11;
  event.session.duration_ms = 12;
  event.session.message_ms = 13;
  event.session.messages = 14;
  event.session.null_senders = 15;
  event.session.recipients_count = 16;
  event.session.recipients_rejected = 17;
  event.origin.ip.assign("203.0.113.9");
  event.origin.auth = worker::OriginAuth::kYes;
  event.origin.user.assign("bob");
  event.origin.script.assign("33:form.php");
  event.origin.confidence = worker::Confidence::kMedium;
  event.origin.why.assign("Received");
  event.link_domains_stored = 2;
  event.link_domains[0].assign("example.com");
  event.link_domains[1].assign("example.co.uk");
  event.held_by.assign("user:bob");
  worker::HeaderSample sample;
  constexpr std::string_view kHeader = "Subject: caf\xe9\r\n";
  sample.length = kHeader.size();
  std::ranges::copy(kHeader, sample.octets.begin());
  sample.cut = true;
  event.header_sample = &sample;
  const SignatureNames names{3, "abcd", "set.psig", {"ZERO", "ONE"}};
  const channel::v1::Event out = to_wire(event, &names);
  EXPECT_EQ(out.kind(), "message");
  EXPECT_EQ(out.outcome(), "refused_content");
  EXPECT_EQ(out.case_reference(), 5u);
  EXPECT_EQ(out.wall_us(), 1'700'000'000'000'001u);
  EXPECT_EQ(out.client(), "192.0.2.7");
  EXPECT_EQ(out.server(), "2001:db8::25");
  EXPECT_EQ(out.client_port(), 40'000u);
  EXPECT_EQ(out.helo(), "mail.example.com");
  EXPECT_EQ(out.mail_from(), "bob@example.com");
  EXPECT_EQ(out.recipients_count(), 3u);
  EXPECT_THAT(out.recipients(), ElementsAre("a@example.net", "b@example.net"));
  EXPECT_EQ(out.subject(), "caf\xef\xbf\xbd");
  EXPECT_EQ(out.content_hash(), "2d06800538d394c2");
  EXPECT_EQ(out.score(), 7.5);
  EXPECT_THAT(out.rules(), ElementsAre("ONE", "ZERO", "rule 9"));
  EXPECT_EQ(out.signature_set(), "abcd");
  EXPECT_THAT(out.anomalies(), ElementsAre("lf_dot_lf", "bad_base64"));
  EXPECT_EQ(out.session().dialect(), "EHLO MAIL");
  EXPECT_TRUE(out.session().pipelined());
  EXPECT_TRUE(out.session().chunked());
  EXPECT_EQ(out.session().auth_mechanism(), "LOGIN");
  EXPECT_EQ(out.session().auth_result(), "refused");
  EXPECT_EQ(out.session().failed_logins(), 2u);
  EXPECT_TRUE(out.session().tls_offered());
  EXPECT_TRUE(out.session().tls_started());
  EXPECT_EQ(out.session().client_bytes(), 5'000'000'000u);
  EXPECT_EQ(out.session().server_bytes(), 11u);
  EXPECT_EQ(out.session().duration_ms(), 12u);
  EXPECT_EQ(out.session().message_ms(), 13u);
  EXPECT_EQ(out.session().messages(), 14u);
  EXPECT_EQ(out.session().null_senders(), 15u);
  EXPECT_EQ(out.session().recipients_count(), 16u);
  EXPECT_EQ(out.session().recipients_rejected(), 17u);
  EXPECT_EQ(out.origin().ip(), "203.0.113.9");
  EXPECT_EQ(out.origin().auth(), "yes");
  EXPECT_EQ(out.origin().user(), "bob");
  EXPECT_EQ(out.origin().script(), "33:form.php");
  EXPECT_EQ(out.origin().confidence(), "medium");
  EXPECT_EQ(out.origin().why(), "Received");
  EXPECT_THAT(out.link_domains(), ElementsAre("example.com", "example.co.uk"));
  EXPECT_EQ(out.held_by(), "user:bob");
  EXPECT_EQ(out.header_sample(), "Subject: caf\xe9\r\n");
  EXPECT_TRUE(out.header_sample_cut());
  // What protobuf would not take back is not sent.
  channel::v1::Event back;
  EXPECT_TRUE(back.ParseFromString(out.SerializeAsString()));

  event.kind = worker::EventKind::kSession;
  EXPECT_EQ(to_wire(event, nullptr).kind(), "session");
  EXPECT_EQ(to_wire(event, nullptr).outcome(), "");
  EXPECT_EQ(to_wire(event, nullptr).session().failed_logins(), 2u);
  EXPECT_FALSE(to_wire(event, nullptr).has_origin());

  event.kind = worker::EventKind::kConnectionRefused;
  EXPECT_EQ(to_wire(event, nullptr).kind(), "connection_refused");
  EXPECT_EQ(to_wire(event, nullptr).content_hash(), "");
  EXPECT_FALSE(to_wire(event, nullptr).has_session());
  EXPECT_FALSE(to_wire(event, nullptr).has_origin());
  EXPECT_THAT(to_wire(event, nullptr).rules(), ElementsAre("rule 1", "rule 0", "rule 9"));
}

// A count that is larger than the list only means that the list was cut.
TEST(Wire, ListsNoMoreThanAnEventHolds) {
  worker::Event event;
  event.rules_count = 1000;
  event.rules.fill(0);
  event.recipients_stored = 1000;
  event.link_domains_stored = 1000;
  const channel::v1::Event out = to_wire(event, nullptr);
  EXPECT_EQ(out.rules_size(), static_cast<int>(worker::Event::kRules));
  EXPECT_EQ(out.recipients_size(), static_cast<int>(worker::Event::kRecipients));
  EXPECT_EQ(out.link_domains_size(), static_cast<int>(worker::Event::kLinkDomains));
}

// The Unicode Standard, 3.9, table 3-8: one U+FFFD for each maximal subpart of an ill-formed
// sequence.
TEST(Wire, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(valid_utf8("plain"), "plain");
  EXPECT_EQ(valid_utf8("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(valid_utf8("cut \xc3"), "cut \xef\xbf\xbd");
  EXPECT_EQ(valid_utf8("\xf1\x80\x80\xe1\x80\xc2 b"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd b");
  EXPECT_EQ(valid_utf8(std::string("\xc3\xbc\0x", 4)), std::string("\xc3\xbc\0x", 4));
}

}  // namespace
}  // namespace postern::agent
