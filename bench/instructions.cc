// Whole messages through a worker, for a tool that counts instructions. bench/budget runs it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "bench/conversation.h"
#include "bench/mail.h"
#include "bench/replay.h"
#include "patterns/artefact/artefact.h"
#include "patterns/compile/compiler.h"
#include "patterns/language/reader.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else  // bench/budget then finds that nothing was counted, and says so
#define CALLGRIND_START_INSTRUMENTATION static_cast<void>(0)
#define CALLGRIND_STOP_INSTRUMENTATION static_cast<void>(0)
#endif

namespace postern::bench {
namespace {

template <typename T>
using Expected = std::expected<T, std::string>;

constexpr uint32_t kOpen = 64;

// Plainly: where an expression is searched for must not depend on what was measured here.
Expected<void> compile_rules(const std::string& rules, const std::string& set) {
  const std::array sources{std::filesystem::path(rules)};
  const auto read = language::read_rules(sources);
  if (!read) return std::unexpected(read.error().front().to_string());
  compile::CompileOptions options;
  options.placement.factoring = compile::Factoring::kNever;
  const auto compiled = compile::compile(*read, options);
  if (!compiled) return std::unexpected(compiled.error());
  return artefact::write(compiled->artefact, set);
}

// Replays the messages twice, the second time to be counted; the result is how many there are.
Expected<size_t> run(const std::string& set_file, const std::string& input) {
  std::shared_ptr<const scan::SignatureSet> set;
  scan::MessageScan::Scratch scratch;
  if (!set_file.empty()) {
    auto loaded = scan::SignatureSet::load(set_file);
    if (!loaded) return std::unexpected(loaded.error());
    set = std::move(*loaded);
    if (auto ready = scratch.prepare(*set); !ready) return std::unexpected(ready.error());
  }
  auto messages = read_messages(input, SIZE_MAX);
  if (!messages) return std::unexpected(messages.error());
  auto recorder = Recorder::create(set, set ? &scratch : nullptr);
  if (!recorder) return std::unexpected(recorder.error());
  std::vector<Conversation> recordings;
  for (const Message& message : *messages) {
    auto recording = (*recorder)->record(message);
    if (!recording) return std::unexpected(recording.error());
    recordings.push_back(std::move(*recording));
  }
  const auto count = static_cast<uint32_t>(recordings.size());
  Traffic traffic(recordings, {.connections = count, .open = std::min(count, kOpen)});
  auto replay = Replay::create(&traffic, {.set = set, .scratch = set ? &scratch : nullptr});
  if (!replay) return std::unexpected(replay.error());
  if (auto warm_up = (*replay)->pass(); !warm_up) return std::unexpected(warm_up.error());
  CALLGRIND_START_INSTRUMENTATION;
  const auto counted = (*replay)->pass();
  CALLGRIND_STOP_INSTRUMENTATION;
  if (!counted) return std::unexpected(counted.error());
  return recordings.size();
}

int main(int argc, char** argv) {
  CLI::App app(
      "Whole messages through a worker, to be counted by callgrind; bench/budget runs it.");
  app.require_subcommand(1);
  std::string rules, set, input;
  CLI::App* const compile = app.add_subcommand("compile", "Compile a set plainly");
  compile->add_option("rules", rules, "A folder of *.cf")->required();
  compile->add_option("set", set, "The artefact to write")->required();
  CLI::App* const replay = app.add_subcommand("run", "Replay messages; prints how many there are");
  replay->add_option("--set", set, "The artefact; without one messages go unscanned");
  replay->add_option("--input", input, "A folder of *.eml")->required();
  CLI11_PARSE(app, argc, argv);
  if (compile->parsed()) {
    const auto done = compile_rules(rules, set);
    if (done) return 0;
    fmt::print(stderr, "postern-bench-instructions: {}\n", done.error());
    return 1;
  }
  const auto count = run(set, input);
  if (!count) {
    fmt::print(stderr, "postern-bench-instructions: {}\n", count.error());
    return 1;
  }
  fmt::print("{}\n", *count);
  return 0;
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) { return postern::bench::main(argc, argv); }
