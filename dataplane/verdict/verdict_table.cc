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

#include "dataplane/verdict/verdict_table_record.h"

namespace postern::verdict {
namespace {

constexpr size_t kPrefetchAhead = 8;
constexpr auto kReaderPatience = std::chrono::seconds(2);
constexpr size_t kSixteens = 1 << 16;
constexpr uint8_t kShortestLong = 96 + 17;  // in the 128-bit key space

// Place of a key of IPv4, longer than 16, in what is counted.
size_t long_v4_place(uint64_t low, uint8_t length) {
  return sixteen_of(low) * 16 + (length - kShortestLong);
}

}  // namespace

void VerdictTable::QsbrFree::operator()(rte_rcu_qsbr* qsbr) const { std::free(qsbr); }

std::expected<std::unique_ptr<VerdictTable>, std::string> VerdictTable::create(
    const VerdictTableConfig& config) {
  static_assert(sizeof(Record) == 64);
  if (config.capacity == 0 || config.capacity > 1'000'000'000 || config.readers == 0) {
    return std::unexpected("the verdict table needs a capacity of 1 to 1,000,000,000 and a reader");
  }
  // At most half as many records as chains, so that most chains are of one record.
  auto heads = PageArray<Head>::create(std::bit_ceil(uint64_t{config.capacity} * 2));
  if (!heads) return std::unexpected(heads.error() + ": lower the capacity of the verdict table");
  // Twice the capacity: a snapshot that shares nothing with what is held is linked whole before the
  // old verdicts go. One more for a change at that moment, one because index 0 ends a chain.
  auto records = PageArray<Record>::create(uint64_t{config.capacity} * 2 + 2);
  if (!records)
    return std::unexpected(records.error() + ": lower the capacity of the verdict table");
  auto lengths = PageArray<std::atomic<uint16_t>>::create(kSixteens);
  if (!lengths) return std::unexpected(lengths.error());
  auto counts = PageArray<uint32_t>::create(kSixteens * 16);
  if (!counts) return std::unexpected(counts.error());
  heads->touch_all();
  lengths->touch_all();
  std::unique_ptr<VerdictTable> table(new VerdictTable(
      config, std::move(*heads), std::move(*records), {std::move(*lengths), std::move(*counts)}));
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

VerdictTable::VerdictTable(const VerdictTableConfig& config, PageArray<Head> heads,
                           PageArray<Record> records, Sixteens sixteens)
    : config_(config),
      heads_(std::move(heads)),
      records_(std::move(records)),
      head_mask_(static_cast<uint32_t>(heads_.size() - 1)),
      long_v4_(std::move(sixteens.lengths)),
      long_v4_counts_(std::move(sixteens.counts)) {}

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
  Key key{big_endian_word(bytes), big_endian_word(bytes + 8), verdict.prefix.mapped_length(),
          verdict.of};
  mask_words(key.high, key.low, key.length);
  return key;
}

VerdictTable::Head& VerdictTable::head_of(const Key& key) {
  return heads_[static_cast<uint32_t>(hash(key.high, key.low, key.length)) & head_mask_];
}

VerdictTable::Link* VerdictTable::find_link(const Key& key) {
  const uint64_t hashed = hash(key.high, key.low, key.length);
  Head& head = heads_[static_cast<uint32_t>(hashed) & head_mask_];
  // What is new mostly has neighbours in its chain that need not be read.
  if ((head.tags.load(std::memory_order_relaxed) & tag_of(hashed)) == 0) return &nowhere_;
  Link* link = &head.first;
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
  if (!v4 || key.length < kShortestLong) return;
  uint32_t& here = long_v4_counts_[long_v4_place(key.low, key.length)];
  auto& lengths = long_v4_[sixteen_of(key.low)];
  const auto long_bit = static_cast<uint16_t>(1u << (key.length - kShortestLong));
  here += static_cast<uint32_t>(change);
  if (here == 1 && change > 0) lengths.fetch_or(long_bit, std::memory_order_release);
  if (here == 0) lengths.fetch_and(static_cast<uint16_t>(~long_bit), std::memory_order_release);
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
    const uint64_t hashed = hash(key.high, key.low, key.length);
    Head& head = heads_[static_cast<uint32_t>(hashed) & head_mask_];
    record->next.store(head.first.load(std::memory_order_relaxed), std::memory_order_relaxed);
    head.tags.store(head.tags.load(std::memory_order_relaxed) | tag_of(hashed),
                    std::memory_order_relaxed);
    head.first.store(index, std::memory_order_release);
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
  forget_tags(record.key());
  count_length(record.key(), -1);
  size_.fetch_sub(1, std::memory_order_relaxed);
  retire(index);
}

// After a record of `key` was unlinked: leaves the tags of what is in its chain still.
void VerdictTable::forget_tags(const Key& key) {
  Head& head = head_of(key);
  uint32_t tags = 0;
  for (uint32_t i = head.first.load(std::memory_order_relaxed); i != 0;) {
    const Record& record = records_[i];
    tags |= tag_of(hash(record.high, record.low, record.length));
    i = record.next.load(std::memory_order_relaxed);
  }
  head.tags.store(tags, std::memory_order_release);
}

std::expected<void, std::string> VerdictTable::upsert_all(std::span<const PrefixVerdict> upserts) {
  for (size_t i = 0; i < upserts.size(); ++i) {
    if (i + kPrefetchAhead < upserts.size()) {
      const Key ahead = key_of(upserts[i + kPrefetchAhead].key());
      __builtin_prefetch(&head_of(ahead));
      if (ahead.length >= kShortestLong && in_v4_space(ahead.high, ahead.low))
        __builtin_prefetch(&long_v4_counts_[long_v4_place(ahead.low, ahead.length)]);
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
