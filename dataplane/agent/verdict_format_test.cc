#include "dataplane/agent/verdict_format.h"

#include <gtest/gtest.h>

namespace postern::agent {
namespace {

using verdict::NarrowVerdict;
using verdict::PrefixVerdict;
using verdict::Treatment;

std::string from_hex(std::string_view hex) {
  std::string out;
  for (size_t i = 0; i < hex.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

// Both put together with Python's struct and hashlib from the description in verdict_format.h.
const std::string kSnapshot = from_hex(
    "5053544e56455232070000000000000002000000653100000000000000000000ffffc000020018040000000034"
    "12000000000000050000000000000000000000000000000000ffffc0000207200103626f620477000000000000"
    "0000000000000000000100000000000000010000000000000083f2994dc1ca87d8d6029b1b8d030f78fcb063ef"
    "e971dd12bf66cbcbf8c937c9");
const std::string kLog = from_hex(
    "5053544e564c473383f2994dc1ca87d8d6029b1b8d030f78fcb063efe971dd12bf66cbcbf8c937c9a2000000cc"
    "2ec19ef1ffd8622e003eeaf7b69d262f40f9145412043be7b67e7dec62f0b40700000000000000090000000000"
    "00000100000001000000010000000100000000000000000000000000ffffc633640920021e0000000000000000"
    "000000000000000000000000000000000000000000ffffc0000200180000000000000000000000ffffc0000207"
    "200200000000000000000000ffff0a000000080300000000000000000900000000000000000000000000000000"
    "00ffffc0000207200103626f62");
// Of the version before.
const std::string kFormerSnapshot = from_hex(
    "5053544e56455231070000000000000002000000653100000000000000000000ffffc0000200180400000000341200"
    "00"
    "0000000005000000000000000100000000000000addbed14ac482283afe36639283f620e9662c0fb044d8fe51f2e6b"
    "d1"
    "dcbc9933");

PrefixVerdict blocked_range() {
  return {*IpPrefix::parse("192.0.2.0/24"), Treatment::kRefuse, 0, CaseReference{0x1234}, 5};
}
PrefixVerdict throttled_host() {
  return {*IpPrefix::parse("198.51.100.9"), Treatment::kThrottle, 30, {}, 0};
}

NarrowVerdict blocked_user() {
  return {*IpPrefix::parse("192.0.2.7"), *SenderPart::user("bob"), Treatment::kRefuse,
          CaseReference{0x77}, 0};
}
NarrowVerdict held_range() {
  return {*IpPrefix::parse("192.0.2.7"),
          SenderPart::from(*IpPrefix::parse("10.0.0.0/8")),
          Treatment::kHold,
          {},
          9};
}

TEST(VerdictFormat, ReadsASnapshotAndTheLogThatContinuesIt) {
  const auto snapshot = read_snapshot(as_bytes(kSnapshot));
  ASSERT_TRUE(snapshot.has_value()) << snapshot.error();
  EXPECT_EQ(snapshot->held.epoch, "e1");
  EXPECT_EQ(snapshot->held.version, 7u);
  EXPECT_EQ(snapshot->held.verdicts, std::vector{blocked_range()});
  EXPECT_EQ(snapshot->held.narrow, std::vector{blocked_user()});
  HeldVerdicts held = snapshot->held;
  const LogRead log = replay_log(as_bytes(kLog), snapshot->digest, held);
  EXPECT_EQ(log.damage, "");
  EXPECT_EQ(log.good_bytes, kLog.size());
  EXPECT_EQ(log.deltas, 1u);
  EXPECT_EQ(held.version, 9u);
  EXPECT_EQ(held.verdicts, std::vector{throttled_host()});
  EXPECT_EQ(held.narrow, std::vector{held_range()});
}

// Its log is not continued: control sends what came after it.
TEST(VerdictFormat, ReadsASnapshotOfTheVersionBefore) {
  const auto snapshot = read_snapshot(as_bytes(kFormerSnapshot));
  ASSERT_TRUE(snapshot.has_value()) << snapshot.error();
  EXPECT_EQ(snapshot->held.epoch, "e1");
  EXPECT_EQ(snapshot->held.version, 7u);
  EXPECT_EQ(snapshot->held.verdicts, std::vector{blocked_range()});
  EXPECT_TRUE(snapshot->held.narrow.empty());
  HeldVerdicts held = snapshot->held;
  const std::string former_log = "PSTNVLG2" + std::string(32, '\0');
  EXPECT_NE(replay_log(as_bytes(former_log), snapshot->digest, held).damage, "");
}

TEST(VerdictFormat, WritesWhatItReads) {
  std::string snapshot;
  write_snapshot_head(snapshot, "e1", 7);
  write_verdict(snapshot, blocked_range());
  write_verdict(snapshot, blocked_user());
  write_snapshot_counts(snapshot, 1, 1);
  Digest digest = Sha256().update(as_bytes(snapshot)).finish();
  write_digest(snapshot, digest);
  EXPECT_EQ(snapshot, kSnapshot);
  std::string log;
  write_log_head(log, digest);
  write_log_delta(
      log,
      {7, 9, {throttled_host()}, {blocked_range().key()}, {held_range()}, {blocked_user().key()}},
      digest);
  EXPECT_EQ(log, kLog);
}

// The treatment is in the lowest three bits of its octet, what is said of STARTTLS in the fifth and
// sixth; the switch has the highest two and the fourth, where files written before had 0.
TEST(VerdictFormat, KeepsWhatIsSaidOfStartTlsAndTheSwitch) {
  PrefixVerdict masked = blocked_range();
  masked.starttls = verdict::StartTls::kMask;
  masked.of = verdict::Switch::kRangeExclusion;
  std::string plain, with_mask;
  write_verdict(plain, blocked_range());
  write_verdict(with_mask, masked);
  plain[17] = static_cast<char>(plain[17] | 0xe0);
  EXPECT_EQ(with_mask, plain);

  std::string file;
  write_snapshot_head(file, "e1", 7);
  file += with_mask;
  write_snapshot_counts(file, 1, 0);
  write_digest(file, Sha256().update(as_bytes(file)).finish());
  EXPECT_EQ(read_snapshot(as_bytes(file))->held.verdicts, std::vector{masked});
}

TEST(VerdictFormat, KeepsTheInboundGuard) {
  PrefixVerdict guard = blocked_range(), source = blocked_range();
  guard.of = verdict::Switch::kInboundGuard;    // 4: only the third bit
  source.of = verdict::Switch::kInboundSource;  // 5
  source.treatment = verdict::Treatment::kPass;
  std::string plain, file;
  write_verdict(plain, blocked_range());
  plain[17] = static_cast<char>(plain[17] | 0x08);
  std::string octets;
  write_verdict(octets, guard);
  EXPECT_EQ(octets, plain);

  write_snapshot_head(file, "e1", 7);
  write_verdict(file, guard);
  write_verdict(file, source);
  std::string unknown = file;
  write_snapshot_counts(file, 2, 0);
  write_digest(file, Sha256().update(as_bytes(file)).finish());
  EXPECT_EQ(read_snapshot(as_bytes(file))->held.verdicts, (std::vector{guard, source}));
  // A switch that a later program may have.
  octets[17] = static_cast<char>(octets[17] | 0x80);
  unknown += octets;
  write_snapshot_counts(unknown, 3, 0);
  write_digest(unknown, Sha256().update(as_bytes(unknown)).finish());
  EXPECT_FALSE(read_snapshot(as_bytes(unknown)).has_value());
}

TEST(VerdictFormat, NoTruncatedOrAlteredSnapshotIsBelieved) {
  for (size_t n = 0; n < kSnapshot.size(); ++n) {
    EXPECT_FALSE(read_snapshot(as_bytes(kSnapshot).first(n)).has_value()) << n;
    std::string altered = kSnapshot;
    altered[n] = static_cast<char>(altered[n] ^ 1 << (n % 8));
    EXPECT_FALSE(read_snapshot(as_bytes(altered)).has_value()) << n;
  }
}

TEST(VerdictFormat, ATruncatedOrAlteredLogLeavesWhatIsBeforeTheDamage) {
  const auto snapshot = *read_snapshot(as_bytes(kSnapshot));
  HeldVerdicts whole = snapshot.held;
  Digest digest = replay_log(as_bytes(kLog), snapshot.digest, whole).last_digest;
  std::string log = kLog;
  write_log_delta(log, {9, 10, {blocked_range()}, {}}, digest);
  for (size_t n = 0; n < log.size(); ++n) {
    std::string altered = log;
    altered[n] = static_cast<char>(altered[n] ^ 1 << (n % 8));
    for (const std::string& damaged : {log.substr(0, n), altered}) {
      HeldVerdicts held = snapshot.held;
      const LogRead read = replay_log(as_bytes(damaged), snapshot.digest, held);
      if (n >= kLog.size()) {
        EXPECT_EQ(held.version, 9u) << n;
        EXPECT_EQ(held.verdicts, whole.verdicts) << n;
        EXPECT_EQ(read.good_bytes, kLog.size()) << n;
      } else {
        EXPECT_EQ(held.version, 7u) << n;
        EXPECT_EQ(held.verdicts, snapshot.held.verdicts) << n;
      }
      if (damaged.size() != kLog.size() && damaged.size() != 40) {  // cut between deltas: no damage
        EXPECT_NE(read.damage, "") << n;
      }
    }
  }
}

TEST(VerdictFormat, ALogThatLeavesADeltaOutIsReadUpToThere) {
  const auto snapshot = *read_snapshot(as_bytes(kSnapshot));
  Digest digest = snapshot.digest;
  std::string log;
  write_log_head(log, digest);
  write_log_delta(log, {7, 8, {throttled_host()}, {}}, digest);
  write_log_delta(log, {9, 10, {}, {throttled_host().key()}}, digest);
  HeldVerdicts held = snapshot.held;
  EXPECT_NE(replay_log(as_bytes(log), snapshot.digest, held).damage, "");
  EXPECT_EQ(held.version, 8u);
  EXPECT_EQ(held.verdicts.size(), 2u);
}

// A checksum can be made to fit; what it covers must make sense all the same.
TEST(VerdictFormat, RefusesRecordsThatAreNoVerdicts) {
  const auto with = [](size_t at, char value) {
    std::string bytes = kSnapshot.substr(0, kSnapshot.size() - 32);
    bytes[at] = value;
    write_digest(bytes, Sha256().update(as_bytes(bytes)).finish());
    return bytes;
  };
  constexpr size_t kRecord = 22;
  EXPECT_TRUE(read_snapshot(as_bytes(with(kRecord + 16, 24))).has_value());
  EXPECT_FALSE(
      read_snapshot(as_bytes(with(kRecord + 16, 33))).has_value());  // length of an IPv4 prefix
  EXPECT_FALSE(read_snapshot(as_bytes(with(kRecord + 15, 1))).has_value());  // host bits
  EXPECT_FALSE(read_snapshot(as_bytes(with(kRecord + 17, 6))).has_value());  // treatment
  EXPECT_FALSE(read_snapshot(as_bytes(with(16, 100))).has_value());          // epoch length
  constexpr size_t kNarrow = kRecord + 38;
  EXPECT_TRUE(read_snapshot(as_bytes(with(kNarrow + 19, 'c'))).has_value());
  EXPECT_FALSE(read_snapshot(as_bytes(with(kNarrow + 19, 'B'))).has_value());  // upper case
  EXPECT_FALSE(read_snapshot(as_bytes(with(kNarrow + 19, '\n'))).has_value());
  EXPECT_FALSE(read_snapshot(as_bytes(with(kNarrow + 16, 33))).has_value());  // prefix length
  EXPECT_FALSE(read_snapshot(as_bytes(with(kNarrow + 17, 0))).has_value());   // kind
  EXPECT_FALSE(read_snapshot(as_bytes(with(kNarrow + 18, 0))).has_value());   // name length
  EXPECT_FALSE(read_snapshot(as_bytes(with(kNarrow + 18, 64))).has_value());
  EXPECT_FALSE(read_snapshot(as_bytes(with(kNarrow + 22, 2))).has_value());  // treatment
  constexpr size_t kCounts = kNarrow + 39;
  EXPECT_FALSE(read_snapshot(as_bytes(with(kCounts, 0))).has_value());
  EXPECT_FALSE(read_snapshot(as_bytes(with(kCounts, 2))).has_value());
  EXPECT_FALSE(read_snapshot(as_bytes(with(kCounts + 8, 0))).has_value());
  EXPECT_FALSE(read_snapshot(as_bytes(with(kCounts + 8, 2))).has_value());
}

}  // namespace
}  // namespace postern::agent
