// What a killed process and a full disk leave of the ledger.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "base/testing/child_process.h"
#include "control/ledger/audit.h"
#include "control/ledger/testing/ledger_file.h"

namespace postern::ledger {
namespace {

IpPrefix range(std::string_view text) { return *IpPrefix::parse(text); }

Verdict refused(const IpPrefix& on) {
  return {.prefix = on,
          .treatment = Treatment::TREATMENT_REFUSE,
          .case_reference = {0x2a},
          .reason = "relays spam",
          .author = "anna",
          .set_unix_s = 1'700'000'000};
}
Change set_on(const IpPrefix& on) { return {Action::kSet, refused(on)}; }
// 10.ROUND.N
IpPrefix server(int round, uint64_t number) {
  return range(fmt::format("10.{}.{}.{}", round, number >> 8 & 0xff, number & 0xff));
}

class LedgerCrashTest : public LedgerFileTest {};

// The child acknowledges each version and batch over a pipe after the call returned; it is killed
// in the middle of its work. All that was acknowledged must be there, and no batch in part.
TEST_F(LedgerCrashTest, AKilledProcessLosesNothingThatWasAcknowledged) {
  constexpr int kEventsPerBatch = 7;
  uint64_t batches_before = 0;
  for (int round = 0; round < 5; ++round) {
    int acknowledgements[2];
    ASSERT_EQ(pipe(acknowledgements), 0);
    const pid_t child = in_child([&] {
      close(acknowledgements[0]);
      auto ledger = open_sqlite_ledger(file_);
      if (!ledger) return 1;
      for (uint64_t i = 1;; ++i) {
        const auto version = (*ledger)->apply(std::vector{set_on(server(round, i))});
        const auto stored =
            (*ledger)->store_events("edge-1", batch(i, kEventsPerBatch, std::to_string(round)), 0);
        if (!version || !stored) return 2;
        const uint64_t acknowledged[2] = {*version, i};
        if (write(acknowledgements[1], acknowledged, sizeof acknowledged) != sizeof acknowledged)
          return 3;
      }
    });
    close(acknowledgements[1]);
    uint64_t last[2] = {0, 0};
    for (int i = 0; i < 20 + 13 * round; ++i) {
      ASSERT_EQ(read(acknowledgements[0], last, sizeof last), ssize_t{sizeof last});
    }
    kill(child, SIGKILL);
    // What it acknowledged before the signal reached it counts, too.
    while (read(acknowledgements[0], last, sizeof last) == ssize_t{sizeof last}) {
    }
    close(acknowledgements[0]);
    exit_status(child);

    const auto ledger = open();
    EXPECT_GE(ledger->version().number, last[0]);
    EXPECT_LE(ledger->version().number, last[0] + 1);
    EXPECT_EQ(ledger->totals()->verdicts, ledger->version().number);
    const uint64_t batches = std::stoull(ask("SELECT count(*) FROM event_batches"));
    EXPECT_GE(batches, batches_before + last[1]);
    EXPECT_LE(batches, batches_before + last[1] + 1);
    batches_before = batches;
    EXPECT_EQ(std::stoull(ask("SELECT count(*) FROM events")), batches * kEventsPerBatch);
    EXPECT_EQ(ask("PRAGMA integrity_check"), "ok");
  }
}

// What people and the policy do: a customer, a case that goes on, what it rests on, a token.
Result<void> do_all(Ledger& ledger, const IpPrefix& on, uint64_t number) {
  const std::string name = fmt::format("customer {}", on.to_string());
  const auto customer = ledger.customers().put({.name = name, .prefixes = {on}}, "anna", number);
  if (!customer) return std::unexpected(customer.error());
  Case about{.reference = {*customer},
             .customer = *customer,
             .subject = {on, "user:bob"},
             .cause = "spam",
             .opened_unix_s = number,
             .changed_unix_s = number};
  if (auto done = ledger.cases().open(about, {number, "policy", "opened", "spam"}); !done)
    return done;
  for (int i = 0; i < 3; ++i) {
    Evidence evidence{.reference = about.reference, .why = "spam"};
    evidence.event.set_kind("message");
    evidence.event.set_mail_from(fmt::format("{}@spam.example", i));
    if (const auto kept = ledger.cases().add_evidence(evidence, 3); !kept)
      return std::unexpected(kept.error());
  }
  about.step = Step::kBlock;
  if (auto done = ledger.cases().change(about, {number + 1, "policy", "escalated", "more spam"});
      !done)
    return done;
  ApiToken token{.name = name, .created_unix_s = number};
  for (size_t i = 0; i < sizeof number; ++i) token.hash[i] = static_cast<uint8_t>(number >> 8 * i);
  token.hash[8] = on.address.bytes()[on.address.bytes().size() - 3];
  if (const auto added = ledger.tokens().add(token, "anna"); !added)
    return std::unexpected(added.error());
  return ledger.audit().record({number, "anna", "probe", name, "all done"});
}

constexpr const char* kDone = "SELECT count(*) FROM audit WHERE detail = 'all done'";
// Cases without the entry that opened them, or with a step that no entry tells of; evidence and
// prefixes of nobody.
constexpr const char* kTorn = R"(SELECT
  (SELECT count(*) FROM cases WHERE reference NOT IN
     (SELECT reference FROM case_history WHERE action = 'opened')) +
  (SELECT count(*) FROM cases WHERE step = 'block' AND reference NOT IN
     (SELECT reference FROM case_history WHERE action = 'escalated')) +
  (SELECT count(*) FROM evidence WHERE reference NOT IN (SELECT reference FROM cases)) +
  (SELECT count(*) FROM customers WHERE id NOT IN (SELECT customer FROM customer_prefixes)))";

TEST_F(LedgerCrashTest, AKilledProcessLeavesWholeCasesAndWhatWasDoneToThem) {
  uint64_t done_before = 0;
  for (int round = 1; round <= 5; ++round) {
    int acknowledgements[2];
    ASSERT_EQ(pipe(acknowledgements), 0);
    const pid_t child = in_child([&] {
      auto ledger = open_sqlite_ledger(file_);
      if (!ledger) return 1;
      for (uint64_t i = 1;; ++i) {
        if (!do_all(**ledger, server(round, i), i)) return 2;
        if (write(acknowledgements[1], &i, sizeof i) != sizeof i) return 3;
      }
    });
    close(acknowledgements[1]);
    uint64_t last = 0;
    for (int i = 0; i < 5 + 7 * round; ++i)
      ASSERT_EQ(read(acknowledgements[0], &last, sizeof last), ssize_t{sizeof last});
    kill(child, SIGKILL);
    while (read(acknowledgements[0], &last, sizeof last) == ssize_t{sizeof last}) {
    }
    close(acknowledgements[0]);
    exit_status(child);

    const auto ledger = open();
    const uint64_t done = std::stoull(ask(kDone));
    EXPECT_GE(done, done_before + last);
    EXPECT_LE(done, done_before + last + 1);
    done_before = done;
    EXPECT_EQ(ask(kTorn), "0");
    EXPECT_EQ(ask("PRAGMA integrity_check"), "ok");
    const auto opened = ledger->cases().about({server(round, last), "user:bob"});
    ASSERT_TRUE(opened.has_value() && opened->has_value());
    EXPECT_EQ((*opened)->step, Step::kBlock);
    EXPECT_EQ(ledger->cases().evidence((*opened)->reference)->size(), 3u);
  }
}

// On a small file system of its own, which goes with the child's mount namespace.
TEST_F(LedgerCrashTest, AFullDiskIsToldAndLosesNothing) {
  const pid_t child = in_child([&] {
    if (!mount_small(directory_, "1m")) return kNotAllowed;
    uint64_t stored = 0;
    {
      auto ledger = open_sqlite_ledger(file_);
      if (!ledger) return 1;
      if (!(*ledger)->apply(std::vector{set_on(range("192.0.2.1"))})) return 2;
      Result<bool> result = true;
      while (result) {
        result = (*ledger)->store_events("edge-1", batch(stored + 1, 50), 0);
        if (result) ++stored;
      }
      if (result.error().find("is full") == std::string::npos) return 3;
      // What is there can still be read.
      if ((*ledger)->totals()->events != stored * 50) return 4;
      if (!(*ledger)->verdict_on({range("192.0.2.1")})->has_value()) return 5;
    }
    // Room again: all is there, and the refused batch is taken now.
    if (!resize(directory_, "8m")) return 6;
    auto ledger = open_sqlite_ledger(file_);
    if (!ledger) return 7;
    if ((*ledger)->totals()->events != stored * 50 || stored == 0) return 8;
    if ((*ledger)->store_events("edge-1", batch(stored + 1, 50), 0) != true) return 9;
    if (ask("PRAGMA integrity_check") != "ok") return 10;
    return 0;
  });
  const int status = exit_status(child);
  if (status == kNotAllowed) GTEST_SKIP() << "needs the right to mount a file system: run as root";
  EXPECT_EQ(status, 0);
}

TEST_F(LedgerCrashTest, OnAFullDiskCasesStayWholeAndGoOnLater) {
  const pid_t child = in_child([&] {
    if (!mount_small(directory_, "1m")) return kNotAllowed;
    uint64_t done = 0;
    {
      auto ledger = open_sqlite_ledger(file_);
      if (!ledger) return 1;
      Result<void> result;
      while (result) {
        result = do_all(**ledger, server(0, done + 1), done + 1);
        if (result) ++done;
      }
      if (result.error().find("is full") == std::string::npos) return 2;
      const auto last = (*ledger)->cases().about({server(0, done), "user:bob"});
      if (done == 0 || !last || !*last || (*last)->step != Step::kBlock) return 3;
    }
    if (!resize(directory_, "8m")) return 4;
    auto ledger = open_sqlite_ledger(file_);
    if (!ledger) return 5;
    if (ask(kDone) != std::to_string(done)) return 6;
    if (ask(kTorn) != "0") return 7;
    if (!do_all(**ledger, server(1, 1), done + 2)) return 8;
    return ask("PRAGMA integrity_check") == "ok" ? 0 : 9;
  });
  const int status = exit_status(child);
  if (status == kNotAllowed) GTEST_SKIP() << "needs the right to mount a file system: run as root";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace postern::ledger
