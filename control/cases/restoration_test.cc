#include "control/cases/restoration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "control/cases/case_link.h"
#include "control/ledger/sqlite_ledger.h"

namespace postern::cases {
namespace {

using channel::v1::Event;
using ledger::Case;
using ledger::CaseState;
using ledger::Change;
using ledger::Switch;
using ledger::Verdict;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr uint64_t kOpened = 1'700'000'000;
constexpr uint64_t kMinute = 60, kHour = 3600;
constexpr CaseReference kReference{0x1234};

IpPrefix prefix(std::string_view text) { return *IpPrefix::parse(text); }

Event event(uint64_t at, std::string outcome, std::string hash = "", std::string user = "") {
  Event out;
  out.set_kind("message");
  out.set_client("192.0.2.7");
  out.set_outcome(std::move(outcome));
  out.set_wall_us(at * 1'000'000);
  out.set_content_hash(std::move(hash));
  out.set_auth_user(std::move(user));
  return out;
}

Case about(std::string part = "") {
  return {.reference = kReference,
          .subject = {prefix("192.0.2.7"), std::move(part)},
          .step = ledger::Step::kBlock,
          .opened_unix_s = kOpened};
}

Mark mark(const std::vector<Mark>& marks, MarkKind kind) {
  for (const Mark& one : marks) {
    if (one.kind == kind) return one;
  }
  return {.text = "(not asked for)"};
}

std::vector<Mark> at(uint64_t now, const Case& about, std::vector<Event> oldest_first,
                     bool all = true) {
  std::ranges::reverse(oldest_first);
  return marks_of(about, oldest_first, all, {.quiet_s = 30 * kMinute}, now);
}

TEST(Marks, NewSpamIsNotQuietAndSpamAgainIsAQueue) {
  const std::vector<Event> events{event(kOpened, "refused_content", "aa"),
                                  event(kOpened + 10 * kMinute, "refused_content", "bb"),
                                  event(kOpened + 20 * kMinute, "refused_content", "aa"),
                                  event(kOpened + 25 * kMinute, "forwarded", "cc")};
  const auto early = at(kOpened + 39 * kMinute, about(), events);
  EXPECT_FALSE(mark(early, MarkKind::kQuiet).green);  // since minute 10: 29
  EXPECT_FALSE(mark(early, MarkKind::kPurged).green);
  const auto later = at(kOpened + 40 * kMinute, about(), events);
  EXPECT_TRUE(mark(later, MarkKind::kQuiet).green);
  EXPECT_EQ(mark(later, MarkKind::kQuiet).since_unix_s, kOpened + 10 * kMinute);
  EXPECT_FALSE(mark(later, MarkKind::kPurged).green);  // since minute 20
  EXPECT_FALSE(all_green(later));
  EXPECT_THAT(mark(early, MarkKind::kQuiet).text,
              HasSubstr("for 29 minutes; 30 minutes are asked for"));
  EXPECT_THAT(mark(at(kOpened + 1, about(), {}), MarkKind::kQuiet).text,
              HasSubstr("since the case was opened, 1 second ago;"));
  EXPECT_TRUE(all_green(at(kOpened + 50 * kMinute, about(), events)));
  EXPECT_FALSE(all_green(at(kOpened + 50 * kMinute, about(), events, /*all=*/false)));
  // With nothing seen, the time begins with the case.
  EXPECT_FALSE(all_green(at(kOpened + 29 * kMinute, about(), {})));
  EXPECT_TRUE(all_green(at(kOpened + 30 * kMinute, about(), {})));
}

TEST(Marks, OfACaseAboutAUserOnlyItsEventsCount) {
  Event injected = event(kOpened + 50 * kMinute, "refused_content", "dd");
  injected.mutable_origin()->set_user("BOB");
  const uint64_t now = kOpened + 60 * kMinute;
  EXPECT_TRUE(mark(at(now, about("user:bob"), {event(now, "refused_content", "x", "alice")}),
                   MarkKind::kQuiet)
                  .green);
  EXPECT_FALSE(mark(at(now, about("user:bob"), {injected}), MarkKind::kQuiet).green);
  EXPECT_FALSE(
      mark(at(now, about("user:bob"), {event(now, "refused_verdict", "", "Bob")}), MarkKind::kQuiet)
          .green);
  EXPECT_FALSE(mark(at(now, about("user:bob"), {}), MarkKind::kPassword).green);
  Case said = about("user:bob");
  said.marks = write_record({.password = Said{now, "anna", "by telephone"}});
  EXPECT_TRUE(all_green(at(now, said, {})));
  EXPECT_THAT(mark(at(now, said, {}), MarkKind::kPassword).text,
              AllOf(HasSubstr("anna"), HasSubstr("by telephone")));

  // Whom his own block stops makes no unrest of his server.
  Event stopped = event(now, "refused_verdict", "", "bob");
  EXPECT_FALSE(mark(at(now, about(), {stopped}), MarkKind::kQuiet).green);
  stopped.set_held_by("user:bob");
  EXPECT_TRUE(mark(at(now, about(), {stopped}), MarkKind::kQuiet).green);
  EXPECT_FALSE(mark(at(now, about("user:bob"), {stopped}), MarkKind::kQuiet).green);

  Event from = event(now, "refused_content", "ee");
  from.mutable_origin()->set_ip("203.0.113.9");
  EXPECT_FALSE(mark(at(now, about("from:203.0.113.0/24"), {from}), MarkKind::kQuiet).green);
  EXPECT_TRUE(mark(at(now, about("from:198.51.100.0/24"), {from}), MarkKind::kQuiet).green);
}

TEST(Marks, ARelayIsClosedWhenAProbeOfThisCaseSaysSo) {
  Case relay = about();
  relay.diagnosis = R"({"kind":"open relay"})";
  const uint64_t now = kOpened + kHour;
  EXPECT_FALSE(mark(at(now, relay, {}), MarkKind::kRelay).green);
  relay.marks = write_record({.relay = Probed{kOpened - 1, false, "closed"}});
  EXPECT_FALSE(mark(at(now, relay, {}), MarkKind::kRelay).green) << "of before the case";
  relay.marks = write_record({.relay = Probed{kOpened + 5, true, "took all"}});
  EXPECT_FALSE(mark(at(now, relay, {}), MarkKind::kRelay).green);
  relay.marks = write_record({.relay = Probed{kOpened + 6, false, "refused all"}});
  EXPECT_TRUE(all_green(at(now, relay, {})));
}

TEST(Marks, ADiagnosisSaysWhichItAsksFor) {
  const auto kinds = [](std::string diagnosis) {
    Case one = about();
    one.diagnosis = std::move(diagnosis);
    std::string out;
    for (const Mark& mark : at(kOpened, one, {}))
      out += std::string(kMarkNames[static_cast<size_t>(mark.kind)]) + " ";
    return out;
  };
  EXPECT_EQ(kinds(R"({"kind":"stolen password","asks_for":["relay","password"]})"),
            "quiet purged relay password ");
  EXPECT_EQ(kinds(R"({"kind":"open relay","asks_for":["password"]})"), "quiet purged password ");
  EXPECT_EQ(kinds(R"({"kind":"open relay","asks_for":[]})"), "quiet purged ");
  EXPECT_EQ(kinds(R"({"kind":"stolen password"})"), "quiet purged password ");
  EXPECT_EQ(kinds(R"({"kind":5,"asks_for":"relay"})"), "quiet purged ");
  EXPECT_EQ(kinds(R"({"asks_for":[1,null,{}]})"), "quiet purged ");
  EXPECT_EQ(kinds("relay, password"), "quiet purged ");
}

TEST(Marks, ARecordIsWhatWasWritten) {
  const RestorationRecord record{.password = Said{1, "a\"b", "\xc3\xa9"},
                                 .relay = Probed{2, true, "x"},
                                 .request = Said{3, "c", ""},
                                 .taken_away = {R"({"prefix":"192.0.2.7"})"},
                                 .probation_since_unix_s = 4,
                                 .probation_step = 2};
  EXPECT_EQ(read_record(write_record(record)), record);
  EXPECT_EQ(read_record(""), RestorationRecord());
  EXPECT_EQ(read_record(R"({"password":5,"relay":[],"taken_away":{}})"), RestorationRecord());
}

TEST(CaseLink, IsGoodUntilItsTimeAndForItsCaseOnly) {
  const CaseLinks links(CaseLinks::Key{1, 2, 3});
  const std::string token = links.token(kReference, 1000);
  EXPECT_EQ(links.check(token, 1000), kReference);
  EXPECT_FALSE(links.check(token, 1001));
  EXPECT_FALSE(CaseLinks(CaseLinks::Key{1, 2, 4}).check(token, 1));
  for (size_t i = 0; i < token.size(); ++i) {
    std::string other = token;
    other[i] = other[i] == '1' ? '2' : '1';
    EXPECT_FALSE(links.check(other, 1)) << i;
    EXPECT_FALSE(links.check(token.substr(0, i), 1)) << i;
  }
  EXPECT_FALSE(links.check("", 1));
  EXPECT_FALSE(links.check("..", 1));
}

// HMAC-SHA256 as another program makes it:
// printf 00000004HM.1000 | openssl dgst -sha256 -mac HMAC -macopt hexkey:0102030000… -binary
// | basenc --base64url
TEST(CaseLink, IsSignedAsRfc2104Says) {
  const CaseLinks links(CaseLinks::Key{1, 2, 3});
  EXPECT_EQ(links.token({0x1234}, 1000),
            "00000004HM.1000.DgJvKJHCybaePo-67x-WAIKTGOE597X6-fN_QVLuvYg");
}

TEST(CaseLink, TheKeyIsMadeOnce) {
  std::string name = testing::TempDir() + "postern-key-XXXXXX";
  const std::filesystem::path directory = mkdtemp(name.data());
  const auto file = directory / "case_key";
  const std::string token = CaseLinks::open(file)->token(kReference, 5);
  EXPECT_EQ(CaseLinks::open(file)->check(token, 5), kReference);
  EXPECT_EQ(std::filesystem::status(file).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::filesystem::resize_file(file, 31);
  EXPECT_THAT(CaseLinks::open(file).error(), HasSubstr("cut short"));
  EXPECT_FALSE(CaseLinks::open(directory / "no" / "key"));
  std::filesystem::remove_all(directory);
}

class RestorationTest : public testing::Test {
 protected:
  RestorationTest() {
    std::string name = testing::TempDir() + "postern-restoration-XXXXXX";
    directory_ = mkdtemp(name.data());
    ledger_ = std::move(*ledger::open_sqlite_ledger(directory_ / "ledger.sqlite"));
    restoration_ = make({});
  }
  ~RestorationTest() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<Restoration> make(RestorationSettings settings) {
    settings.marks.quiet_s = 30 * kMinute;
    settings.probation = {{5, kHour}, {20, 2 * kHour}};
    return std::make_unique<Restoration>(
        *ledger_, [this](std::span<const Change> changes) { return ledger_->apply(changes); },
        [this](CaseReference, const std::string& what) { told_.push_back(what); }, settings);
  }
  void open(std::string part = "") {
    ASSERT_TRUE(ledger_->cases().open(about(std::move(part)), {kOpened, "policy", "opened", ""}));
  }
  void set(Verdict verdict) {
    const Change change{ledger::Action::kSet, std::move(verdict)};
    ASSERT_TRUE(ledger_->apply({&change, 1}));
  }
  Verdict of_case(Switch of, channel::v1::Treatment treatment, std::string_view on = "192.0.2.7") {
    return {.prefix = prefix(on),
            .treatment = treatment,
            .case_reference = kReference,
            .reason = "spam",
            .author = "policy",
            .set_unix_s = kOpened,
            .of = of};
  }
  // "treatment throttle 5", "smorf-block refuse 0" of the server itself and around it.
  std::vector<std::string> in_force() {
    std::vector<std::string> out;
    const auto found = ledger_->verdicts_covering(*IpAddress::parse("192.0.2.7"));
    for (const Verdict& v : *found) {
      out.push_back(std::string(kSwitch[static_cast<size_t>(v.of)]) + " " +
                    channel::v1::Treatment_Name(v.treatment).substr(10) + " " +
                    std::to_string(v.messages_per_minute) + " " + v.author);
    }
    return out;
  }
  Case now_is() { return **ledger_->cases().find(kReference); }
  void spam(uint64_t at, std::string hash) {
    channel::v1::EventBatch batch;
    *batch.add_events() = event(at, "refused_content", std::move(hash));
    restoration_->observe(batch, at);
  }

  // Of a case that a SMORF block held.
  void begin_probation() {
    open();
    set(of_case(Switch::SWITCH_SMORF_BLOCK, channel::v1::TREATMENT_REFUSE));
    constexpr Switch kSmorf[] = {Switch::SWITCH_SMORF_BLOCK};
    ASSERT_TRUE(restoration_->restore(kReference, kSmorf, "anna", true, kOpened));
  }
  // Into the ledger, past restoration.
  void store(const std::vector<Event>& events) {
    channel::v1::EventBatch batch;
    batch.set_batch(1);
    for (const Event& one : events) *batch.add_events() = one;
    ASSERT_TRUE(ledger_->store_events("edge", batch, kOpened));
  }

  static constexpr std::string_view kSwitch[] = {"treatment", "trusted", "smorf", "range"};
  std::filesystem::path directory_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<Restoration> restoration_;
  std::vector<std::string> told_;
};

constexpr uint64_t kMended = kOpened + kHour;

TEST_F(RestorationTest, IsAskedForWhenAllIsGreen) {
  open("user:bob");
  EXPECT_THAT(restoration_->request(kReference, "customer", "", kMended).error(),
              HasSubstr("password (nobody has said"));
  ASSERT_TRUE(restoration_->say_password_changed(kReference, "customer", "all of them", kMended));
  EXPECT_THAT(restoration_->request(kReference, "customer", "", kOpened + kMinute).error(),
              AllOf(HasSubstr("quiet"), HasSubstr("purged")));
  ASSERT_TRUE(restoration_->request(kReference, "customer", "please", kMended));
  EXPECT_EQ(now_is().state, CaseState::kRestoring);
  EXPECT_FALSE(restoration_->request(kReference, "customer", "again", kMended));
  EXPECT_THAT(told_, ElementsAre("password changed", "requested"));
}

TEST_F(RestorationTest, EachSwitchComesBackByItself) {
  open();
  Verdict relay = of_case(Switch::SWITCH_TRUSTED_RELAY, channel::v1::TREATMENT_PASS);
  relay.case_reference = {};
  relay.author = "anna";
  set(relay);
  set(of_case(Switch::SWITCH_TREATMENT, channel::v1::TREATMENT_HOLD));
  set(of_case(Switch::SWITCH_SMORF_BLOCK, channel::v1::TREATMENT_REFUSE));
  set(of_case(Switch::SWITCH_TRUSTED_RELAY, channel::v1::TREATMENT_REFUSE));
  set(of_case(Switch::SWITCH_RANGE_EXCLUSION, channel::v1::TREATMENT_REFUSE, "192.0.2.0/24"));
  Verdict other =
      of_case(Switch::SWITCH_RANGE_EXCLUSION, channel::v1::TREATMENT_DROP, "192.0.0.0/16");
  other.case_reference = {77};
  other.author = "feed drop";
  set(other);

  constexpr Switch kSmorf[] = {Switch::SWITCH_SMORF_BLOCK};
  EXPECT_THAT(restoration_->restore(kReference, kSmorf, "anna", false, kOpened + 1).error(),
              HasSubstr("not everything is mended"));
  EXPECT_THAT(*restoration_->restore(kReference, kSmorf, "anna", false, kMended), SizeIs(2));
  EXPECT_THAT(in_force(), ElementsAre("trusted REFUSE 0 policy", "range REFUSE 0 policy",
                                      "range DROP 0 feed drop"));
  EXPECT_EQ(now_is().state, CaseState::kRestoring);
  constexpr Switch kRelay[] = {Switch::SWITCH_TRUSTED_RELAY};
  ASSERT_TRUE(restoration_->restore(kReference, kRelay, "anna", false, kMended));
  EXPECT_THAT(in_force(), ElementsAre("trusted PASS 0 anna", "range REFUSE 0 policy",
                                      "range DROP 0 feed drop"));
  constexpr Switch kRange[] = {Switch::SWITCH_RANGE_EXCLUSION};
  ASSERT_TRUE(restoration_->restore(kReference, kRange, "anna", false, kMended));
  EXPECT_EQ(now_is().state, CaseState::kProbation);
  EXPECT_THAT(in_force(), ElementsAre("treatment THROTTLE 5 postern-control", "trusted PASS 0 anna",
                                      "range DROP 0 feed drop"));
  EXPECT_THAT(told_, ElementsAre("restored", "restored", "restored", "probation"));
}

TEST_F(RestorationTest, TheQuotaRisesAndEnds) {
  open();
  set(of_case(Switch::SWITCH_SMORF_BLOCK, channel::v1::TREATMENT_REFUSE));
  constexpr Switch kSmorf[] = {Switch::SWITCH_SMORF_BLOCK};
  ASSERT_TRUE(restoration_->restore(kReference, kSmorf, "anna", true, kOpened));
  EXPECT_THAT(in_force(), ElementsAre("treatment THROTTLE 5 postern-control"));
  ASSERT_TRUE(restoration_->look(kOpened + kHour - 1));
  EXPECT_THAT(in_force(), ElementsAre("treatment THROTTLE 5 postern-control"));
  restoration_ = make({});  // another process
  ASSERT_TRUE(restoration_->look(kOpened + kHour));
  EXPECT_THAT(in_force(), ElementsAre("treatment THROTTLE 20 postern-control"));
  ASSERT_TRUE(restoration_->look(kOpened + 3 * kHour - 1));
  EXPECT_EQ(now_is().state, CaseState::kProbation);
  ASSERT_TRUE(restoration_->look(kOpened + 3 * kHour));
  EXPECT_THAT(in_force(), IsEmpty());
  EXPECT_EQ(now_is().state, CaseState::kClosed);
  EXPECT_EQ(now_is().closed_unix_s, kOpened + 3 * kHour);
  EXPECT_FALSE(restoration_->restore(kReference, kSmorf, "anna", true, kMended));
}

TEST_F(RestorationTest, NewSpamInProbationBringsTheOldStateBack) {
  open();
  set(of_case(Switch::SWITCH_TREATMENT, channel::v1::TREATMENT_HOLD));
  Verdict block = of_case(Switch::SWITCH_SMORF_BLOCK, channel::v1::TREATMENT_REFUSE);
  block.expires_unix_s = kOpened + 2;
  set(block);
  constexpr Switch kSmorf[] = {Switch::SWITCH_SMORF_BLOCK};
  ASSERT_TRUE(restoration_->restore(kReference, kSmorf, "anna", true, kOpened));
  ASSERT_EQ(now_is().state, CaseState::kProbation);
  spam(kOpened + 10, "aa");
  spam(kOpened + 11, "aa");  // the same again is no second one
  EXPECT_EQ(now_is().state, CaseState::kProbation);
  spam(kOpened + 12, "bb");
  EXPECT_EQ(now_is().state, CaseState::kOpen);
  EXPECT_THAT(in_force(), ElementsAre("treatment HOLD 0 policy", "smorf REFUSE 0 policy"));
  EXPECT_EQ(told_.back(), "relapsed");
  const auto history = *ledger_->cases().history(kReference);
  EXPECT_THAT(history.back().text, HasSubstr("2 spam messages in probation"));
  spam(kOpened + 13, "cc");  // it is no longer in probation
  EXPECT_EQ(ledger_->cases().history(kReference)->size(), history.size());
}

TEST_F(RestorationTest, AnotherProcessKnowsWhatWasSeenInProbation) {
  begin_probation();
  store({event(kOpened - 1, "refused_content", "before"),
         event(kOpened + 10, "refused_envelope", "aa")});
  restoration_ = make({});
  ASSERT_TRUE(restoration_->look(kOpened + 20));
  EXPECT_EQ(now_is().state, CaseState::kProbation);
  spam(kOpened + 30, "aa");
  EXPECT_EQ(now_is().state, CaseState::kProbation);
  spam(kOpened + 31, "bb");
  EXPECT_EQ(now_is().state, CaseState::kOpen);
}

TEST_F(RestorationTest, ARelapseThatNobodySawIsSeenByTheNextProcess) {
  begin_probation();
  store(
      {event(kOpened + 10, "refused_content", "aa"), event(kOpened + 11, "refused_content", "bb")});
  restoration_ = make({});
  ASSERT_TRUE(restoration_->look(kOpened + 20));
  EXPECT_EQ(now_is().state, CaseState::kOpen);
  EXPECT_THAT(in_force(), ElementsAre("smorf REFUSE 0 policy"));
}

TEST_F(RestorationTest, OneUsersProbationSlowsNobodyElse) {
  open("user:bob");
  set(of_case(Switch::SWITCH_SMORF_BLOCK, channel::v1::TREATMENT_REFUSE));
  constexpr Switch kSmorf[] = {Switch::SWITCH_SMORF_BLOCK};
  ASSERT_TRUE(restoration_->restore(kReference, kSmorf, "anna", true, kOpened));
  EXPECT_EQ(now_is().state, CaseState::kProbation);
  EXPECT_THAT(in_force(), IsEmpty());
  ASSERT_TRUE(restoration_->look(kOpened + 3 * kHour));
  EXPECT_EQ(now_is().state, CaseState::kClosed);
}

// It is his alone before and after.
TEST_F(RestorationTest, OneUsersBlockGoesAndComesBackAsHis) {
  open("user:bob");
  Verdict block = of_case(Switch::SWITCH_SMORF_BLOCK, channel::v1::TREATMENT_REFUSE);
  block.part = *ledger::Part::user("bob");
  set(block);
  constexpr Switch kSmorf[] = {Switch::SWITCH_SMORF_BLOCK};
  ASSERT_TRUE(restoration_->restore(kReference, kSmorf, "anna", true, kOpened));
  EXPECT_THAT(in_force(), IsEmpty());
  for (const char* hash : {"aa", "bb"}) {
    channel::v1::EventBatch batch;
    *batch.add_events() = event(kOpened + 10, "refused_content", hash, "bob");
    restoration_->observe(batch, kOpened + 10);
  }
  EXPECT_EQ(now_is().state, CaseState::kOpen);
  EXPECT_FALSE(ledger_->verdict_on({prefix("192.0.2.7"), Switch::SWITCH_SMORF_BLOCK})->has_value());
  EXPECT_TRUE(ledger_->verdict_on(block.key())->has_value());
}

TEST_F(RestorationTest, PolicyApprovesWhereItIsToldTo) {
  restoration_ = make({.policy_approves = true});
  open();
  set(of_case(Switch::SWITCH_SMORF_BLOCK, channel::v1::TREATMENT_REFUSE));
  ASSERT_TRUE(restoration_->request(kReference, "customer", "", kMended));
  EXPECT_EQ(now_is().state, CaseState::kProbation);
  EXPECT_THAT(told_, ElementsAre("requested", "restored", "probation"));
}

TEST_F(RestorationTest, ADiagnosisIsSaidOnce) {
  open();
  ASSERT_TRUE(restoration_->note_diagnosis(kReference, R"({"made":1})", "bob", kOpened + 1));
  ASSERT_TRUE(restoration_->note_diagnosis(kReference, R"({"made":2})", "bob", kOpened + 2));
  ASSERT_TRUE(restoration_->note_diagnosis(kReference, R"({"made":3})", "all", kOpened + 3));
  EXPECT_EQ(now_is().diagnosis, R"({"made":3})");
  EXPECT_THAT(told_, ElementsAre("diagnosed", "diagnosed"));
}

TEST_F(RestorationTest, AQuotaDoesNotReplaceWhatAPersonSet) {
  open();
  Verdict by_hand = of_case(Switch::SWITCH_TREATMENT, channel::v1::TREATMENT_HOLD);
  by_hand.case_reference = {};
  by_hand.author = "bert";
  set(by_hand);
  set(of_case(Switch::SWITCH_SMORF_BLOCK, channel::v1::TREATMENT_REFUSE));
  constexpr Switch kSmorf[] = {Switch::SWITCH_SMORF_BLOCK};
  ASSERT_TRUE(restoration_->restore(kReference, kSmorf, "anna", true, kOpened));
  EXPECT_THAT(in_force(), ElementsAre("treatment HOLD 0 bert"));
  ASSERT_TRUE(restoration_->look(kOpened + 3 * kHour));
  EXPECT_THAT(in_force(), ElementsAre("treatment HOLD 0 bert"));
}

}  // namespace
}  // namespace postern::cases
