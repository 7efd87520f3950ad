// How long it takes to make a list of a file, and to ask it.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "patterns/lists/list_file.h"

namespace postern::lists {
namespace {

std::string domains(int64_t count) {
  std::string text;
  for (int64_t i = 0; i < count; ++i)
    fmt::format_to(std::back_inserter(text), "host{}.domain{}.example\n", i % 1000, i);
  return text;
}

std::vector<uint64_t> block_of(std::string_view text) {
  ListBuilder builder;
  read_list(text, ListKind::kDomains, ListFormat::kText, true, builder);
  return builder.finish();
}

void build_list(benchmark::State& state) {
  const std::string text = domains(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(block_of(text));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(build_list)->Arg(100'000)->Arg(5'000'000)->Unit(benchmark::kMillisecond);

void look_up_in_list(benchmark::State& state) {
  const std::vector<uint64_t> block = block_of(domains(state.range(0)));
  const auto table = ListTable::open(block);
  if (!table) return state.SkipWithError(table.error().c_str());
  // Half of the names are there, spread so that each is met with cold caches.
  std::vector<std::string> names;
  for (int64_t i = 0; i < 65'536; ++i) {
    const int64_t n = i * 7919 % (2 * state.range(0));
    names.push_back(fmt::format("host{}.domain{}.example", n % 1000, n));
  }
  size_t next = 0;
  for (auto _ : state)
    benchmark::DoNotOptimize(table->marks(hash_of(names[next++ % names.size()])));
}
BENCHMARK(look_up_in_list)->Arg(1000)->Arg(100'000)->Arg(5'000'000);

}  // namespace
}  // namespace postern::lists
