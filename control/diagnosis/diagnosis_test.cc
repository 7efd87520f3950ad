#include "control/diagnosis/diagnosis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "control/cases/marks.h"
#include "control/ledger/sqlite_ledger.h"

namespace postern::diagnosis {
namespace {

using channel::v1::Event;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

constexpr uint64_t kOpened = 1'700'000'000;
constexpr uint64_t kHour = 3600;
constexpr CaseReference kReference{0x1234};

class DiagnosisTest : public testing::Test {
 protected:
  DiagnosisTest() {
    std::string name = testing::TempDir() + "postern-diagnosis-XXXXXX";
    directory_ = mkdtemp(name.data());
    ledger_ = std::move(*ledger::open_sqlite_ledger(directory_ / "ledger.sqlite"));
    EXPECT_TRUE(ledger_->customers().put(
        {.name = "Example", .prefixes = {*IpPrefix::parse("192.0.2.0/28")}}, "anna", kOpened));
  }
  ~DiagnosisTest() override {
    ledger_.reset();
    std::filesystem::remove_all(directory_);
  }

  static Event event(uint64_t at, std::string outcome, std::string hash, std::string user = "",
                     std::string ip = "", std::string client = "192.0.2.7") {
    Event out;
    out.set_kind("message");
    out.set_wall_us(at * 1'000'000);
    out.set_outcome(std::move(outcome));
    out.set_content_hash(std::move(hash));
    out.set_client(std::move(client));
    out.set_server("203.0.113.1");
    out.mutable_origin()->set_auth(user.empty() ? "no" : "yes");
    out.mutable_origin()->set_user(std::move(user));
    out.mutable_origin()->set_ip(std::move(ip));
    out.mutable_origin()->set_confidence("high");
    return out;
  }
  void store(std::vector<Event> events) {
    channel::v1::EventBatch batch;
    batch.set_batch(++batches_);
    batch.set_boot("boot");
    for (Event& event : events) *batch.add_events() = std::move(event);
    ASSERT_TRUE(ledger_->store_events("gate", batch, kOpened));
  }
  ledger::Case open(std::string part = "") {
    ledger::Case opened{.reference = kReference,
                        .subject = {*IpPrefix::parse("192.0.2.7"), std::move(part)},
                        .opened_unix_s = kOpened};
    EXPECT_TRUE(ledger_->cases().open(opened, {kOpened, "policy", "opened", "spam"}));
    return opened;
  }
  Diagnosis of(const ledger::Case& about, uint64_t now = kOpened + kHour) {
    auto made = diagnose(*ledger_, about, now);
    EXPECT_TRUE(made.has_value()) << made.error();
    return made.value_or(Diagnosis());
  }

  std::filesystem::path directory_;
  std::unique_ptr<ledger::Ledger> ledger_;
  uint64_t batches_ = 0;
};

TEST_F(DiagnosisTest, WithNothingToGoByItIsUnknown) {
  const Diagnosis made = of(open());
  ASSERT_THAT(made.findings, SizeIs(1));
  EXPECT_EQ(made.findings[0].kind, Kind::kUnknown);
  EXPECT_EQ(made.findings[0].confidence, Confidence::kLow);
  EXPECT_EQ(made.spam_messages, 0u);
  EXPECT_THAT(made.findings[0].text, HasSubstr("Nothing"));
}

TEST_F(DiagnosisTest, CountsDifferentMessagesOfTheCasesTime) {
  const auto opened = open();
  store({event(kOpened - 2 * 86'400, "refused_content", "old", "", "198.51.100.9"),
         event(kOpened - 60, "refused_content", "aa", "bob", "203.0.113.9"),
         event(kOpened + 60, "refused_content", "aa", "bob", "203.0.113.9"),  // tried again
         event(kOpened + 61, "refused_content", "bb", "bob", "203.0.113.9"),
         event(kOpened + 62, "forwarded", "cc", "eve", "203.0.113.9"),
         event(kOpened + 63, "refused_content", "dd", "", "198.51.100.9", "192.0.2.8"),
         event(kOpened + 64, "refused_content", "ee", "bob", "203.0.113.10"),
         event(kOpened + 2 * kHour, "refused_content", "later", "", "198.51.100.9")});
  // Of evidence, age does not matter, and what is also an event counts once.
  const Event kept = event(kOpened - 60, "refused_content", "aa", "bob", "203.0.113.9");
  const Event held = event(kOpened - 3 * 86'400, "deferred_hold", "ff", "bob", "203.0.113.9");
  ASSERT_TRUE(ledger_->cases().add_evidence({0, kReference, "spam", kept}, 10));
  ASSERT_TRUE(ledger_->cases().add_evidence({0, kReference, "spam that was held", held}, 10));
  const Diagnosis made = of(opened);
  EXPECT_EQ(made.spam_messages, 4u);  // aa, bb, ee, ff
  ASSERT_THAT(made.findings, SizeIs(1));
  EXPECT_EQ(made.findings[0].kind, Kind::kStolenPassword);
  EXPECT_EQ(made.findings[0].user, "bob");
  EXPECT_THAT(made.findings[0].lines, SizeIs(4));
  EXPECT_EQ(made.made_unix_s, kOpened + kHour);
}

TEST_F(DiagnosisTest, OfACaseAboutAUserOnlyItsMailCounts) {
  const auto opened = open("user:bob");
  store({event(kOpened + 1, "refused_content", "aa", "bob", "203.0.113.9"),
         event(kOpened + 2, "refused_content", "bb", "", "198.51.100.9"),
         event(kOpened + 3, "refused_content", "cc", "Bob", "203.0.113.9")});
  const Diagnosis made = of(opened);
  EXPECT_EQ(made.spam_messages, 2u);
  EXPECT_EQ(made.findings[0].kind, Kind::kStolenPassword);
}

TEST_F(DiagnosisTest, TheCustomersOwnAddressesAreInside) {
  const auto opened = open();
  store({event(kOpened + 1, "refused_content", "aa", "", "192.0.2.14"),
         event(kOpened + 2, "refused_content", "bb", "", "192.0.2.14"),
         event(kOpened + 3, "refused_content", "cc", "", "192.0.2.14")});
  const Diagnosis made = of(opened);
  EXPECT_EQ(made.findings[0].kind, Kind::kInfectedHost);
  EXPECT_THAT(made.findings[0].addresses, ElementsAre("192.0.2.14"));
}

TEST_F(DiagnosisTest, FailedLoginsTowardsTheServerAreSeen) {
  const auto opened = open();
  Event session = event(kOpened + 1, "", "", "", "", "198.51.100.66");
  session.set_kind("session");
  session.set_server("192.0.2.7");
  session.mutable_session()->set_failed_logins(40);
  store({session});
  EXPECT_EQ(of(opened).findings[0].kind, Kind::kBruteForce);
}

TEST_F(DiagnosisTest, AProbeProvesAnOpenRelayOrRulesItOut) {
  auto opened = open();
  store({event(kOpened + 1, "refused_content", "aa", "", "198.51.100.9"),
         event(kOpened + 2, "refused_content", "bb", "", "198.51.100.9"),
         event(kOpened + 3, "refused_content", "cc", "", "198.51.100.9"),
         event(kOpened + 4, "refused_content", "dd", "bob", "203.0.113.9")});
  const Diagnosis suspected = of(opened);
  ASSERT_THAT(suspected.findings, SizeIs(2));
  EXPECT_EQ(suspected.findings[0].kind, Kind::kOpenRelay);  // 70 × 3/4 = 52.5: 53
  EXPECT_EQ(suspected.findings[0].score, 53u);
  EXPECT_EQ(suspected.findings[0].confidence, Confidence::kMedium);

  const Diagnosis open =
      confirm(suspected, {kOpened + kHour, RelayState::kOpen, "took\x1b it all"});
  EXPECT_EQ(open.findings[0].kind, Kind::kOpenRelay);
  EXPECT_EQ(open.findings[0].confidence, Confidence::kHigh);
  EXPECT_THAT(open.findings[0].lines, SizeIs(3));
  EXPECT_EQ(open.probe->text, "took\\x1b it all");

  const Diagnosis closed = confirm(suspected, {kOpened + kHour, RelayState::kClosed, "refused"});
  EXPECT_EQ(closed.findings[0].kind, Kind::kStolenPassword);
  EXPECT_EQ(closed.findings[1].kind, Kind::kOpenRelay);
  EXPECT_EQ(closed.findings[1].confidence, Confidence::kLow);
  EXPECT_THAT(closed.advice, Not(Contains(HasSubstr("reject_unauth_destination"))));

  const Diagnosis undecided = confirm(suspected, {kOpened + kHour, RelayState::kUndecided, ""});
  EXPECT_EQ(undecided.findings, suspected.findings);
  EXPECT_THAT(undecided.advice, Contains(HasSubstr("repeated")));

  // What the case's record says counts, when it is of this case's time.
  opened.marks = cases::write_record({.relay = cases::Probed{kOpened + 5, true, "took it"}});
  EXPECT_EQ(of(opened).findings[0].confidence, Confidence::kHigh);
  opened.marks = cases::write_record({.relay = cases::Probed{kOpened - 5, true, "took it"}});
  EXPECT_EQ(of(opened).findings[0].confidence, Confidence::kMedium);
}

TEST_F(DiagnosisTest, AProbeFindsAnOpenRelayThatNobodySuspected) {
  const Diagnosis made = confirm(of(open()), {kOpened, RelayState::kOpen, "took it"});
  EXPECT_EQ(made.findings[0].kind, Kind::kOpenRelay);
  EXPECT_EQ(made.findings[1].kind, Kind::kUnknown);
}

TEST_F(DiagnosisTest, JsonLosesNothing) {
  const auto opened = open();
  store({event(kOpened + 1, "refused_content", "aa", "", "198.51.100.9"),
         event(kOpened + 4, "refused_content", "dd",
               "b\xc3\xb6"
               "b",
               "203.0.113.9")});
  Diagnosis made = of(opened);
  EXPECT_EQ(from_json(to_json(made)), made);
  made = confirm(made, {kOpened, RelayState::kUndecided, "greylisted"});
  EXPECT_EQ(from_json(to_json(made)), made);
  const auto object = nlohmann::json::parse(to_json(made));
  EXPECT_EQ(object["kind"], "stolen password");
  EXPECT_THAT(object["asks_for"], ElementsAre("relay", "password"));
  EXPECT_EQ(object["findings"][0]["lines"][0], describe(made.findings[0].lines[0]));

  // The checklist asks accordingly.
  ledger::Case about = opened;
  about.diagnosis = to_json(made);
  EXPECT_THAT(cases::marks_of(about, {}, true, {}, kOpened), SizeIs(4));
}

TEST(Diagnosis, TextThatIsNoDiagnosisIsNone) {
  for (const char* text :
       {"", "{}", "[]", "null", "\"x\"", R"({"kind":"open relay"})",
        R"({"made":1,"spam_messages":1,"findings":[],"advice":[],"probe":null})",
        R"({"made":1,"spam_messages":-1,"findings":[{}],"advice":[],"probe":null})",
        R"({"made":1,"spam_messages":1,"findings":[{}],"advice":[],"probe":null})"})
    EXPECT_FALSE(from_json(text)) << text;
}

}  // namespace
}  // namespace postern::diagnosis
