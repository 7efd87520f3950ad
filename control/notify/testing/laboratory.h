// For tests: a ledger on disk with one customer and one case, and a folder to look into.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "control/ledger/sqlite_ledger.h"
#include "control/notify/settings.h"

namespace postern::notify {

inline constexpr uint64_t kOpened = 1'700'000'000;  // 2023-11-14T22:13:20Z
inline constexpr CaseReference kReference{0x1234};  // 00000004HM

// The header of a message as it stands on the wire, hostile in what it may be.
inline const std::string kHeaderSample =
    "Received: from pc.inside (pc.inside [203.0.113.9])\r\n"
    "\tby mail.customer.example (Postfix) with ESMTPSA id 4F2\r\n"
    "\tfor <victim@example.net>; Tue, 14 Nov 2023 22:13:00 +0000\r\n"
    "From: \"Bank\" <bob@customer.example>\r\n"
    "To: Victim <victim@example.net>,\r\n other@example.org\r\n"
    "Subject: =?utf-8?q?You_won?=\r\n";

inline channel::v1::Event spam(uint64_t at = kOpened - 60, std::string hash = "aa") {
  channel::v1::Event event;
  event.set_kind("message");
  event.set_outcome("refused_content");
  event.set_client("192.0.2.7");
  event.set_client_port(40001);
  event.set_server("198.51.100.25");
  event.set_auth_user("bob");
  event.set_mail_from("bob@customer.example");
  event.add_recipients("victim@example.net");
  event.add_recipients("other@example.org");
  event.set_recipients_count(2);
  event.set_subject("You won");
  event.set_wall_us(at * 1'000'000);
  event.set_content_hash(std::move(hash));
  event.add_rules("BAYES_99");
  event.add_rules("URIBL_BLACK");
  event.add_link_domains("evil.example");
  event.set_header_sample(kHeaderSample);
  return event;
}

class Laboratory : public testing::Test {
 protected:
  Laboratory() {
    std::string name = testing::TempDir() + "postern-notify-XXXXXX";
    directory_ = mkdtemp(name.data());
    reopen();
    settings_.host = "gate.example";
    settings_.organisation = "Example Net";
    settings_.from = "postern@gate.example";
    settings_.contact = "abuse@operator.example";
    settings_.operators = {"desk@operator.example"};
    settings_.spool = directory_ / "spool";
  }
  ~Laboratory() override {
    ledger_.reset();
    std::filesystem::remove_all(directory_);
  }
  void reopen() {
    ledger_.reset();
    auto opened = ledger::open_sqlite_ledger(directory_ / "ledger.sqlite");
    ASSERT_TRUE(opened) << opened.error();
    ledger_ = std::move(*opened);
  }

  void add_customer() {
    customer_.prefixes = {*IpPrefix::parse("192.0.2.0/24")};
    const auto id = ledger_->customers().put(customer_, "anna", kOpened);
    ASSERT_TRUE(id) << id.error();
    customer_.id = *id;
  }
  void open_case(std::string part = "user:bob") {
    ledger::Case about{.reference = kReference,
                       .subject = {*IpPrefix::parse("192.0.2.7"), std::move(part)},
                       .step = ledger::Step::kBlock,
                       .cause = "12 different spam messages in 10 minutes",
                       .opened_unix_s = kOpened};
    about.diagnosis =
        R"({"findings":[{"kind":"stolen password","confidence":0.9,"text":"The password of bob was )"
        R"(stolen","lines":["AUTH PLAIN from 203.0.113.9"]}],"advice":["Change bob's password."]})";
    ASSERT_TRUE(ledger_->cases().open(about, {kOpened, "policy", "opened", about.cause}));
    ASSERT_TRUE(*ledger_->cases().add_evidence(
        {.reference = kReference, .why = "spam", .event = spam()}, 10));
    channel::v1::EventBatch batch;
    batch.set_batch(1);
    batch.set_boot("b");
    *batch.add_events() = spam(kOpened - 60, "aa");
    *batch.add_events() = spam(kOpened - 50, "aa");
    *batch.add_events() = spam(kOpened - 40, "bb");
    ASSERT_TRUE(ledger_->store_events("edge-1", batch, kOpened));
    const ledger::Change block{ledger::Action::kSet,
                               {.prefix = *IpPrefix::parse("192.0.2.7"),
                                .treatment = channel::v1::TREATMENT_REFUSE,
                                .case_reference = kReference,
                                .reason = "spam",
                                .author = "policy",
                                .set_unix_s = kOpened,
                                .of = channel::v1::SWITCH_SMORF_BLOCK,
                                .part = *SenderPart::user("bob")}};
    ASSERT_TRUE(ledger_->apply({&block, 1}));
  }
  void add_entry(uint64_t at, std::string action, std::string text) {
    ASSERT_TRUE(
        ledger_->cases().add_entry(kReference, {at, "policy", std::move(action), std::move(text)}));
  }
  // Actions of the case's history with their texts: "notified: e-mail to …".
  std::vector<std::string> history() {
    std::vector<std::string> out;
    const auto entries = ledger_->cases().history(kReference);
    for (const ledger::CaseEntry& entry : *entries) out.push_back(entry.action + ": " + entry.text);
    return out;
  }
  static std::string read(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  }
  // The spool's letters, in the order of their names.
  std::vector<std::filesystem::path> spooled() const {
    std::vector<std::filesystem::path> out;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(settings_.spool, error)) {
      if (entry.path().extension() == ".eml") out.push_back(entry.path());
    }
    std::ranges::sort(out);
    return out;
  }

  std::filesystem::path directory_;
  std::unique_ptr<ledger::Ledger> ledger_;
  Settings settings_;
  ledger::Customer customer_{.name = "Customer One",
                             .contacts = {{"Anna Müller", "anna@customer.example"}}};
};

}  // namespace postern::notify
