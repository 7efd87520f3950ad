// The verdicts in force: written by one thread, read by every worker without a lock.
//
// Theory of operation. Records live in an array made at start and hang in a hash table of chains,
// keyed by the masked address in the 128-bit key space and the prefix length in it; what several
// switches say of one prefix hangs in one chain. A look-up probes the prefix lengths that are
// present, longest first, for all switches at once; what it must touch is prefetched for all of
// them, and for all addresses of a burst, before the first is read. A record is never changed once
// it is linked: an update links its successor in its place with one store, so a reader sees the old
// verdict or the new one, whole.
//
// A look-up costs what it waits for memory, so two small things keep it from asking in vain. Each
// /16 of IPv4 has a bit for each longer length that occurs in it: absent lengths cost nothing. And
// beside the head of each chain stand tags, a bit of 32 for each record in it: who does not find
// its bit there need not read the chain. A tag is there before its record is linked, and a length
// right after, with which the record is first met; both go only after the record was unlinked.
//
// A record that was unlinked is used again only after every worker has passed a quiescent state
// (DPDK's RCU QSBR). A worker is a reader under an id of its own: register_reader() on its thread,
// then quiescent() once a loop, when it holds nothing that a look-up gave it.
//
// No address is ever without its verdict while a change goes in: what is new is linked first, then
// a grace period passes, and only then what is old is removed. A look-up that began before the
// first step cannot reach the third.
//
// Blocks on parts of senders' mail are few and change seldom. They stand beside (narrow_blocks.h):
// a change makes the whole set anew and puts it in the old one's place with one store; the old one
// is freed after a grace period.
//
// The hash is keyed with a secret of the process, because the spammer may choose the address.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "dataplane/verdict/narrow_blocks.h"
#include "dataplane/verdict/page_array.h"
#include "dataplane/verdict/verdict.h"

struct rte_rcu_qsbr;

namespace postern::verdict {

struct VerdictTableConfig {
  uint32_t capacity = 1'000'000;                      // verdicts held at once
  uint32_t narrow_capacity = 16'384;                  // blocks on parts of senders' mail
  uint32_t readers = 1;                               // reader ids 0 … readers-1
  Treatment default_treatment = Treatment::kInspect;  // of an address that no verdict covers
};

class VerdictTable : public VerdictSource {
 public:
  // Takes all its memory: 16 to 32 bytes of table for each verdict of the capacity at once, and 64
  // (128 while a snapshot replaces everything) for each one held; 4 MiB beside. Needs no EAL.
  static std::expected<std::unique_ptr<VerdictTable>, std::string> create(
      const VerdictTableConfig& config);
  ~VerdictTable() override;
  VerdictTable(const VerdictTable&) = delete;
  VerdictTable& operator=(const VerdictTable&) = delete;

  // Readers, each on its own thread. The result's bucket is valid until the reader's next
  // quiescent(), offline() or unregister_reader().
  Verdict lookup(const IpAddress& address, uint64_t wall_s) const override;
  // The waits for memory of 32 addresses overlap.
  void lookup_burst(std::span<const IpAddress> addresses, uint64_t wall_s,
                    std::span<Verdict> verdicts) const override;
  Entry entry(const IpAddress& source, const IpAddress& destination,
              uint64_t wall_s) const override;
  const NarrowBlocks* narrow() const override { return narrow_.load(std::memory_order_acquire); }
  // And online. The error is an id out of range.
  std::expected<void, std::string> register_reader(unsigned id);
  void unregister_reader(unsigned id);
  void quiescent(unsigned id);  // once a loop; a load and mostly nothing else
  void offline(unsigned id);    // before blocking: the writer no longer waits for this reader
  void online(unsigned id);

  // The writer's thread only. Upserts go in before removals go out; a removal of what is not there
  // is nothing. A change that would pass the capacity is refused before anything was changed. The
  // other error is a worker that stands still for seconds: then a part is in force, whole() is
  // false, and a replace_all() is needed.
  std::expected<void, std::string> apply(std::span<const PrefixVerdict> upserts,
                                         std::span<const VerdictKey> removals,
                                         std::span<const NarrowVerdict> narrow_upserts = {},
                                         std::span<const NarrowKey> narrow_removals = {});
  // Holds exactly `verdicts` and `narrow` afterwards. Applied as a difference: an entry that does
  // not change keeps its token bucket.
  std::expected<void, std::string> replace_all(std::span<const PrefixVerdict> verdicts,
                                               std::span<const NarrowVerdict> narrow = {});
  void for_each(const std::function<void(const PrefixVerdict&)>& visit) const;
  // The same in steps of at most `most` places, from place 0 on. Returns the place to go on from, 0
  // at the end. A verdict that changes between two steps may be missed or met twice.
  uint32_t visit_some(uint32_t from, uint32_t most,
                      const std::function<void(const PrefixVerdict&)>& visit) const;

  bool whole() const { return whole_; }

  uint32_t size() const { return size_.load(std::memory_order_relaxed); }  // any thread
  uint32_t capacity() const { return config_.capacity; }
  // The writer's thread.
  std::span<const NarrowVerdict> narrow_held() const { return narrow_held_->all(); }
  uint32_t narrow_size() const { return narrow_size_.load(std::memory_order_relaxed); }  // any
  uint32_t narrow_capacity() const { return config_.narrow_capacity; }
  // Records unlinked whose grace period has not passed; tries to end it first. Writer's thread.
  size_t awaiting_grace();

 private:
  struct Key {
    uint64_t high, low;
    uint8_t length;  // in the 128-bit key space
    Switch of;
    bool operator==(const Key&) const = default;
  };
  struct Record;
  struct Walk;
  struct Retired {
    uint64_t token;
    uint32_t first, count;
  };
  using Link = std::atomic<uint32_t>;  // index of a record; 0: end of the chain
  struct alignas(8) Head {
    Link first;
    std::atomic<uint32_t> tags;  // of all records in the chain, perhaps of more
  };
  // What is kept for each /16 of IPv4.
  struct Sixteens {
    PageArray<std::atomic<uint16_t>> lengths;  // bit n: length 17 + n occurs in it
    PageArray<uint32_t> counts;                // the writer's: 16 for each
  };
  struct QsbrFree {
    void operator()(rte_rcu_qsbr* qsbr) const;
  };

  VerdictTable(const VerdictTableConfig& config, PageArray<Head> heads, PageArray<Record> records,
               Sixteens sixteens);
  static Key key_of(const VerdictKey& key);
  uint64_t hash(uint64_t high, uint64_t low, unsigned length) const;
  Head& head_of(const Key& key);
  // The link to the record of `key`; if there is none, one that is 0 and must not be set.
  Link* find_link(const Key& key);
  std::expected<void, std::string> check_room(std::span<const PrefixVerdict> upserts,
                                              std::span<const VerdictKey> removals);
  // verdict_table_lookup.cc
  void begin(Walk& walk, const IpAddress& address, unsigned switches) const;
  template <size_t kWalks, unsigned kProbes>
  void finish(std::span<Walk> walks, uint64_t wall_s) const;
  using FoundRecords = std::array<const Record*, kSenderSwitches>;
  template <size_t kMost>
  void find_v4(std::span<const IpAddress> addresses, uint64_t wall_s,
               std::span<FoundRecords> found) const;
  Verdict verdict_of(std::span<const Record* const> found) const;
  std::optional<Treatment> said(Switch of, const IpAddress& address, uint64_t wall_s) const;
  // verdict_table_narrow.cc
  std::expected<void, std::string> check_narrow_size(size_t blocks) const;
  std::expected<void, std::string> check_narrow_room(std::span<const NarrowVerdict> upserts,
                                                     std::span<const NarrowKey> removals) const;
  std::expected<void, std::string> put_narrow(std::span<const NarrowVerdict> upserts);
  std::expected<void, std::string> drop_narrow(std::span<const NarrowKey> removals);
  std::expected<void, std::string> swap_narrow(std::vector<NarrowVerdict> verdicts);
  std::expected<void, std::string> upsert(const PrefixVerdict& verdict);
  std::expected<void, std::string> upsert_all(std::span<const PrefixVerdict> upserts);
  void remove(Link* link);
  void forget_tags(const Key& key);
  uint32_t take_record();
  void retire(uint32_t index);
  void seal_retired();
  void reclaim();
  bool wait_for_readers();
  void count_length(const Key& key, int change);

  const VerdictTableConfig config_;
  std::array<uint64_t, 3> secret_;
  PageArray<Head> heads_;
  PageArray<Record> records_;
  uint32_t head_mask_;
  std::unique_ptr<rte_rcu_qsbr, QsbrFree> qsbr_;

  // Which prefix lengths occur: bit n for length n of the family.
  struct Lengths {
    std::atomic<uint64_t> v4{0};
    std::array<std::atomic<uint64_t>, 3> v6{};
  };
  std::array<Lengths, kSwitches> lengths_;
  PageArray<std::atomic<uint16_t>> long_v4_;  // Sixteens::lengths
  std::atomic<uint32_t> size_{0};
  std::atomic<const NarrowBlocks*> narrow_{nullptr};  // null: there are none
  std::atomic<uint32_t> narrow_size_{0};

  // The writer's own.
  struct Counts {
    std::array<uint32_t, 33> v4{};
    std::array<uint32_t, 129> v6{};
  };
  std::array<Counts, kSwitches> counts_;
  PageArray<uint32_t> long_v4_counts_;
  Link nowhere_{0};
  bool whole_ = true;
  uint32_t untouched_ = 1;  // records from here on were never used
  uint32_t free_ = 0;       // chain of records to use again
  uint32_t pass_ = 0;       // marks what the replace_all() under way has seen
  Retired open_{};          // unlinked, no token yet
  std::deque<Retired> retired_;
  std::unique_ptr<const NarrowBlocks> narrow_held_ = std::make_unique<NarrowBlocks>();
  struct RetiredNarrow {
    uint64_t token;
    std::unique_ptr<const NarrowBlocks> blocks;
  };
  std::deque<RetiredNarrow> retired_narrow_;
};

}  // namespace postern::verdict
