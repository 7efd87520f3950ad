#include "bench/workers.h"

#include <emmintrin.h>

#include <thread>

namespace postern::bench {

namespace {

constexpr uint32_t kVerdicts = 1'000'000;  // in force; of none of the senders
constexpr uint32_t kOpen = 64;

std::expected<std::array<int, 2>, std::string> two_cores() {
  cpu_set_t allowed;
  std::array<int, 2> cores{};
  size_t found = 0;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    for (int core = 0; core < CPU_SETSIZE && found < 2; ++core) {
      if (CPU_ISSET(core, &allowed)) cores[found++] = core;
    }
  }
  if (found < 2) return std::unexpected("two workers need two cores");
  return cores;
}

std::expected<std::unique_ptr<verdict::VerdictTable>, std::string> full_table() {
  auto table = verdict::VerdictTable::create({.capacity = kVerdicts, .readers = 2});
  if (!table) return table;
  std::vector<verdict::PrefixVerdict> verdicts(kVerdicts);
  for (uint32_t i = 0; i < kVerdicts; ++i) {
    const uint32_t address = __builtin_bswap32(0xcb000000u + i * 8);  // 203.0.0.0 and on
    verdicts[i] = {IpPrefix::host(IpAddress::from_v4(reinterpret_cast<const uint8_t*>(&address))),
                   verdict::Treatment::kRefuse, 0, CaseReference{i + 1}, 0};
  }
  if (auto done = (*table)->apply(verdicts, {}); !done) return std::unexpected(done.error());
  return table;
}

}  // namespace

std::expected<std::unique_ptr<WorkerReplay>, std::string> WorkerReplay::create(
    Traffic* traffic, const ReplaySetup& setup, verdict::VerdictTable* table, unsigned reader) {
  std::unique_ptr<WorkerReplay> replay(new WorkerReplay(traffic, setup, table, reader));
  if (auto ready = replay->set_up(); !ready) return std::unexpected(ready.error());
  return replay;
}

void WorkerReplay::ready() {
  if (meeting_ == nullptr) return;
  meeting_->fetch_add(1);
  while (meeting_->load() < 2) _mm_pause();
}

std::expected<Pass, std::string> WorkerReplay::pass_on(int core, std::atomic<int>* meeting) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(core, &only);
  if (sched_setaffinity(0, sizeof only, &only) != 0) return std::unexpected("cannot be pinned");
  if (auto known = table_->register_reader(reader_); !known) return std::unexpected(known.error());
  meeting_ = meeting;
  auto passed = pass();
  table_->unregister_reader(reader_);
  return passed;
}

std::expected<std::unique_ptr<TwoWorkers>, std::string> TwoWorkers::create(
    const std::vector<Conversation>& recordings, std::shared_ptr<const scan::SignatureSet> set) {
  std::unique_ptr<TwoWorkers> two(new TwoWorkers);
  const auto cores = two_cores();
  if (!cores) return std::unexpected(cores.error());
  two->cores_ = *cores;
  auto table = full_table();
  if (!table) return std::unexpected(table.error());
  two->table_ = std::move(*table);
  const auto count = static_cast<uint32_t>(recordings.size());
  for (unsigned i = 0; i < 2; ++i) {
    if (auto ready = two->scratch_[i].prepare(*set); !ready) return std::unexpected(ready.error());
    two->traffic_[i] = std::make_unique<Traffic>(
        recordings,
        TrafficShape{
            .connections = count, .open = kOpen, .active = kOpen, .first_client = i * count});
    const ReplaySetup setup{
        .set = set, .scratch = &two->scratch_[i], .verdicts = two->table_.get()};
    auto worker = WorkerReplay::create(two->traffic_[i].get(), setup, two->table_.get(), i);
    if (!worker) return std::unexpected(worker.error());
    two->workers_[i] = std::move(*worker);
  }
  return two;
}

double TwoWorkers::messages() const {
  return static_cast<double>(traffic_[0]->messages() + traffic_[1]->messages());
}

std::expected<Pass, std::string> TwoWorkers::alone() {
  Pass sum;
  for (size_t i = 0; i < 2; ++i) {
    std::expected<Pass, std::string> passed;
    std::jthread([&] { passed = workers_[i]->pass_on(cores_[i], nullptr); }).join();
    if (!passed) return passed;
    sum.seconds += passed->seconds;
    sum.allocations += passed->allocations;
  }
  return sum;
}

std::expected<Pass, std::string> TwoWorkers::together() {
  std::atomic<int> meeting = 0;
  std::array<std::expected<Pass, std::string>, 2> passed;
  {
    std::array<std::jthread, 2> threads;
    for (size_t i = 0; i < 2; ++i) {
      threads[i] = std::jthread([&, i] { passed[i] = workers_[i]->pass_on(cores_[i], &meeting); });
    }
  }
  for (const auto& one : passed) {
    if (!one) return one;
  }
  return Pass{2 / (1 / passed[0]->seconds + 1 / passed[1]->seconds),
              passed[0]->allocations + passed[1]->allocations};
}

}  // namespace postern::bench
