#include "control/server/probe_desk.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "control/ledger/sqlite_ledger.h"
#include "control/probe/fake_server.h"

namespace postern::server {
namespace {

using channel::v1::ProbeReply;
using channel::v1::ProbeRequest;
using grpc::StatusCode;
using probe::answering;
using probe::FakeServer;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr uint64_t kNow = 1'700'000'000;
constexpr CaseReference kReference{0x1234};

class ProbeDeskTest : public testing::Test {
 protected:
  ProbeDeskTest() {
    std::string name = testing::TempDir() + "postern-probe-XXXXXX";
    directory_ = mkdtemp(name.data());
    ledger_ = std::move(*ledger::open_sqlite_ledger(directory_ / "ledger.sqlite"));
    EXPECT_TRUE(ledger_->customers().put(
        {.name = "Example", .prefixes = {*IpPrefix::parse("127.0.0.0/29")}}, "anna", kNow));
    EXPECT_TRUE(ledger_->cases().open({.reference = kReference,
                                       .subject = {*IpPrefix::parse("127.0.0.1")},
                                       .opened_unix_s = kNow},
                                      {kNow, "policy", "opened", "spam"}));
  }
  ~ProbeDeskTest() override {
    ledger_.reset();
    std::filesystem::remove_all(directory_);
  }

  ProbeDesk desk(uint16_t port, probe::Settings settings = {.domain = "probe.example.org",
                                                            .recipient = "n@probe.example.org",
                                                            .helo = "probe.example.org"}) {
    return ProbeDesk(
        *ledger_, std::move(settings),
        [this](CaseReference reference, bool open, const std::string& text, uint64_t now) {
          noted_.push_back(fmt::format("{} {} {} {}", reference.to_string(), open, text, now));
          return ledger::Result<void>();
        },
        [this] { return now_; }, {port});
  }
  grpc::Status probe(ProbeDesk& desk, std::string address = "127.0.0.1",
                     CaseReference reference = {}, bool relay = true, bool exposure = false) {
    ProbeRequest request;
    request.set_address(std::move(address));
    request.set_relay(relay);
    request.set_exposure(exposure);
    request.set_case_reference(reference.number);
    request.set_author("anna");
    reply_.Clear();
    return desk.Probe(nullptr, &request, &reply_);
  }
  std::vector<ledger::AuditEntry> audit() {
    std::vector<ledger::AuditEntry> rows = *ledger_->audit().entries("", "", 100);
    std::erase_if(rows, [](const auto& row) { return !row.action.starts_with("probe"); });
    return rows;
  }

  std::filesystem::path directory_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::vector<std::string> noted_;
  uint64_t now_ = kNow;
  ProbeReply reply_;
};

TEST_F(ProbeDeskTest, OnlyCustomersAddressesAreProbed) {
  FakeServer open(std::string(probe::kGreeting), answering("250 ok\r\n"));
  ProbeDesk desk = this->desk(open.port());
  const auto status = probe(desk, "127.0.0.9");
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("no customer's address"));
  EXPECT_EQ(probe(desk, "mail.example.com").error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(probe(desk, "127.0.0.1", {0x99}).error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(probe(desk, "127.0.0.2", kReference).error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(audit(), IsEmpty());
  open.stop();
  EXPECT_EQ(open.connections(), 0);
}

TEST_F(ProbeDeskTest, WhatIsFoundIsToldWrittenDownAndNoted) {
  FakeServer open(std::string(probe::kGreeting), answering("250 ok\r\n"));
  ProbeDesk desk = this->desk(open.port());
  const auto status = probe(desk, "127.0.0.1", kReference, true, true);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(reply_.customer(), "Example");
  EXPECT_EQ(reply_.relay().state(), "open");
  EXPECT_EQ(reply_.relay().tries(0).state(), "taken");
  ASSERT_THAT(reply_.ports(), SizeIs(1));
  EXPECT_TRUE(reply_.ports(0).starttls());
  const auto rows = audit();
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[1], (ledger::AuditEntry{kNow, "anna", "probe", "127.0.0.1",
                                         "relay, exposure, case " + kReference.to_string()}));
  EXPECT_EQ(rows[0].action, "probed");
  EXPECT_THAT(rows[0].detail, HasSubstr("The server is open"));
  ASSERT_THAT(noted_, SizeIs(1));
  EXPECT_THAT(noted_[0], HasSubstr(kReference.to_string() + " true The server is open"));
}

TEST_F(ProbeDeskTest, WhatDecidesNothingIsAnEntryOnly) {
  FakeServer grey(std::string(probe::kGreeting), answering("450 4.2.0 Greylisted\r\n"));
  ProbeDesk desk = this->desk(grey.port());
  ASSERT_TRUE(probe(desk, "127.0.0.1", kReference).ok());
  EXPECT_EQ(reply_.relay().state(), "undecided");
  EXPECT_THAT(noted_, IsEmpty());
  const auto history = *ledger_->cases().history(kReference);
  ASSERT_THAT(history, SizeIs(2));
  EXPECT_EQ(history[1].action, "probed");
  EXPECT_THAT(history[1].text, HasSubstr("Greylisted"));
}

TEST_F(ProbeDeskTest, ProbesAreLimitedAcrossRestarts) {
  FakeServer closed(std::string(probe::kGreeting), answering(std::string(probe::kNoRelay)));
  const probe::Settings settings{.domain = "probe.example.org",
                                 .recipient = "n@probe.example.org",
                                 .helo = "probe.example.org",
                                 .between = std::chrono::minutes(10),
                                 .per_hour = 2};
  {
    ProbeDesk desk = this->desk(closed.port(), settings);
    ASSERT_TRUE(probe(desk).ok());
  }
  ProbeDesk desk = this->desk(closed.port(), settings);
  now_ += 599;
  const auto again = probe(desk);
  EXPECT_EQ(again.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(again.error_message(), HasSubstr("again in 1 s"));
  now_ += 1;
  EXPECT_TRUE(probe(desk).ok());
  now_ += 1;
  EXPECT_THAT(probe(desk, "127.0.0.2").error_message(), HasSubstr("probe.per_hour"));
  now_ = kNow + 3600;  // the first one is an hour old
  EXPECT_TRUE(probe(desk).ok());
  EXPECT_THAT(audit(), SizeIs(6));
}

TEST_F(ProbeDeskTest, WithoutADomainOnlyPortsAreLookedAt) {
  FakeServer usual(std::string(probe::kGreeting), answering("250 ok\r\n"));
  ProbeDesk desk = this->desk(usual.port(), {.helo = "[127.0.0.1]"});
  EXPECT_THAT(probe(desk).error_message(), HasSubstr("probe.domain"));
  ASSERT_TRUE(probe(desk, "127.0.0.1", {}, false, false).ok());
  EXPECT_FALSE(reply_.has_relay());
  EXPECT_THAT(reply_.ports(), SizeIs(1));
}

}  // namespace
}  // namespace postern::server
