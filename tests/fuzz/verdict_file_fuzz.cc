// The readers of the verdict files. The first byte chooses; checksums are made to fit in the odd
// modes, so that what lies behind them is reached.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "dataplane/agent/verdict_format.h"

namespace {

using namespace postern::agent;

void expect(bool condition) {
  if (!condition) abort();
}

void snapshot(std::span<const uint8_t> bytes) {
  const auto read = read_snapshot(bytes);
  if (!read) return;
  std::string again;
  write_snapshot_head(again, read->held.epoch, read->held.version);
  for (const auto& v : read->held.verdicts) write_verdict(again, v);
  for (const auto& v : read->held.narrow) write_verdict(again, v);
  write_snapshot_counts(again, read->held.verdicts.size(), read->held.narrow.size());
  const Digest digest = Sha256().update(as_bytes(again)).finish();
  write_digest(again, digest);
  // One of the version before says the same in today's.
  if (!std::equal(again.begin(), again.begin() + 8, bytes.begin())) {
    const auto today = read_snapshot(as_bytes(again));
    expect(today && today->held.verdicts == read->held.verdicts && today->held.narrow.empty());
    return;
  }
  expect(digest == read->digest);
  expect(std::string_view(again) ==
         std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void log(std::span<const uint8_t> bytes, const Digest& digest) {
  HeldVerdicts held{"e", 7, {}};
  const LogRead read = replay_log(bytes, digest, held);
  expect(read.good_bytes <= bytes.size());
  if (read.good_bytes == 0) return;
  HeldVerdicts again{"e", 7, {}};
  const LogRead good = replay_log(bytes.first(read.good_bytes), digest, again);
  expect(good.damage.empty() && good.deltas == read.deltas);
  expect(again.version == held.version && again.verdicts == held.verdicts &&
         again.narrow == held.narrow);
}

// Cuts the input into deltas by a length of two octets before each, and chains them as a log is.
std::string chained(std::span<const uint8_t> bytes) {
  Digest digest{};
  std::string out;
  write_log_head(out, digest);
  while (bytes.size() >= 2) {
    const size_t length = std::min<size_t>(bytes[0] | bytes[1] << 8, bytes.size() - 2);
    const auto payload = bytes.subspan(2, length);
    bytes = bytes.subspan(2 + length);
    digest = Sha256().update(digest).update(payload).finish();
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<char>(length >> (8 * i)));
    write_digest(out, digest);
    out.append(reinterpret_cast<const char*>(payload.data()), payload.size());
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::span<const uint8_t> bytes(data + 1, size - 1);
  switch (data[0] & 3) {
    case 0:
      snapshot(bytes);
      break;
    case 1: {
      std::string whole(reinterpret_cast<const char*>(bytes.data()), bytes.size());
      write_digest(whole, Sha256().update(bytes).finish());
      snapshot(as_bytes(whole));
      break;
    }
    case 2:
      log(bytes, Digest{});
      break;
    case 3:
      log(as_bytes(chained(bytes)), Digest{});
      break;
  }
  return 0;
}
