#include "control/ledger/sqlite_ledger.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>

#include "control/channel/treatment.h"
#include "control/ledger/schema.h"
#include "control/ledger/testing/ledger_file.h"

namespace postern::ledger {
namespace {

using channel::v1::Event;
using channel::v1::EventBatch;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SqliteLedgerTest : public LedgerFileTest {};

IpPrefix parsed(std::string_view text) { return *IpPrefix::parse(text); }

Verdict refuse(std::string_view on, uint64_t expires = 0) {
  return {.prefix = parsed(on),
          .treatment = Treatment::TREATMENT_REFUSE,
          .case_reference = {0x2a},
          .reason = "relays spam",
          .author = "anna",
          .set_unix_s = 1'700'000'000,
          .expires_unix_s = expires};
}
Change set(Verdict verdict) { return {Action::kSet, std::move(verdict)}; }
Change clear(std::string_view on) {
  return {
      Action::kClear,
      {.prefix = parsed(on), .reason = "mended", .author = "bert", .set_unix_s = 1'700'000'100}};
}

std::vector<std::string> names(const std::vector<Verdict>& verdicts) {
  std::vector<std::string> out;
  for (const Verdict& verdict : verdicts) out.push_back(verdict.prefix.to_string());
  return out;
}

TEST_F(SqliteLedgerTest, KeepsVerdictsAndVersionAcrossARestart) {
  const Verdict throttle{.prefix = parsed("2001:db8::/32"),
                         .treatment = Treatment::TREATMENT_THROTTLE,
                         .messages_per_minute = 30,
                         .case_reference = {CaseReference::kMask},
                         .reason = "newsletters",
                         .author = "anna",
                         .set_unix_s = 1'700'000'001,
                         .expires_unix_s = 1'800'000'000,
                         .starttls = channel::v1::START_TLS_MASK};
  std::string epoch;
  {
    const auto ledger = open();
    EXPECT_EQ(ledger->version().number, 0u);
    EXPECT_EQ(ledger->apply(std::vector{set(refuse("192.0.2.7")), set(throttle)}), 1u);
    epoch = ledger->version().epoch;
    EXPECT_EQ(epoch.size(), 32u);
  }
  const auto ledger = open();
  EXPECT_EQ(ledger->version().epoch, epoch);
  EXPECT_EQ(ledger->version().number, 1u);
  EXPECT_EQ(**ledger->verdict_on({parsed("192.0.2.7")}), refuse("192.0.2.7"));
  EXPECT_EQ(**ledger->verdict_on({parsed("2001:db8::/32")}), throttle);
  EXPECT_EQ(ask("SELECT prefix || ' ' || treatment FROM verdicts WHERE case_reference = 42"),
            "192.0.2.7 refuse");
}

TEST_F(SqliteLedgerTest, TwoLedgersHaveDifferentEpochs) {
  const std::string first = open()->version().epoch;
  std::filesystem::remove_all(directory_);
  std::filesystem::create_directory(directory_);
  EXPECT_NE(open()->version().epoch, first);
}

TEST_F(SqliteLedgerTest, FindsTheChainOfAnAddressMostSpecificFirst) {
  const auto ledger = open();
  ASSERT_TRUE(ledger->apply(std::vector{set(refuse("192.0.2.0/24")), set(refuse("192.0.2.7")),
                                        set(refuse("0.0.0.0/0")), set(refuse("192.0.2.8")),
                                        set(refuse("::/0")), set(refuse("192.0.0.0/16"))}));
  EXPECT_THAT(names(*ledger->verdicts_covering(*IpAddress::parse("192.0.2.7"))),
              ElementsAre("192.0.2.7", "192.0.2.0/24", "192.0.0.0/16", "0.0.0.0/0"));
  EXPECT_THAT(names(*ledger->verdicts_covering(*IpAddress::parse("2001:db8::1"))),
              ElementsAre("::/0"));
}

TEST_F(SqliteLedgerTest, ListsWhatLiesWithinAPrefix) {
  const auto ledger = open();
  ASSERT_TRUE(ledger->apply(std::vector{set(refuse("192.0.2.0/24")), set(refuse("192.0.2.255")),
                                        set(refuse("192.0.3.0")), set(refuse("192.0.0.0/16")),
                                        set(refuse("2001:db8::1"))}));
  EXPECT_THAT(names(*ledger->verdicts_within(parsed("192.0.2.0/24"))),
              ElementsAre("192.0.2.0/24", "192.0.2.255"));
  EXPECT_THAT(names(*ledger->verdicts_within(parsed("::/0"))), ElementsAre("2001:db8::1"));
  EXPECT_THAT(names(*ledger->verdicts_within(parsed("0.0.0.0/0"))),
              ElementsAre("192.0.0.0/16", "192.0.2.0/24", "192.0.2.255", "192.0.3.0"));
  EXPECT_THAT(names(*ledger->verdicts_within(parsed("198.51.100.0/24"))), IsEmpty());
}

TEST_F(SqliteLedgerTest, APageCanLeaveOutWhatOnlyPeopleRead) {
  const auto ledger = open();
  const Verdict whole = refuse("192.0.2.3");
  ASSERT_FALSE(whole.reason.empty() || whole.author.empty() || whole.set_unix_s == 0);
  ASSERT_TRUE(ledger->apply(std::vector{set(whole)}));
  Verdict enforced = whole;
  enforced.reason = enforced.author = "";
  enforced.set_unix_s = 0;
  EXPECT_THAT(*ledger->verdicts_after({}, 1, Told::kEnforced), ElementsAre(enforced));
  EXPECT_THAT(*ledger->verdicts_after({}, 1), ElementsAre(whole));
}

TEST_F(SqliteLedgerTest, PagesThroughAllVerdicts) {
  const auto ledger = open();
  ASSERT_TRUE(ledger->apply(std::vector{set(refuse("192.0.2.3")), set(refuse("192.0.2.1")),
                                        set(refuse("2001:db8::1")), set(refuse("192.0.2.0/24")),
                                        set(refuse("192.0.2.2"))}));
  std::vector<std::string> all;
  std::optional<VerdictKey> after;
  for (auto page = *ledger->verdicts_after(after, 2); !page.empty();
       page = *ledger->verdicts_after(after, 2)) {
    EXPECT_LE(page.size(), 2u);
    for (const std::string& name : names(page)) all.push_back(name);
    after = page.back().key();
  }
  EXPECT_THAT(all,
              ElementsAre("192.0.2.0/24", "192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"));
}

// A prefix has one verdict of each switch, and each its own life.
TEST_F(SqliteLedgerTest, SwitchesAreIndependent) {
  const auto ledger = open();
  using enum channel::v1::Switch;
  const auto of = [](Switch which, std::string_view on) {
    Change change = set(refuse(on));
    change.verdict.of = which;
    change.verdict.reason = channel::switch_name(which);
    return change;
  };
  ASSERT_TRUE(ledger->apply(
      std::vector{set(refuse("192.0.2.7")), of(SWITCH_SMORF_BLOCK, "192.0.2.7"),
                  of(SWITCH_TRUSTED_RELAY, "192.0.2.7"), of(SWITCH_RANGE_EXCLUSION, "192.0.2.0/24"),
                  of(SWITCH_SMORF_BLOCK, "192.0.2.0/24")}));
  const auto reasons = [](const std::vector<Verdict>& verdicts) {
    std::vector<std::string> out;
    for (const Verdict& v : verdicts) out.push_back(v.prefix.to_string() + " " + v.reason);
    return out;
  };
  EXPECT_THAT(
      reasons(*ledger->verdicts_covering(*IpAddress::parse("192.0.2.7"))),
      ElementsAre("192.0.2.7 relays spam", "192.0.2.7 trusted-relay", "192.0.2.7 smorf-block",
                  "192.0.2.0/24 smorf-block", "192.0.2.0/24 range-exclusion"));
  std::vector<std::string> paged;
  std::optional<VerdictKey> after;
  for (auto page = *ledger->verdicts_after(after, 1); !page.empty();
       page = *ledger->verdicts_after(after, 1)) {
    paged.push_back(reasons(page)[0]);
    after = page.back().key();
  }
  EXPECT_THAT(paged,
              testing::UnorderedElementsAre("192.0.2.7 relays spam", "192.0.2.7 trusted-relay",
                                            "192.0.2.7 smorf-block", "192.0.2.0/24 smorf-block",
                                            "192.0.2.0/24 range-exclusion"));

  Change lifted = clear("192.0.2.7");
  lifted.verdict.of = SWITCH_SMORF_BLOCK;
  ASSERT_TRUE(ledger->apply(std::vector{lifted}));
  EXPECT_FALSE(ledger->verdict_on({parsed("192.0.2.7"), SWITCH_SMORF_BLOCK})->has_value());
  EXPECT_TRUE(ledger->verdict_on({parsed("192.0.2.7"), SWITCH_TRUSTED_RELAY})->has_value());
  EXPECT_TRUE(ledger->verdict_on({parsed("192.0.2.7")})->has_value());
  const auto history = *ledger->history_of(parsed("192.0.2.7"));
  ASSERT_EQ(history.size(), 4u);
  EXPECT_EQ(history[0].action, Action::kClear);
  EXPECT_EQ(history[0].verdict.of, SWITCH_SMORF_BLOCK);
}

Verdict block(std::string_view on, std::string_view part, uint64_t expires = 0) {
  Verdict verdict = refuse(on, expires);
  verdict.of = Switch::SWITCH_SMORF_BLOCK;
  verdict.part = *Part::parse(part);
  return verdict;
}
std::vector<std::string> parts(const std::vector<Verdict>& verdicts) {
  std::vector<std::string> out;
  for (const Verdict& v : verdicts) {
    out.push_back(v.prefix.to_string() + " " + std::string(channel::switch_name(v.of)) + " " +
                  v.part.to_string());
  }
  return out;
}

TEST_F(SqliteLedgerTest, PartsOfASenderHaveVerdictsOfTheirOwn) {
  const auto ledger = open();
  const std::vector blocks{block("192.0.2.7", "user:bob"), block("192.0.2.7", "from:10.0.0.0/8"),
                           block("192.0.2.7", ""), block("192.0.2.0/24", "user:bob", 50)};
  for (const Verdict& verdict : blocks) ASSERT_TRUE(ledger->apply(std::vector{set(verdict)}));
  ASSERT_TRUE(ledger->apply(std::vector{set(refuse("192.0.2.0/24"))}));
  for (const Verdict& verdict : blocks) EXPECT_EQ(**ledger->verdict_on(verdict.key()), verdict);
  EXPECT_FALSE(ledger->verdict_on(block("192.0.2.7", "user:ann").key())->has_value());
  EXPECT_THAT(parts(*ledger->verdicts_covering(*IpAddress::parse("192.0.2.7"))),
              ElementsAre("192.0.2.0/24 treatment ", "192.0.2.7 smorf-block ",
                          "192.0.2.7 smorf-block from:10.0.0.0/8", "192.0.2.7 smorf-block user:bob",
                          "192.0.2.0/24 smorf-block user:bob"));
  EXPECT_THAT(parts(*ledger->verdicts_on(parsed("192.0.2.7"))),
              ElementsAre("192.0.2.7 smorf-block ", "192.0.2.7 smorf-block user:bob",
                          "192.0.2.7 smorf-block from:10.0.0.0/8"));
  EXPECT_EQ(ledger->verdicts_within(parsed("192.0.2.0/24"))->size(), 5u);
  std::vector<Verdict> paged;
  std::optional<VerdictKey> after;
  for (auto page = *ledger->verdicts_after(after, 1); !page.empty();
       page = *ledger->verdicts_after(after, 1)) {
    paged.push_back(page[0]);
    after = page[0].key();
  }
  EXPECT_EQ(parts(paged), parts(*ledger->verdicts_within(parsed("0.0.0.0/0"))));

  EXPECT_EQ(ledger->expire(50), 1u);
  const std::vector<Change> expired = ledger->changes_since(5, 6, 10)->value();
  ASSERT_EQ(expired.size(), 1u);
  EXPECT_EQ(expired[0].action, Action::kExpire);
  EXPECT_EQ(expired[0].verdict.part.to_string(), "user:bob");
  Change lifted = clear("192.0.2.7");
  lifted.verdict.of = Switch::SWITCH_SMORF_BLOCK;
  lifted.verdict.part = *Part::user("bob");
  ASSERT_TRUE(ledger->apply(std::vector{lifted}));
  EXPECT_THAT(parts(*ledger->verdicts_on(parsed("192.0.2.7"))),
              ElementsAre("192.0.2.7 smorf-block ", "192.0.2.7 smorf-block from:10.0.0.0/8"));
  const auto history = *ledger->history_of(parsed("192.0.2.7"));
  ASSERT_EQ(history.size(), 4u);
  EXPECT_EQ(history[0].action, Action::kClear);
  EXPECT_EQ(history[0].verdict.part.to_string(), "user:bob");
  EXPECT_EQ(history[1].verdict.part.to_string(), "");
}

TEST_F(SqliteLedgerTest, OnlyASmorfBlockCanBeOnAPartAndOnlyHoldOrRefuse) {
  const auto ledger = open();
  Verdict excluded = block("192.0.2.7", "user:bob");
  excluded.of = Switch::SWITCH_RANGE_EXCLUSION;
  EXPECT_FALSE(ledger->apply(std::vector{set(excluded)}).has_value());
  Verdict dropped = block("192.0.2.7", "user:bob");
  dropped.treatment = Treatment::TREATMENT_DROP;
  EXPECT_FALSE(ledger->apply(std::vector{set(dropped)}).has_value());
  EXPECT_EQ(ledger->version().number, 0u);
}

TEST_F(SqliteLedgerTest, TellsTheChangesSinceAVersion) {
  const auto ledger = open();
  ASSERT_EQ(ledger->apply(std::vector{set(refuse("192.0.2.1"))}), 1u);
  ASSERT_EQ(ledger->apply(std::vector{set(refuse("192.0.2.2"))}), 2u);
  ASSERT_EQ(ledger->apply(std::vector{clear("192.0.2.1")}), 3u);
  const auto changes = *ledger->changes_since(1, 3, 10);
  ASSERT_TRUE(changes.has_value());
  ASSERT_EQ(changes->size(), 2u);
  EXPECT_EQ((*changes)[0].verdict, refuse("192.0.2.2"));
  EXPECT_EQ((*changes)[1].action, Action::kClear);
  EXPECT_EQ((*changes)[1].verdict.prefix, parsed("192.0.2.1"));
  EXPECT_EQ(ledger->changes_since(1, 2, 10)->value().size(), 1u);
  EXPECT_EQ(ledger->changes_since(0, 3, 3)->value().size(), 3u);
  EXPECT_FALSE(ledger->changes_since(0, 3, 2)->has_value());
}

TEST_F(SqliteLedgerTest, ExpiresWhatIsDueAsOneVersionAndKeepsTheHistory) {
  const auto ledger = open();
  EXPECT_EQ(*ledger->next_expiry(), std::nullopt);
  ASSERT_TRUE(
      ledger->apply(std::vector{set(refuse("192.0.2.1", 1000)), set(refuse("192.0.2.2", 1001)),
                                set(refuse("192.0.2.3", 999)), set(refuse("192.0.2.4"))}));
  EXPECT_EQ(*ledger->next_expiry(), 999u);
  EXPECT_EQ(ledger->expire(998), 0u);
  EXPECT_EQ(ledger->version().number, 1u);
  EXPECT_EQ(ledger->expire(1000), 2u);
  EXPECT_EQ(ledger->version().number, 2u);
  EXPECT_THAT(names(*ledger->verdicts_within(parsed("0.0.0.0/0"))),
              ElementsAre("192.0.2.2", "192.0.2.4"));
  const auto history = *ledger->history_of(parsed("192.0.2.1"));
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].action, Action::kExpire);
  EXPECT_EQ(history[0].verdict.set_unix_s, 1000u);
  EXPECT_EQ(history[1].verdict.author, "anna");
}

TEST_F(SqliteLedgerTest, TheHistoryCannotBeRewritten) {
  open()->apply(std::vector{set(refuse("192.0.2.1"))});
  EXPECT_THAT(ask("DELETE FROM verdict_history"), HasSubstr("append-only"));
  EXPECT_THAT(ask("UPDATE verdict_history SET author = 'nobody'"), HasSubstr("append-only"));
  EXPECT_EQ(ask("SELECT author FROM verdict_history"), "anna");
}

TEST_F(SqliteLedgerTest, GivesAnEventBackAsItCame) {
  EventBatch one;
  one.set_batch(1);
  one.set_boot("b");
  Event* event = one.add_events();
  event->set_kind("message");
  event->set_outcome("refused_content");
  event->set_case_reference(CaseReference::kMask);
  event->set_wall_us(1'700'000'000'123'456);
  event->set_client("2001:db8::7");
  event->set_client_port(40001);
  event->set_server("192.0.2.25");
  event->set_server_port(25);
  event->set_helo("mail.example.com");
  event->set_auth_user("bob");
  event->set_mail_from("bob@example.com");
  event->set_null_sender(true);
  event->set_recipients_count(3);
  event->set_recipients_rejected(1);
  event->add_recipients("a\"quote@example.net");
  event->add_recipients("j\xc3\xbcrgen@example.net");
  event->set_subject(
      "Gr\xc3\xbc\xc3\x9f"
      "e");
  event->set_message_bytes(1ULL << 40);
  event->set_server_reply(554);
  event->set_score(7.25);
  event->add_rules("GTUBE");
  event->set_signature_set("abcd");
  event->add_anomalies("bare_lf");
  event->set_content_hash("2d06800538d394c2");
  channel::v1::SessionFacts& session = *event->mutable_session();
  session.set_dialect("EHLO \xc3\xbc");
  session.set_pipelined(true);
  session.set_chunked(true);
  session.set_auth_mechanism("LOGIN");
  session.set_auth_result("refused");
  session.set_failed_logins(2);
  session.set_tls_offered(true);
  session.set_tls_started(true);
  session.set_client_bytes(1ULL << 40);
  session.set_server_bytes(11);
  session.set_duration_ms(12);
  session.set_message_ms(13);
  session.set_messages(14);
  session.set_null_senders(15);
  session.set_recipients_count(16);
  session.set_recipients_rejected(17);
  channel::v1::Origin& origin = *event->mutable_origin();
  origin.set_ip("203.0.113.9");
  origin.set_auth("yes");
  origin.set_user("bob");
  origin.set_script("33:\"form\".php");
  origin.set_confidence("medium");
  origin.set_why("Received");
  event->add_link_domains("example.com");
  event->add_link_domains("example.co.uk");
  event->add_rules_cut("DEAR");
  event->set_shadow_set("ef01");
  event->set_shadow_score(-0.125);
  event->add_shadow_rules("NEW");
  event->add_shadow_rules("GTUBE");
  event->set_threshold(4.5);
  event->set_shadow_failed(true);
  event->set_held_by("user:bob");
  event->set_header_sample(std::string("Subject: \xff\0x\r\n", 14));
  event->set_header_sample_cut(true);

  const auto ledger = open();
  ASSERT_EQ(ledger->store_events("edge-1", one, 1'700'000'001), true);
  const auto found = *ledger->events({});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(found[0], *event))
      << found[0].DebugString();
}

TEST_F(SqliteLedgerTest, IgnoresABatchThatItHas) {
  const auto ledger = open();
  EXPECT_EQ(ledger->store_events("edge-1", batch(1, 3), 0), true);
  EXPECT_EQ(ledger->store_events("edge-1", batch(1, 3), 0), false);
  EXPECT_EQ(ledger->store_events("edge-1", batch(2, 1), 0), true);
  EXPECT_EQ(ledger->store_events("edge-1", batch(1, 1, "boot-2"), 0), true);
  EXPECT_EQ(ledger->store_events("edge-2", batch(1, 1), 0), true);
  EXPECT_EQ(ledger->totals()->events, 6u);
  EXPECT_EQ(ask("SELECT count(*) FROM events"), "6");
}

TEST_F(SqliteLedgerTest, SelectsEventsNewestFirst) {
  const auto ledger = open();
  EventBatch events = batch(1, 4);  // sizes 1000–1003
  events.mutable_events(1)->set_client("192.0.2.9");
  events.mutable_events(2)->set_client("2001:db8::7");
  events.mutable_events(3)->set_case_reference(77);
  ASSERT_TRUE(ledger->store_events("edge-1", events, 0));
  const auto sizes = [&](const EventQuery& query) {
    std::vector<uint64_t> out;
    const auto found = *ledger->events(query);
    for (const Event& event : found) out.push_back(event.message_bytes());
    return out;
  };
  EXPECT_THAT(sizes({}), ElementsAre(1003, 1002, 1001, 1000));
  EXPECT_THAT(sizes({.limit = 2}), ElementsAre(1003, 1002));
  EXPECT_THAT(sizes({.client = parsed("192.0.2.7")}), ElementsAre(1003, 1000));
  EXPECT_THAT(sizes({.client = parsed("192.0.2.0/24")}), ElementsAre(1003, 1001, 1000));
  EXPECT_THAT(sizes({.client = parsed("::/0")}), ElementsAre(1002));
  EXPECT_THAT(sizes({.case_reference = {77}}), ElementsAre(1003));
  EXPECT_THAT(sizes({.outcome = "refused_content"}), ElementsAre(1002, 1000));
  EXPECT_THAT(
      sizes({.client = parsed("192.0.2.7"), .case_reference = {77}, .outcome = "refused_content"}),
      IsEmpty());
}

// Every second of `events` was seen by a shadow set; they were sent a second apart.
EventBatch half_in_shadow(uint64_t number, int events, uint64_t first_unix_s) {
  EventBatch out = batch(number, events);
  for (int i = 0; i < events; ++i) {
    Event& event = *out.mutable_events(i);
    event.set_wall_us((first_unix_s + static_cast<uint64_t>(i)) * 1'000'000);
    if (i % 2 == 0) event.set_shadow_set("ef01");
  }
  return out;
}

std::vector<uint64_t> sizes(const ShadowPage& page) {
  std::vector<uint64_t> out;
  for (const Event& event : page.events) out.push_back(event.message_bytes());
  return out;
}

TEST_F(SqliteLedgerTest, TellsWhatAShadowSawNewestFirst) {
  const auto ledger = open();
  EXPECT_THAT(sizes(*ledger->shadow_events({})), IsEmpty());
  ASSERT_TRUE(ledger->store_events("edge-1", half_in_shadow(1, 5, 100), 0));
  ASSERT_TRUE(ledger->store_events("edge-2", half_in_shadow(2, 3, 200), 0));
  const ShadowPage all = *ledger->shadow_events({});
  EXPECT_THAT(sizes(all), ElementsAre(2002, 2000, 1004, 1002, 1000));
  EXPECT_EQ(all.last_row, 0u);  // there is no other page
  EXPECT_EQ(all.events[0].shadow_set(), "ef01");
  // By the second in which it was sent, that second among them.
  EXPECT_THAT(sizes(*ledger->shadow_events({.since_unix_s = 102})),
              ElementsAre(2002, 2000, 1004, 1002));
  EXPECT_THAT(sizes(*ledger->shadow_events({.since_unix_s = 203})), IsEmpty());
}

// Rows that no shadow saw lie between those that one did, and events come while somebody reads.
TEST_F(SqliteLedgerTest, TellsWhatAShadowSawPageByPage) {
  const auto ledger = open();
  ASSERT_TRUE(ledger->store_events("edge-1", half_in_shadow(1, 9, 100), 0));
  ShadowQuery query{.limit = 2};
  std::vector<std::vector<uint64_t>> pages;
  do {
    const ShadowPage page = *ledger->shadow_events(query);
    pages.push_back(sizes(page));
    query.before_row = page.last_row;
    if (pages.size() == 1) {
      ASSERT_TRUE(ledger->store_events("edge-1", half_in_shadow(2, 1, 300), 0));
    }
  } while (query.before_row != 0);
  EXPECT_THAT(pages,
              ElementsAre(ElementsAre(1008, 1006), ElementsAre(1004, 1002), ElementsAre(1000)));
  // A page that is full by chance is followed by an empty one.
  query = {.since_unix_s = 106, .limit = 3};
  const ShadowPage full = *ledger->shadow_events(query);
  EXPECT_THAT(sizes(full), ElementsAre(2000, 1008, 1006));
  query.before_row = full.last_row;
  EXPECT_NE(query.before_row, 0u);
  EXPECT_THAT(sizes(*ledger->shadow_events(query)), IsEmpty());
}

TEST_F(SqliteLedgerTest, ForgetsOldEventsInPieces) {
  const auto ledger = open();
  ASSERT_TRUE(ledger->store_events("edge-1", batch(1, 3), 100));
  ASSERT_TRUE(ledger->store_events("edge-1", batch(2, 3), 200));
  EXPECT_EQ(ledger->forget_events_before(200, 2), 2u);
  EXPECT_EQ(ledger->forget_events_before(200, 2), 1u);
  EXPECT_EQ(ledger->forget_events_before(200, 2), 0u);
  EXPECT_EQ(ledger->totals()->events, 3u);
  EXPECT_EQ(ledger->events({})->back().message_bytes(), 2000u);
}

// What a bad file gets: an error that says what to do, and the file left as it was.
TEST_F(SqliteLedgerTest, RefusesAFileThatIsNoDatabase) {
  std::ofstream(file_) << std::string(5000, 'x');
  const auto ledger = open_sqlite_ledger(file_);
  ASSERT_FALSE(ledger.has_value());
  EXPECT_THAT(ledger.error(),
              AllOf(HasSubstr(file_.string()), HasSubstr("restore it from a backup")));
  EXPECT_EQ(std::filesystem::file_size(file_), 5000u);
}

TEST_F(SqliteLedgerTest, RefusesTheDatabaseOfAnotherProgram) {
  ask("CREATE TABLE songs (title TEXT)");
  const auto ledger = open_sqlite_ledger(file_);
  ASSERT_FALSE(ledger.has_value());
  EXPECT_THAT(ledger.error(), HasSubstr("another program"));
  EXPECT_EQ(ask("SELECT group_concat(name) FROM sqlite_schema"), "songs");
  EXPECT_EQ(ask("PRAGMA journal_mode"), "delete");
}

TEST_F(SqliteLedgerTest, RefusesANewerSchema) {
  open();
  ask("PRAGMA user_version = 99");
  const auto ledger = open_sqlite_ledger(file_);
  ASSERT_FALSE(ledger.has_value());
  EXPECT_THAT(ledger.error(), AllOf(HasSubstr("schema 99"), HasSubstr("newer Postern")));
}

// Before schema 2 an event had no content hash, before schema 4 nothing of its session and origin.
TEST_F(SqliteLedgerTest, TakesALedgerOfTheFirstSchemaFurther) {
  {
    Database first(file_);
    migrate(first, 1);
    first.execute(
        "INSERT INTO verdicts VALUES (x'00000000000000000000ffffc0000207', 32, '192.0.2.7', "
        "'refuse', 0, 42, 'relays spam', 'anna', 1700000000, 0);"
        "INSERT INTO events VALUES (1, 'edge-1', 0, 'message', 'forwarded', 0, 0, "
        "x'00000000000000000000ffffc0000207', '192.0.2.7', 0, '', 0, '', '', '', 0, 0, 0, '[]', "
        "'', 1000, 0, 0, '[]', '', '[]')");
  }
  const auto ledger = open();
  const auto found = *ledger->events({});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].message_bytes(), 1000u);
  EXPECT_EQ(found[0].content_hash(), "");
  EXPECT_FALSE(found[0].has_session());
  EXPECT_FALSE(found[0].has_origin());
  EXPECT_EQ(found[0].link_domains_size(), 0);
  EXPECT_EQ(**ledger->verdict_on({parsed("192.0.2.7")}), refuse("192.0.2.7"));
  EXPECT_EQ(ledger->store_events("edge-1", batch(1, 1), 0), true);
}

TEST_F(SqliteLedgerTest, RefusesADamagedTableOfVerdicts) {
  {
    const auto ledger = open();
    std::vector<Change> many;
    for (int i = 0; i < 2000; ++i) {
      const uint8_t address[4] = {10, 0, static_cast<uint8_t>(i / 256),
                                  static_cast<uint8_t>(i % 256)};
      Verdict verdict = refuse("192.0.2.1");
      verdict.prefix = IpPrefix::host(IpAddress::from_v4(address));
      many.push_back(set(verdict));
    }
    ASSERT_TRUE(ledger->apply(many));
  }
  const int64_t page =
      std::stoll(ask("SELECT rootpage FROM sqlite_schema WHERE name = 'verdicts'"));
  const int64_t page_size = std::stoll(ask("PRAGMA page_size"));
  std::fstream raw(file_, std::ios::in | std::ios::out | std::ios::binary);
  raw.seekp((page - 1) * page_size);
  raw << std::string(static_cast<size_t>(page_size), '\x5a');
  raw.close();
  const auto ledger = open_sqlite_ledger(file_);
  ASSERT_FALSE(ledger.has_value());
  EXPECT_THAT(ledger.error(), AllOf(HasSubstr("damaged"), HasSubstr("backup")));
}

TEST_F(SqliteLedgerTest, SaysWhatToDoWhenTheDirectoryIsMissing) {
  const auto ledger = open_sqlite_ledger(directory_ / "nowhere" / "ledger.sqlite");
  ASSERT_FALSE(ledger.has_value());
  EXPECT_THAT(ledger.error(), HasSubstr("its directory must exist"));
}

}  // namespace
}  // namespace postern::ledger
