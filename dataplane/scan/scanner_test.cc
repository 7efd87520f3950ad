#include "dataplane/scan/scanner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/testing/heap_calls.h"
#include "dataplane/mime/fixed_text.h"
#include "dataplane/scan/message_file.h"
#include "dataplane/scan/testing/rule_scan.h"
#include "patterns/artefact/artefact.h"
#include "patterns/compile/compiler.h"
#include "patterns/language/reader.h"

namespace postern::scan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::string_view kRules = R"(
header   SUBJECT  Subject =~ /prize/i
score    SUBJECT  1.5
body     BODY     /million dollars/
score    BODY     2.25
describe BODY     Speaks of much money
uri      LINK     m{^https?://evil\.example/}
score    LINK     1
full     WIRE     /^X-Mark: here$/m
score    WIRE     0.25
rawbody  __TAG    /<b>/
meta     BOTH     BODY && __TAG
score    BOTH     10
)";

std::vector<uint8_t> octets(std::string_view text) { return {text.begin(), text.end()}; }

class Scanner : public ::testing::Test {
 protected:
  explicit Scanner(std::string_view rules = kRules)
      : set_(testing::compile_rules(rules)), scan_({}) {
    EXPECT_TRUE(scratch_.prepare(*set_));
  }
  std::vector<std::string> names(const ScanResult& result) const {
    std::vector<std::string> out;
    for (uint32_t rule : result.rules) out.emplace_back(set_->rule_name(rule));
    return out;
  }
  ScanResult scan(std::string_view message) {
    return scan_message(scan_, set_, scratch_, octets(message));
  }

  std::shared_ptr<const SignatureSet> set_;
  MessageScan::Scratch scratch_;
  MessageScan scan_;
};

constexpr std::string_view kSpam =
    "Subject: =?utf-8?q?A_Prize?=\r\nX-Mark: here\r\nMIME-Version: 1.0\r\n"
    "Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    // <b>One</b> million dollars <a href="http://evil.example/x">go</a>
    "PGI+T25lPC9iPiBtaWxsaW9uIGRvbGxhcnMgPGEgaHJlZj0iaHR0cDovL2V2aWwuZXhhbXBsZS94\r\n"
    "Ij5nbzwvYT4=\r\n";

TEST(EnvelopeScan, CountsTheEnvelopesOwnRulesAlone) {
  const auto set = testing::compile_rules(R"(
helo      LOCAL    /^localhost$/
score     LOCAL    1.5
mail_from __BANK   /@bank\.example$/
rcpt_to   TRAP     /^trap@/
score     TRAP     4
meta      BOTH     __BANK && TRAP
score     BOTH     10
body      TEXT     /x/
)");
  EXPECT_TRUE(set->has_envelope_rules());
  MessageScan::Scratch scratch;
  ASSERT_TRUE(scratch.prepare(*set));
  EnvelopeScan scan;
  using enum language::Target;
  scan.begin(*set, &scratch);
  scan.envelope(kHelo, "localhost");
  scan.envelope(kMailFrom, "a@bank.example");
  EXPECT_EQ(scan.finish().score, 1.5);
  scan.begin(*set, &scratch);
  scan.envelope(kHelo, "localhost");
  scan.envelope(kMailFrom, "a@bank.example");
  scan.envelope(kRcptTo, "trap@x.example");
  const ScanResult result = scan.finish();
  EXPECT_EQ(result.score, 5.5);
  EXPECT_EQ(result.rules.size(), 2u);
  EXPECT_FALSE(testing::compile_rules("body B /b/\n")->has_envelope_rules());
}

constexpr std::string_view kOriginRules = R"(
origin   FROM_WEB   /^ip=203\.0\.113\.7 auth=yes user=bob script=- confidence=\w+$/
origin   NOWHERE    /^ip=- auth=unknown user=- script=- confidence=\w+$/
mimeheader GIF      Content-Type =~ /^image\/gif\b/
mimeheader MIXED    Content-Type:raw =~ /^ multipart/
envelope GREETING   /^helo: mx\.example\.org$/
)";

struct OriginScanner : Scanner {
  OriginScanner() : Scanner(kOriginRules) {}
};

TEST_F(OriginScanner, origin_is_read_from_the_header_when_a_rule_asks) {
  const std::string_view message =
      "Received: from [192.168.1.5] (dsl.example.net [203.0.113.7])\r\n"
      "\t(Authenticated sender: bob)\r\n"
      "\tby mx.example.org (Postfix) with ESMTPSA id 4ABCD12;\r\n"
      "\tMon, 2 Nov 2026 10:00:00 +0000\r\n"
      "Subject: x\r\n\r\ntext\r\n";
  const std::vector<EnvelopeElement> envelope{{language::Target::kHelo, "mx.example.org"}};
  EXPECT_THAT(names(scan_message(scan_, set_, scratch_, octets(message), envelope)),
              ElementsAre("FROM_WEB", "GREETING"));
  EXPECT_THAT(names(scan("Subject: x\r\n\r\ntext\r\n")), ElementsAre("NOWHERE"));
}

TEST_F(OriginScanner, headers_of_parts_are_read_when_a_rule_asks) {
  EXPECT_THAT(names(scan("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
                         "Content-Type:\r\n image/gif\r\n\r\nx\r\n--b--\r\n")),
              ElementsAre("NOWHERE", "GIF", "MIXED"));
}

TEST_F(Scanner, scores_a_message) {
  const ScanResult result = scan(kSpam);
  EXPECT_THAT(names(result), ElementsAre("SUBJECT", "BODY", "LINK", "WIRE", "BOTH"));
  EXPECT_DOUBLE_EQ(result.score, 15.0);
  EXPECT_FALSE(result.failed);
  EXPECT_EQ(result.confirmations_cut, 0u);
  EXPECT_EQ(set_->rule_description(1), "Speaks of much money");
  EXPECT_EQ(set_->digest().size(), 64u);
}

TEST_F(Scanner, ham_scores_nothing) {
  const ScanResult result = scan("Subject: lunch\r\n\r\nAt noon?\r\n");
  EXPECT_THAT(names(result), IsEmpty());
  EXPECT_EQ(result.score, 0);
}

TEST_F(Scanner, segmentation_changes_nothing) {
  const std::vector<std::string> whole = names(scan(kSpam));
  for (size_t step : {1, 2, 7, 100}) {
    scan_.begin(set_, &scratch_);
    const std::vector<uint8_t> message = octets(kSpam);
    for (size_t at = 0; at < message.size(); at += step) {
      scan_.feed(std::span(message).subspan(at, std::min(step, message.size() - at)));
    }
    EXPECT_EQ(names(scan_.finish()), whole) << step;
  }
}

TEST_F(Scanner, line_feeds_alone_do_as_well) {
  std::string message(kSpam);
  std::erase(message, '\r');
  EXPECT_EQ(scan(message).score, 15.0);
}

TEST_F(Scanner, text_after_the_first_megabyte_is_seen) {
  std::string message = "Subject: long\r\n\r\n";
  while (message.size() < 3 * 1024 * 1024)
    message += "Lorem ipsum dolor sit amet, consectetur.\r\n\r\n";
  EXPECT_THAT(names(scan(message)), IsEmpty());
  EXPECT_THAT(names(scan(message + "a million dollars\r\n")), ElementsAre("BODY"));
}

TEST_F(Scanner, messages_interleave_on_one_thread) {
  MessageScan other({});
  const std::vector<uint8_t> spam = octets(kSpam);
  const std::vector<uint8_t> ham = octets("Subject: x\r\n\r\nhello\r\n");
  scan_.begin(set_, &scratch_);
  other.begin(set_, &scratch_);
  scan_.feed(std::span(spam).first(100));
  other.feed(ham);
  scan_.feed(std::span(spam).subspan(100));
  EXPECT_EQ(other.finish().score, 0);
  EXPECT_EQ(scan_.finish().score, 15.0);
}

TEST_F(Scanner, a_message_keeps_its_set_alive) {
  std::weak_ptr<const SignatureSet> watch = set_;
  scan_.begin(set_, &scratch_);
  set_.reset();
  EXPECT_FALSE(watch.expired());
  scan_.feed(octets(kSpam));
  EXPECT_EQ(scan_.finish().score, 15.0);
  scan_.begin(nullptr, &scratch_);
  EXPECT_TRUE(watch.expired());
}

TEST_F(Scanner, without_a_set_a_message_is_read_for_its_observer) {
  struct Observer : mime::RenderSink {
    void header(std::string_view name, std::string_view, std::string_view) override {
      seen += name;
    }
    void body(std::string_view) override {}
    void rawbody(std::string_view) override {}
    void uri(std::string_view) override {}
    void part(const mime::Part& part) override { seen += part.content_type; }
    std::string seen;
  } observer;
  scan_.observe(&observer);
  const ScanResult result =
      scan_message(scan_, nullptr, scratch_, octets("Subject: x\r\n\r\nhello\r\n"));
  EXPECT_EQ(result.score, 0);
  EXPECT_EQ(observer.seen, "Subjecttext/plain");
}

TEST_F(Scanner, links_are_read_without_allocation) {
  struct Observer : mime::RenderSink {
    void header(std::string_view, std::string_view, std::string_view) override {}
    void body(std::string_view) override {}
    void rawbody(std::string_view) override {}
    void uri(std::string_view) override {}
    void part(const mime::Part&) override {}
    void link(const mime::Link& link) override {
      if (told < domains.size()) domains[told++].assign(link.domain);
    }
    std::array<mime::FixedText<64>, 8> domains;
    size_t told = 0;
  } observer;
  scan_.observe(&observer, {.links = true});
  const std::vector<uint8_t> message = octets(
      "Subject: x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
      "<a href='http://www.b\u00fccher-und-noch-viel-mehr-in-einem-einzigen-namen.example/'>x</a>"
      "<a href='https://a.shop.co.uk/?u=http%3A%2F%2F\u043f\u0440\u0438\u043c\u0435\u0440.\u0440"
      "\u0444'>x</a> http://0xc0000201/\r\n");
  (void)scan_message(scan_, nullptr, scratch_, message);
  observer.told = 0;
  const uint64_t before = heap_calls();
  (void)scan_message(scan_, nullptr, scratch_, message);
  EXPECT_EQ(heap_calls() - before, 0u);
  ASSERT_EQ(observer.told, 4u);
  EXPECT_TRUE(observer.domains[0].view().starts_with("xn--bcher-und-noch-viel-mehr-in-einem"));
  EXPECT_EQ(observer.domains[1].view(), "shop.co.uk");
  EXPECT_EQ(observer.domains[2].view(), "xn--e1afmkfd.xn--p1ai");
  EXPECT_EQ(observer.domains[3].view(), "");
}

TEST_F(Scanner, nothing_is_allocated_while_a_message_passes) {
  const std::vector<uint8_t> message = octets(kSpam);
  (void)scan_message(scan_, set_, scratch_, message);
  const uint64_t before = heap_calls();
  const ScanResult result = scan_message(scan_, set_, scratch_, message);
  EXPECT_EQ(heap_calls() - before, 0u);
  EXPECT_EQ(result.score, 15.0);
}

class Loading : public ::testing::Test {
 protected:
  Loading() {
    path_ = std::filesystem::temp_directory_path() /
            ("postern-loading-test-" + std::to_string(getpid()));
    language::Reader reader;
    reader.read_text("test.cf", "body A /a/\n");
    // In a database, whatever it would cost to search otherwise.
    artefact_ =
        compile::compile(*reader.finish(), {.placement = {.factoring = compile::Factoring::kNever}})
            ->artefact;
  }
  ~Loading() override { std::filesystem::remove(path_); }
  std::string load_error() {
    EXPECT_TRUE(artefact::write(artefact_, path_));
    const auto set = SignatureSet::load(path_);
    return set ? "loaded" : set.error();
  }

  std::filesystem::path path_;
  artefact::Artefact artefact_;
};

// The head of a serialised database (hs 5.4: db_header): magic, version, length, platform.
TEST_F(Loading, databases_of_another_hyperscan_or_processor_are_refused) {
  EXPECT_EQ(load_error(), "loaded");
  const artefact::Artefact good = artefact_;
  artefact_.databases[0].bytes[5] ^= 0x7;
  EXPECT_THAT(load_error(), HasSubstr("was compiled for Hyperscan"));
  artefact_ = good;
  artefact_.databases[0].bytes[12] ^= 0x40;
  EXPECT_THAT(load_error(), HasSubstr("was compiled for another processor"));
  EXPECT_THAT(load_error(), HasSubstr("compile the set again on this machine"));
  artefact_ = good;
  artefact_.databases[0].bytes[artefact_.databases[0].bytes.size() / 2] ^= 1;
  EXPECT_THAT(load_error(), HasSubstr("Hyperscan refuses"));
  artefact_ = good;
  artefact_.databases[0].bytes.resize(3);
  EXPECT_THAT(load_error(), HasSubstr("Hyperscan refuses"));
  artefact_ = good;
  artefact_.databases.push_back(good.databases[0]);
  EXPECT_THAT(load_error(), HasSubstr("two databases for one target"));
}

TEST_F(Loading, a_missing_file_is_named) {
  const auto set = SignatureSet::load("/nonexistent/set.psig");
  ASSERT_FALSE(set);
  EXPECT_THAT(set.error(), HasSubstr("/nonexistent/set.psig: cannot be opened"));
}

}  // namespace
}  // namespace postern::scan
