#include "dataplane/verdict/verdict_table.h"

#include <fmt/format.h>
#include <rte_rcu_qsbr.h>
#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdlib>
#include <new>
#include <thread>

namespace postern::verdict {
namespace {

constexpr unsigned kProbesAtOnce = 8;
constexpr size_t kPrefetchAhead = 8;
constexpr auto kReaderPatience = std::chrono::seconds(2);

uint64_t big_endian(const uint8_t* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof word);
  return __builtin_bswap64(word);
}

// Clears all but the first `length` of 128 bits.
void mask(uint64_t& high, uint64_t& low, unsigned length) {
  high = length == 0 ? 0 : length >= 64 ? high : high & ~uint64_t{0} << (64 - length);
  low = length <= 64 ? 0 : length == 128 ? low : low & ~uint64_t{0} << (128 - length);
}

uint64_t fold(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

bool in_v4_space(uint64_t high, uint64_t low) { return high == 0 && low >> 32 == 0xffff; }

}  // namespace

// One cache line. The reader's part is constant while the record is linked, `next` and the bucket
// aside; the last three are the writer's own.
struct alignas(64) VerdictTable::Record {
  uint64_t high, low;
  uint8_t length;
  Treatment treatment;
  StartTls starttls;
  Switch of;
  uint32_t messages_per_minute;
  uint64_t case_reference;
  uint64_t expires_unix_s;
  mutable ThrottleBucket bucket;
  Link next;
  uint32_t
      next_unlinked;  // in the list of retired or of free records: readers may still need `next`
  uint32_t pass : 31;
  uint32_t linked : 1;

  Key key() const { return {high, low, length, of}; }
  Verdict verdict() const {
    return {treatment,
            messages_per_minute,
            CaseReference{case_reference},
            treatment == Treatment::kThrottle ? &bucket : nullptr,
            starttls,
            of};
  }
  bool says(const PrefixVerdict& v) const {
    return treatment == v.treatment && messages_per_minute == v.messages_per_minute &&
           case_reference == v.case_reference.number && expires_unix_s == v.expires_unix_s &&
           starttls == v.starttls;
  }
};

void VerdictTable::QsbrFree::operator()(rte_rcu_qsbr* qsbr) const { std::free(qsbr); }

std::expected<std::unique_ptr<VerdictTable>, std::string> VerdictTable::create(
    const VerdictTableConfig& config) {
  static_assert(sizeof(Record) == 64);
  if (config.capacity == 0 || config.capacity > 1'000'000'000 || config.readers == 0) {
    return std::unexpected("the verdict table needs a capacity of 1 to 1,000,000,000 and a reader");
  }
  // At most half as many records as chains, so that most probes of an absent prefix end at the
  // head.
  auto heads = PageArray<Link>::create(std::bit_ceil(uint64_t{config.capacity} * 4));
  if (!heads) return std::unexpected(heads.error() + ": lower the capacity of the verdict table");
  // Twice the capacity: a snapshot that shares nothing with what is held is linked whole before the
  // old verdicts go. One more for a change at that moment, one because index 0 ends a chain.
  auto records = PageArray<Record>::create(uint64_t{config.capacity} * 2 + 2);
  if (!records)
    return std::unexpected(records.error() + ": lower the capacity of the verdict table");
  heads->touch_all();
  std::unique_ptr<VerdictTable> table(
      new VerdictTable(config, std::move(*heads), std::move(*records)));
  if (getentropy(table->secret_.data(), sizeof table->secret_) != 0) {
    return std::unexpected(fmt::format("no random bytes from the kernel: {}", strerror(errno)));
  }
  const size_t bytes = rte_rcu_qsbr_get_memsize(config.readers);
  table->qsbr_.reset(static_cast<rte_rcu_qsbr*>(std::aligned_alloc(64, (bytes + 63) / 64 * 64)));
  if (!table->qsbr_ || rte_rcu_qsbr_init(table->qsbr_.get(), config.readers) != 0) {
    return std::unexpected(fmt::format("no memory for {} verdict readers", config.readers));
  }
  return table;
}

VerdictTable::VerdictTable(const VerdictTableConfig& config, PageArray<Link> heads,
                           PageArray<Record> records)
    : config_(config),
      heads_(std::move(heads)),
      records_(std::move(records)),
      head_mask_(static_cast<uint32_t>(heads_.size() - 1)) {}

VerdictTable::~VerdictTable() = default;

std::expected<void, std::string> VerdictTable::register_reader(unsigned id) {
  if (id >= config_.readers || rte_rcu_qsbr_thread_register(qsbr_.get(), id) != 0) {
    return std::unexpected(
        fmt::format("verdict reader {}: ids go from 0 to {}", id, config_.readers - 1));
  }
  rte_rcu_qsbr_thread_online(qsbr_.get(), id);
  return {};
}

void VerdictTable::unregister_reader(unsigned id) {
  rte_rcu_qsbr_thread_offline(qsbr_.get(), id);
  rte_rcu_qsbr_thread_unregister(qsbr_.get(), id);
}

void VerdictTable::quiescent(unsigned id) { rte_rcu_qsbr_quiescent(qsbr_.get(), id); }
void VerdictTable::offline(unsigned id) { rte_rcu_qsbr_thread_offline(qsbr_.get(), id); }
void VerdictTable::online(unsigned id) { rte_rcu_qsbr_thread_online(qsbr_.get(), id); }

VerdictTable::Key VerdictTable::key_of(const VerdictKey& verdict) {
  const uint8_t* const bytes = verdict.prefix.address.bytes().data();
  Key key{big_endian(bytes), big_endian(bytes + 8), verdict.prefix.mapped_length(), verdict.of};
  mask(key.high, key.low, key.length);
  return key;
}

uint64_t VerdictTable::hash(const Key& key) const {
  const uint64_t rest = key.length | static_cast<uint64_t>(key.of) << 8;
  return fold(fold(key.high ^ secret_[0], key.low ^ secret_[1]) ^ rest, secret_[2] | 1);
}

const VerdictTable::Record* VerdictTable::find(const Key& key, uint32_t head) const {
  for (uint32_t i = heads_[head].load(std::memory_order_acquire); i != 0;) {
    const Record& record = records_[i];
    if (record.key() == key) return &record;
    i = record.next.load(std::memory_order_acquire);
  }
  return nullptr;
}

Verdict VerdictTable::lookup(const IpAddress& address, uint64_t wall_s) const {
  const uint64_t high = big_endian(address.bytes().data());
  const uint64_t low = big_endian(address.bytes().data() + 8);
  const Record* const treatment = most_specific(Switch::kTreatment, high, low, wall_s);
  Verdict out =
      treatment != nullptr ? treatment->verdict() : Verdict{.treatment = config_.default_treatment};
  for (size_t i = 1; i < kSenderSwitches; ++i) {
    const Record* const record = most_specific(static_cast<Switch>(i), high, low, wall_s);
    if (record != nullptr) out = strictest(out, record->verdict());
  }
  return out;
}

std::optional<Treatment> VerdictTable::said(Switch of, const IpAddress& address,
                                            uint64_t wall_s) const {
  const uint64_t high = big_endian(address.bytes().data());
  const uint64_t low = big_endian(address.bytes().data() + 8);
  const Record* const record = most_specific(of, high, low, wall_s);
  if (record == nullptr) return std::nullopt;
  return record->treatment;
}

Entry VerdictTable::entry(const IpAddress& source, const IpAddress& destination,
                          uint64_t wall_s) const {
  const auto guard = said(Switch::kInboundGuard, destination, wall_s);
  if (entry_of(guard, std::nullopt) == Entry::kOpen) return Entry::kOpen;
  return entry_of(guard, said(Switch::kInboundSource, source, wall_s));
}

const VerdictTable::Record* VerdictTable::most_specific(Switch of, uint64_t high, uint64_t low,
                                                        uint64_t wall_s) const {
  // An IPv6 prefix never covers an IPv4 address (IpPrefix::contains), so each family has its
  // lengths.
  const bool v4 = in_v4_space(high, low);
  const Lengths& present = lengths_[static_cast<size_t>(of)];
  std::array<uint64_t, 3> lengths{};
  if (v4) {
    lengths[0] = present.v4.load(std::memory_order_acquire);
  } else {
    for (int i = 0; i < 3; ++i) lengths[i] = present.v6[i].load(std::memory_order_acquire);
  }

  struct Probe {
    Key key;
    uint32_t head;
  };
  std::array<Probe, kProbesAtOnce> probes;
  for (int word = v4 ? 0 : 2; word >= 0;) {
    unsigned count = 0;
    while (word >= 0 && count < kProbesAtOnce) {
      if (lengths[word] == 0) {
        --word;
        continue;
      }
      const unsigned bit = 63 - static_cast<unsigned>(std::countl_zero(lengths[word]));
      lengths[word] &= ~(uint64_t{1} << bit);
      const unsigned length = static_cast<unsigned>(word) * 64 + bit + (v4 ? 96 : 0);
      Probe& probe = probes[count++];
      probe.key = {high, low, static_cast<uint8_t>(length), of};
      mask(probe.key.high, probe.key.low, length);
      probe.head = static_cast<uint32_t>(hash(probe.key)) & head_mask_;
      __builtin_prefetch(&heads_[probe.head]);
    }
    for (unsigned i = 0; i < count; ++i) {
      __builtin_prefetch(&records_[heads_[probes[i].head].load(std::memory_order_relaxed)]);
    }
    for (unsigned i = 0; i < count; ++i) {
      const Record* record = find(probes[i].key, probes[i].head);
      if (record == nullptr) continue;
      if (record->expires_unix_s == 0 || record->expires_unix_s > wall_s) return record;
    }
  }
  return nullptr;
}

VerdictTable::Link* VerdictTable::find_link(const Key& key) {
  Link* link = &heads_[static_cast<uint32_t>(hash(key)) & head_mask_];
  for (uint32_t i; (i = link->load(std::memory_order_relaxed)) != 0; link = &records_[i].next) {
    if (records_[i].key() == key) break;
  }
  return link;
}

void VerdictTable::count_length(const Key& key, int change) {
  const bool v4 = in_v4_space(key.high, key.low) && key.length >= 96;
  const unsigned length = v4 ? key.length - 96u : key.length;
  const auto of = static_cast<size_t>(key.of);
  uint32_t& count = v4 ? counts_[of].v4[length] : counts_[of].v6[length];
  auto& present = v4 ? lengths_[of].v4 : lengths_[of].v6[length / 64];
  const uint64_t bit = uint64_t{1} << (length % 64);
  count += static_cast<uint32_t>(change);
  if (count == 1 && change > 0) present.fetch_or(bit, std::memory_order_release);
  if (count == 0) present.fetch_and(~bit, std::memory_order_release);
}

std::expected<void, std::string> VerdictTable::upsert(const PrefixVerdict& verdict) {
  const Key key = key_of(verdict.key());
  Link* link = find_link(key);
  const uint32_t old = link->load(std::memory_order_relaxed);
  if (old != 0 && records_[old].says(verdict)) {
    records_[old].pass = pass_;
    return {};
  }
  const uint32_t index = take_record();
  if (index == 0) {
    return std::unexpected(
        fmt::format("no verdict record is free: a worker has not finished its loop for {} s",
                    kReaderPatience.count()));
  }
  Record* record = new (&records_[index]) Record{
      .high = key.high,
      .low = key.low,
      .length = key.length,
      .treatment = verdict.treatment,
      .starttls = verdict.starttls,
      .of = verdict.of,
      .messages_per_minute = verdict.messages_per_minute,
      .case_reference = verdict.case_reference.number,
      .expires_unix_s = verdict.expires_unix_s,
      .bucket = {},
      .next = 0,
      .next_unlinked = 0,
      .pass = pass_ & 0x7fffffff,
      .linked = 1,
  };
  if (old == 0) {
    // At the head of the chain: what a worker asks for next is most likely what was just set.
    Link& head = heads_[static_cast<uint32_t>(hash(key)) & head_mask_];
    record->next.store(head.load(std::memory_order_relaxed), std::memory_order_relaxed);
    head.store(index, std::memory_order_release);
    count_length(key, 1);
    size_.fetch_add(1, std::memory_order_relaxed);
  } else {
    record->bucket.carry_over(records_[old].bucket);
    record->next.store(records_[old].next.load(std::memory_order_relaxed),
                       std::memory_order_relaxed);
    link->store(index, std::memory_order_release);
    retire(old);
  }
  return {};
}

void VerdictTable::remove(Link* link) {
  const uint32_t index = link->load(std::memory_order_relaxed);
  Record& record = records_[index];
  link->store(record.next.load(std::memory_order_relaxed), std::memory_order_release);
  count_length(record.key(), -1);
  size_.fetch_sub(1, std::memory_order_relaxed);
  retire(index);
}

std::expected<void, std::string> VerdictTable::upsert_all(std::span<const PrefixVerdict> upserts) {
  for (size_t i = 0; i < upserts.size(); ++i) {
    if (i + kPrefetchAhead < upserts.size()) {
      const Key ahead = key_of(upserts[i + kPrefetchAhead].key());
      __builtin_prefetch(&heads_[static_cast<uint32_t>(hash(ahead)) & head_mask_]);
    }
    if (auto done = upsert(upserts[i]); !done) {
      whole_ = false;
      return done;
    }
  }
  return {};
}

std::expected<void, std::string> VerdictTable::check_room(std::span<const PrefixVerdict> upserts,
                                                          std::span<const VerdictKey> removals) {
  uint64_t after = size();
  if (after + upserts.size() <= config_.capacity) return {};
  for (const PrefixVerdict& v : upserts) {
    if (find_link(key_of(v.key()))->load(std::memory_order_relaxed) == 0) ++after;
  }
  for (const VerdictKey& key : removals) {
    if (find_link(key_of(key))->load(std::memory_order_relaxed) != 0) --after;
  }
  if (after <= config_.capacity) return {};
  return std::unexpected(fmt::format("{} verdicts do not fit into a verdict table of capacity {}",
                                     after, config_.capacity));
}

std::expected<void, std::string> VerdictTable::apply(std::span<const PrefixVerdict> upserts,
                                                     std::span<const VerdictKey> removals,
                                                     std::span<const NarrowVerdict> narrow_upserts,
                                                     std::span<const NarrowKey> narrow_removals) {
  if (auto room = check_room(upserts, removals); !room) return room;
  if (auto room = check_narrow_room(narrow_upserts, narrow_removals); !room) return room;
  if (auto done = put_narrow(narrow_upserts); !done) return done;
  if (auto done = upsert_all(upserts); !done) return done;
  const bool adds = !upserts.empty() || !narrow_upserts.empty();
  const bool removes = !removals.empty() || !narrow_removals.empty();
  if (adds && removes) wait_for_readers();
  for (const VerdictKey& key : removals) {
    Link* link = find_link(key_of(key));
    if (link->load(std::memory_order_relaxed) != 0) remove(link);
  }
  auto done = drop_narrow(narrow_removals);
  seal_retired();
  reclaim();
  return done;
}

std::expected<void, std::string> VerdictTable::replace_all(std::span<const PrefixVerdict> verdicts,
                                                           std::span<const NarrowVerdict> narrow) {
  if (verdicts.size() > config_.capacity) {
    return std::unexpected(fmt::format("{} verdicts do not fit into a verdict table of capacity {}",
                                       verdicts.size(), config_.capacity));
  }
  if (auto room = check_narrow_size(narrow.size()); !room) return room;
  if (auto done = put_narrow(narrow); !done) return done;
  pass_ = (pass_ + 1) & 0x7fffffff;
  if (auto done = upsert_all(verdicts); !done) return done;
  bool waited = verdicts.empty() && narrow.empty();
  for (uint32_t i = 1; i < untouched_; ++i) {
    if (!records_[i].linked || records_[i].pass == pass_) continue;
    if (!waited) waited = (wait_for_readers(), true);
    remove(find_link(records_[i].key()));
  }
  if (narrow_held_->all().size() != narrow.size()) {
    if (!waited) wait_for_readers();
    if (auto done = swap_narrow({narrow.begin(), narrow.end()}); !done) return done;
  }
  whole_ = true;
  seal_retired();
  reclaim();
  return {};
}

void VerdictTable::for_each(const std::function<void(const PrefixVerdict&)>& visit) const {
  visit_some(0, UINT32_MAX, visit);
}

uint32_t VerdictTable::visit_some(uint32_t from, uint32_t most,
                                  const std::function<void(const PrefixVerdict&)>& visit) const {
  const uint64_t end = std::min<uint64_t>(untouched_, uint64_t{from} + most);
  for (uint32_t i = std::max(from, 1u); i < end; ++i) {
    const Record& record = records_[i];
    if (!record.linked) continue;
    std::array<uint8_t, 16> bytes;
    const uint64_t high = __builtin_bswap64(record.high);
    const uint64_t low = __builtin_bswap64(record.low);
    std::memcpy(bytes.data(), &high, 8);
    std::memcpy(bytes.data() + 8, &low, 8);
    const IpAddress address = IpAddress::from_v6(bytes.data());
    const auto length = static_cast<uint8_t>(record.length - (address.is_v4() ? 96 : 0));
    visit({{address, length},
           record.treatment,
           record.messages_per_minute,
           CaseReference{record.case_reference},
           record.expires_unix_s,
           record.starttls,
           record.of});
  }
  return end < untouched_ ? static_cast<uint32_t>(end) : 0;
}

uint32_t VerdictTable::take_record() {
  if (free_ == 0 && untouched_ == records_.size()) {
    wait_for_readers();
    reclaim();
  }
  if (free_ != 0) {
    const uint32_t index = free_;
    free_ = records_[index].next_unlinked;
    return index;
  }
  return untouched_ < records_.size() ? untouched_++ : 0;
}

void VerdictTable::retire(uint32_t index) {
  records_[index].linked = 0;
  records_[index].next_unlinked = open_.first;
  open_.first = index;
  ++open_.count;
}

void VerdictTable::seal_retired() {
  if (open_.count == 0) return;
  open_.token = rte_rcu_qsbr_start(qsbr_.get());
  retired_.push_back(open_);
  open_ = {};
}

void VerdictTable::reclaim() {
  while (!retired_.empty() && rte_rcu_qsbr_check(qsbr_.get(), retired_.front().token, false) == 1) {
    for (uint32_t i = retired_.front().first; i != 0;) {
      const uint32_t next = records_[i].next_unlinked;
      records_[i].next_unlinked = free_;
      free_ = i;
      i = next;
    }
    retired_.pop_front();
  }
  while (!retired_narrow_.empty() &&
         rte_rcu_qsbr_check(qsbr_.get(), retired_narrow_.front().token, false) == 1) {
    retired_narrow_.pop_front();
  }
}

size_t VerdictTable::awaiting_grace() {
  seal_retired();
  reclaim();
  size_t count = 0;
  for (const Retired& batch : retired_) count += batch.count;
  return count;
}

// A loop of a worker is microseconds. One that stands still longer than our patience has more wrong
// with it than the look-up it may be in: then the change goes on, and only memory still waits for
// it.
bool VerdictTable::wait_for_readers() {
  seal_retired();
  const uint64_t token = rte_rcu_qsbr_start(qsbr_.get());
  const auto deadline = std::chrono::steady_clock::now() + kReaderPatience;
  while (rte_rcu_qsbr_check(qsbr_.get(), token, false) != 1) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(20));
  }
  return true;
}

}  // namespace postern::verdict
