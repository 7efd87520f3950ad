// The bytes of the verdict files, read and written: no file, no thread.
//
// A snapshot:  magic, version, epoch, one fixed record for each verdict, one of its own length for
//              each block on a part of a sender, the counts of both, SHA-256 of all that. One of
//              the version before, which knew no such blocks and no count of them, is read too.
// A log:       magic, the SHA-256 of the snapshot it continues, then deltas. Each carries
//              SHA-256(the digest before it, its bytes), so that a delta that was altered, moved or
//              left out ends the chain.
// Integers are little-endian. A log may end in the middle of a delta: the process was killed while
// writing it, before it was acknowledged.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "dataplane/verdict/narrow_blocks.h"
#include "dataplane/verdict/verdict.h"

struct evp_md_ctx_st;

namespace postern::agent {

// All verdicts at one version of one ledger.
struct HeldVerdicts {
  std::string epoch;  // empty: nothing was ever received
  uint64_t version = 0;
  std::vector<verdict::PrefixVerdict> verdicts;
  std::vector<verdict::NarrowVerdict> narrow = {};
};

struct VerdictDelta {
  uint64_t from_version = 0;
  uint64_t to_version = 0;
  std::vector<verdict::PrefixVerdict> upserts = {};
  std::vector<verdict::VerdictKey> removals = {};  // after the upserts
  std::vector<verdict::NarrowVerdict> narrow_upserts = {};
  std::vector<verdict::NarrowKey> narrow_removals = {};
};

using Digest = std::array<uint8_t, 32>;

inline constexpr size_t kMaxEpochBytes = 255;

struct SnapshotRead {
  HeldVerdicts held;
  Digest digest;
};
// The error says what is wrong with the bytes.
std::expected<SnapshotRead, std::string> read_snapshot(std::span<const uint8_t> bytes);

struct LogRead {
  uint64_t good_bytes = 0;  // what follows is to be cut off before anything is appended
  Digest last_digest{};     // that of the snapshot when there is no delta
  uint32_t deltas = 0;      // that were applied
  std::string damage = {};  // why reading stopped before the end; empty: it did not
};
// Applies the deltas of a log to the verdicts of the snapshot that it continues, as far as they can
// be trusted. A log of another snapshot applies nothing: good_bytes is 0.
LogRead replay_log(std::span<const uint8_t> bytes, const Digest& snapshot, HeldVerdicts& held);

// Appends to `out`.
void write_snapshot_head(std::string& out, std::string_view epoch, uint64_t version);
void write_verdict(std::string& out, const verdict::PrefixVerdict& verdict);
void write_verdict(std::string& out, const verdict::NarrowVerdict& verdict);  // behind all others
// Then the digest of all of it.
void write_snapshot_counts(std::string& out, uint64_t verdicts, uint64_t narrow);
void write_digest(std::string& out, const Digest& digest);
void write_log_head(std::string& out, const Digest& snapshot);
// Moves `digest` on to that of the delta.
void write_log_delta(std::string& out, const VerdictDelta& delta, Digest& digest);

// SHA-256 of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  Sha256& update(std::span<const uint8_t> bytes);
  Digest finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

inline std::span<const uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace postern::agent
