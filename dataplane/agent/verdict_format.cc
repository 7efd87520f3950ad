#include "dataplane/agent/verdict_format.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <type_traits>
#include <unordered_map>

namespace postern::agent {
namespace {

using verdict::NarrowKey;
using verdict::NarrowVerdict;
using verdict::PrefixVerdict;
using verdict::StartTls;
using verdict::Switch;
using verdict::Treatment;
using verdict::VerdictKey;

constexpr std::string_view kSnapshotMagic = "PSTNVER2";
constexpr std::string_view kFormerSnapshotMagic = "PSTNVER1";  // without blocks on parts
constexpr std::string_view kLogMagic = "PSTNVLG3";
constexpr size_t kVerdictBytes = 16 + 1 + 1 + 4 + 8 + 8;
constexpr size_t kLeastNarrowKeyBytes = 16 + 1 + 1 + 1 + 1;
constexpr size_t kPrefixBytes = 16 + 1;
constexpr size_t kKeyBytes = kPrefixBytes + 1;
constexpr size_t kDigestBytes = sizeof(Digest);
constexpr size_t kLogHeadBytes = 8 + kDigestBytes;
constexpr size_t kDeltaHeadBytes = 4 + kDigestBytes;

// Treatment (3 bits), the switch's third bit, STARTTLS (2), the switch's first two. Programs that
// knew four switches wrote 0 for the third, and take one that is set for a treatment that there is
// not.
constexpr uint8_t pack(Treatment treatment, StartTls starttls, Switch of) {
  const auto number = static_cast<uint8_t>(of);
  return static_cast<uint8_t>(static_cast<uint8_t>(treatment) | (number >> 2 & 1) << 3 |
                              static_cast<uint8_t>(starttls) << 4 | (number & 3) << 6);
}

template <typename Integer>
void put(std::string& out, Integer value) {
  for (size_t i = 0; i < sizeof value; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

void put_prefix(std::string& out, const IpPrefix& prefix) {
  const auto& bytes = prefix.address.bytes();
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  out.push_back(static_cast<char>(prefix.length));
}

// Its kind, and a prefix or a length and a name.
void put_part(std::string& out, const SenderPart& part) {
  out.push_back(static_cast<char>(part.kind()));
  if (part.kind() == SenderPart::Kind::kFrom) return put_prefix(out, part.prefix());
  out.push_back(static_cast<char>(part.user_name().size()));
  out.append(part.user_name());
}

void put_key(std::string& out, const NarrowKey& key) {
  put_prefix(out, key.prefix);
  put_part(out, key.part);
}

// Takes integers, prefixes and verdicts off the front of bytes whose number was checked before;
// but for narrow ones, which have lengths of their own and are checked here.
class Cursor {
 public:
  explicit Cursor(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  size_t left() const { return bytes_.size(); }
  std::span<const uint8_t> take(size_t n) {
    const auto taken = bytes_.first(n);
    bytes_ = bytes_.subspan(n);
    return taken;
  }
  template <typename Integer>
  Integer integer() {
    const auto taken = take(sizeof(Integer));
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(Integer); ++i) value |= uint64_t{taken[i]} << (8 * i);
    return static_cast<Integer>(value);
  }
  // Nothing when it is no prefix: too long, or with host bits.
  std::optional<IpPrefix> prefix() {
    const IpAddress address = IpAddress::from_v6(take(16).data());
    const auto length = integer<uint8_t>();
    if (length > (address.is_v4() ? 32 : 128)) return std::nullopt;
    const IpPrefix prefix = IpPrefix::containing(address, length);
    if (prefix.address != address) return std::nullopt;
    return prefix;
  }
  std::optional<PrefixVerdict> verdict() {
    const auto covered = prefix();
    const auto what = integer<uint8_t>();
    const uint8_t treatment = what & 0x7;
    const uint8_t starttls = what >> 4 & 0x3;
    const auto of = static_cast<uint8_t>((what >> 3 & 1) << 2 | what >> 6);
    PrefixVerdict verdict;
    verdict.messages_per_minute = integer<uint32_t>();
    verdict.case_reference.number = integer<uint64_t>();
    verdict.expires_unix_s = integer<uint64_t>();
    if (!covered || treatment > static_cast<uint8_t>(Treatment::kDrop) ||
        starttls > static_cast<uint8_t>(StartTls::kMask) || of >= verdict::kSwitches)
      return std::nullopt;
    verdict.prefix = *covered;
    verdict.treatment = static_cast<Treatment>(treatment);
    verdict.starttls = static_cast<StartTls>(starttls);
    verdict.of = static_cast<Switch>(of);
    return verdict;
  }
  std::optional<VerdictKey> key() {
    const auto covered = prefix();
    const auto of = integer<uint8_t>();
    if (!covered || of >= verdict::kSwitches) return std::nullopt;
    return VerdictKey{*covered, static_cast<Switch>(of)};
  }
  std::optional<NarrowKey> narrow_key() {
    if (left() < kPrefixBytes + 2) return std::nullopt;
    const auto sender = prefix();
    const auto kind = integer<uint8_t>();
    if (!sender) return std::nullopt;
    if (kind == static_cast<uint8_t>(SenderPart::Kind::kFrom)) {
      const auto from = left() < kPrefixBytes ? std::nullopt : prefix();
      if (!from) return std::nullopt;
      return NarrowKey{*sender, SenderPart::from(*from)};
    }
    const auto length = integer<uint8_t>();
    if (kind != static_cast<uint8_t>(SenderPart::Kind::kUser) || left() < length) {
      return std::nullopt;
    }
    const auto octets = take(length);
    const std::string_view name(reinterpret_cast<const char*>(octets.data()), octets.size());
    const auto user = SenderPart::user(name);
    if (!user || user->user_name() != name) return std::nullopt;
    return NarrowKey{*sender, *user};
  }
  std::optional<NarrowVerdict> narrow_verdict() {
    const auto key = narrow_key();
    if (!key || left() < 1 + 8 + 8) return std::nullopt;
    NarrowVerdict verdict{.prefix = key->prefix, .part = key->part};
    const auto treatment = integer<uint8_t>();
    verdict.treatment = static_cast<Treatment>(treatment);
    verdict.case_reference.number = integer<uint64_t>();
    verdict.expires_unix_s = integer<uint64_t>();
    if (!verdict::is_narrow_treatment(verdict.treatment)) return std::nullopt;
    return verdict;
  }

 private:
  std::span<const uint8_t> bytes_;
};

bool begins_with(std::span<const uint8_t> bytes, std::string_view magic) {
  return bytes.size() >= magic.size() && std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
}

struct KeyHash {
  static size_t of(const IpPrefix& prefix) {
    const auto& bytes = prefix.address.bytes();
    const std::string_view view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return std::hash<std::string_view>{}(view)*131 + prefix.length;
  }
  size_t operator()(const VerdictKey& key) const {
    return of(key.prefix) * verdict::kSwitches + static_cast<size_t>(key.of);
  }
  size_t operator()(const NarrowKey& key) const {
    return (of(key.prefix) * 131 + of(key.part.prefix())) * 131 +
           std::hash<std::string_view>{}(key.part.user_name());
  }
};

// A list of verdicts that is changed by key; the index is made when it is first needed.
template <typename Verdict, typename Key>
class Edit {
 public:
  explicit Edit(std::vector<Verdict>& verdicts) : verdicts_(verdicts) {}

  void apply(std::span<const Verdict> upserts, std::span<const Key> removals) {
    if (index_.empty()) {
      index_.reserve(verdicts_.size() + upserts.size());
      for (size_t i = 0; i < verdicts_.size(); ++i) index_[verdicts_[i].key()] = i;
    }
    for (const Verdict& v : upserts) {
      const auto [at, is_new] = index_.try_emplace(v.key(), verdicts_.size());
      if (is_new) {
        verdicts_.push_back(v);
      } else {
        verdicts_[at->second] = v;
      }
    }
    for (const Key& key : removals) {
      const auto at = index_.find(key);
      if (at == index_.end()) continue;
      const size_t hole = at->second;
      index_.erase(at);
      if (hole + 1 != verdicts_.size()) {
        verdicts_[hole] = verdicts_.back();
        index_[verdicts_[hole].key()] = hole;
      }
      verdicts_.pop_back();
    }
  }

 private:
  std::vector<Verdict>& verdicts_;
  std::unordered_map<Key, size_t, KeyHash> index_;
};

std::optional<VerdictDelta> read_delta(std::span<const uint8_t> payload) {
  constexpr size_t kHeadBytes = 8 + 8 + 4 + 4 + 4 + 4;
  if (payload.size() < kHeadBytes) return std::nullopt;
  Cursor in(payload);
  VerdictDelta delta;
  delta.from_version = in.integer<uint64_t>();
  delta.to_version = in.integer<uint64_t>();
  const auto upserts = in.integer<uint32_t>();
  const auto removals = in.integer<uint32_t>();
  const auto narrow_upserts = in.integer<uint32_t>();
  const auto narrow_removals = in.integer<uint32_t>();
  const uint64_t fixed = uint64_t{upserts} * kVerdictBytes + uint64_t{removals} * kKeyBytes;
  const uint64_t narrow = uint64_t{narrow_upserts} + narrow_removals;
  if (in.left() < fixed || (in.left() - fixed) / kLeastNarrowKeyBytes < narrow) {
    return std::nullopt;
  }
  for (uint32_t i = 0; i < upserts; ++i) {
    const auto v = in.verdict();
    if (!v) return std::nullopt;
    delta.upserts.push_back(*v);
  }
  for (uint32_t i = 0; i < removals; ++i) {
    const auto key = in.key();
    if (!key) return std::nullopt;
    delta.removals.push_back(*key);
  }
  for (uint32_t i = 0; i < narrow_upserts; ++i) {
    const auto v = in.narrow_verdict();
    if (!v) return std::nullopt;
    delta.narrow_upserts.push_back(*v);
  }
  for (uint32_t i = 0; i < narrow_removals; ++i) {
    const auto key = in.narrow_key();
    if (!key) return std::nullopt;
    delta.narrow_removals.push_back(*key);
  }
  if (in.left() != 0) return std::nullopt;
  return delta;
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
}

Sha256& Sha256::update(std::span<const uint8_t> bytes) {
  EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
  return *this;
}

Digest Sha256::finish() {
  Digest digest;
  EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
  return digest;
}

void write_snapshot_head(std::string& out, std::string_view epoch, uint64_t version) {
  out.append(kSnapshotMagic);
  put(out, version);
  put(out, static_cast<uint32_t>(epoch.size()));
  out.append(epoch);
}

void write_verdict(std::string& out, const PrefixVerdict& verdict) {
  put_prefix(out, verdict.prefix);
  out.push_back(static_cast<char>(pack(verdict.treatment, verdict.starttls, verdict.of)));
  put(out, verdict.messages_per_minute);
  put(out, verdict.case_reference.number);
  put(out, verdict.expires_unix_s);
}

void write_verdict(std::string& out, const NarrowVerdict& verdict) {
  put_key(out, verdict.key());
  out.push_back(static_cast<char>(verdict.treatment));
  put(out, verdict.case_reference.number);
  put(out, verdict.expires_unix_s);
}

void write_snapshot_counts(std::string& out, uint64_t verdicts, uint64_t narrow) {
  put(out, verdicts);
  put(out, narrow);
}

void write_digest(std::string& out, const Digest& digest) {
  out.append(reinterpret_cast<const char*>(digest.data()), digest.size());
}

void write_log_head(std::string& out, const Digest& snapshot) {
  out.append(kLogMagic);
  write_digest(out, snapshot);
}

void write_log_delta(std::string& out, const VerdictDelta& delta, Digest& digest) {
  std::string payload;
  put(payload, delta.from_version);
  put(payload, delta.to_version);
  put(payload, static_cast<uint32_t>(delta.upserts.size()));
  put(payload, static_cast<uint32_t>(delta.removals.size()));
  put(payload, static_cast<uint32_t>(delta.narrow_upserts.size()));
  put(payload, static_cast<uint32_t>(delta.narrow_removals.size()));
  for (const PrefixVerdict& v : delta.upserts) write_verdict(payload, v);
  for (const VerdictKey& key : delta.removals) {
    put_prefix(payload, key.prefix);
    payload.push_back(static_cast<char>(key.of));
  }
  for (const NarrowVerdict& v : delta.narrow_upserts) write_verdict(payload, v);
  for (const NarrowKey& key : delta.narrow_removals) put_key(payload, key);
  digest = Sha256().update(digest).update(as_bytes(payload)).finish();
  put(out, static_cast<uint32_t>(payload.size()));
  write_digest(out, digest);
  out.append(payload);
}

std::expected<SnapshotRead, std::string> read_snapshot(std::span<const uint8_t> bytes) {
  constexpr size_t kHeadBytes = 8 + 8 + 4;
  const bool former = begins_with(bytes, kFormerSnapshotMagic);
  const size_t counts_bytes = former ? 8 : 16;
  const size_t trailer_bytes = counts_bytes + kDigestBytes;
  if (!former && !begins_with(bytes, kSnapshotMagic)) {
    return std::unexpected("it does not begin as a verdict file of this version does");
  }
  if (bytes.size() < kHeadBytes + trailer_bytes) return std::unexpected("it is cut short");
  SnapshotRead read;
  const auto covered = bytes.first(bytes.size() - kDigestBytes);
  read.digest = Sha256().update(covered).finish();
  if (std::memcmp(read.digest.data(), bytes.data() + covered.size(), kDigestBytes) != 0) {
    return std::unexpected("its checksum does not match its contents");
  }
  Cursor in(covered.subspan(kSnapshotMagic.size()));
  read.held.version = in.integer<uint64_t>();
  const auto epoch_bytes = in.integer<uint32_t>();
  if (epoch_bytes > kMaxEpochBytes || epoch_bytes > in.left() - counts_bytes) {
    return std::unexpected("its epoch is too long");
  }
  const auto epoch = in.take(epoch_bytes);
  read.held.epoch.assign(epoch.begin(), epoch.end());
  const size_t record_bytes = in.left() - counts_bytes;
  Cursor counts(covered.last(counts_bytes));
  const auto verdicts = counts.integer<uint64_t>();
  const auto narrow = former ? 0 : counts.integer<uint64_t>();
  const auto miscounted = [] {
    return std::unexpected("it does not hold as many records as it says");
  };
  if (verdicts > record_bytes / kVerdictBytes) return miscounted();
  read.held.verdicts.reserve(verdicts);
  for (uint64_t i = 0; i < verdicts; ++i) {
    const auto v = in.verdict();
    if (!v) return std::unexpected(fmt::format("its record {} is no verdict", i));
    read.held.verdicts.push_back(*v);
  }
  Cursor rest(in.take(in.left() - counts_bytes));
  if (narrow > rest.left() / kLeastNarrowKeyBytes) return miscounted();
  for (uint64_t i = 0; i < narrow; ++i) {
    const auto v = rest.narrow_verdict();
    if (!v) return std::unexpected(fmt::format("its record {} is no verdict", verdicts + i));
    read.held.narrow.push_back(*v);
  }
  if (rest.left() != 0) return miscounted();
  return read;
}

LogRead replay_log(std::span<const uint8_t> bytes, const Digest& snapshot, HeldVerdicts& held) {
  LogRead read{.last_digest = snapshot};
  if (bytes.size() < kLogHeadBytes || !begins_with(bytes, kLogMagic)) {
    read.damage = "it does not begin as a verdict log of this version does";
    return read;
  }
  Cursor in(bytes);
  in.take(kLogMagic.size());
  if (!std::ranges::equal(in.take(kDigestBytes), snapshot)) {
    read.damage = "it continues another verdict file";
    return read;
  }
  Edit<PrefixVerdict, VerdictKey> edit(held.verdicts);
  Edit<NarrowVerdict, NarrowKey> edit_narrow(held.narrow);
  for (read.good_bytes = kLogHeadBytes; in.left() > 0; ++read.deltas) {
    if (in.left() < kDeltaHeadBytes) {
      read.damage = "its last delta is cut short";
      break;
    }
    const auto payload_bytes = in.integer<uint32_t>();
    const auto claimed = in.take(kDigestBytes);
    if (in.left() < payload_bytes) {
      read.damage = "its last delta is cut short";
      break;
    }
    const auto payload = in.take(payload_bytes);
    const Digest digest = Sha256().update(read.last_digest).update(payload).finish();
    if (!std::ranges::equal(claimed, digest)) {
      read.damage = fmt::format("the checksum of delta {} does not match", read.deltas + 1);
      break;
    }
    const auto delta = read_delta(payload);
    if (!delta || delta->from_version != held.version) {
      read.damage = fmt::format("delta {} does not follow what is before it", read.deltas + 1);
      break;
    }
    edit.apply(delta->upserts, delta->removals);
    edit_narrow.apply(delta->narrow_upserts, delta->narrow_removals);
    held.version = delta->to_version;
    read.last_digest = digest;
    read.good_bytes += kDeltaHeadBytes + payload_bytes;
  }
  return read;
}

}  // namespace postern::agent
