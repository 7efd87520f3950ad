// How fast text is matched: bytes of body text a second through the collector and the matcher, and
// whole messages through the reader as well.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <random>
#include <string>
#include <vector>

#include "dataplane/scan/message_file.h"
#include "dataplane/scan/testing/rule_scan.h"

namespace postern::scan {
namespace {

constexpr const char* kSyllables[] = {"ba", "co", "di", "fu", "ge", "ha", "li", "mo", "nu", "pe",
                                      "ra", "so", "ti", "ve", "wo", "zu", "an", "er", "in", "st"};

// Words that look like language, the same in every run.
class Words {
 public:
  explicit Words(uint32_t seed) : random_(seed) {}
  std::string next() {
    std::string word;
    for (uint32_t n = 1 + random_() % 4; n > 0; --n)
      word += kSyllables[random_() % std::size(kSyllables)];
    return word;
  }

 private:
  std::mt19937 random_;
};

std::vector<std::string> paragraphs(size_t bytes) {
  Words words(1);
  std::vector<std::string> out;
  for (size_t made = 0; made < bytes; made += out.back().size()) {
    std::string& paragraph = out.emplace_back();
    while (paragraph.size() < 400) paragraph += words.next() + " ";
  }
  return out;
}

// `count` rules of three words each: a set whose every expression has a literal to look for.
std::string literal_rules(int count) {
  Words words(2);
  std::string out;
  for (int i = 0; i < count; ++i) {
    out +=
        fmt::format("body L{} /\\b{} {}\\s+{}\\b/i\n", i, words.next(), words.next(), words.next());
  }
  return out;
}

// Rules that need PCRE2's word: anchors, look-ahead, text that may hold a line end.
std::string confirmed_rules(int count) {
  Words words(3);
  std::string out;
  for (int i = 0; i < count; ++i) {
    out += fmt::format("body C{} /^(?!{}).*{}\\W+{}$/i\n", i, words.next(), words.next(),
                       words.next());
  }
  return out;
}

void scan_body(benchmark::State& state, const std::string& rules) {
  testing::RuleScan scan(rules);
  const auto text = paragraphs(static_cast<size_t>(state.range(0)));
  size_t bytes = 0;
  for (const auto& paragraph : text) bytes += paragraph.size();
  for (auto _ : state) {
    for (const auto& paragraph : text) scan.body(paragraph);
    scan.end();
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes));
}

void scan_body_1000_literals(benchmark::State& state) { scan_body(state, literal_rules(1000)); }
BENCHMARK(scan_body_1000_literals)->Arg(2'000)->Arg(60'000)->Arg(1'000'000);

void scan_body_100_confirmed(benchmark::State& state) { scan_body(state, confirmed_rules(100)); }
BENCHMARK(scan_body_100_confirmed)->Arg(2'000)->Arg(60'000);

void scan_message_1000_literals(benchmark::State& state) {
  const auto set = testing::compile_rules(literal_rules(1000));
  MessageScan::Scratch scratch;
  if (!scratch.prepare(*set)) return state.SkipWithError("no scratch");
  MessageScan scan({});
  std::string message = "From: a@x.example\r\nTo: b@x.example\r\nSubject: a message\r\n\r\n";
  for (const auto& paragraph : paragraphs(static_cast<size_t>(state.range(0)))) {
    for (size_t at = 0; at < paragraph.size(); at += 70)
      message += paragraph.substr(at, 70) + "\r\n";
    message += "\r\n";
  }
  const std::vector<uint8_t> octets(message.begin(), message.end());
  for (auto _ : state) {
    benchmark::DoNotOptimize(scan_message(scan, set, scratch, octets).score);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * octets.size()));
}
BENCHMARK(scan_message_1000_literals)->Arg(2'000)->Arg(60'000);

void scan_headers(benchmark::State& state) {
  std::string rules;
  Words words(4);
  for (int i = 0; i < 200; ++i) {
    const char* fields[] = {"Subject",  "From",      "To",  "Received",
                            "X-Mailer", "From:addr", "ALL", "From:name"};
    rules +=
        fmt::format("header H{} {} =~ /{} {}/i\n", i, fields[i % 8], words.next(), words.next());
  }
  testing::RuleScan scan(rules);
  const std::string received =
      "from mail.example (mail.example [192.0.2.1]) by mx.example with ESMTP id 12345";
  for (auto _ : state) {
    for (int i = 0; i < 5; ++i) scan.header("Received", received);
    scan.header("Subject", "an ordinary subject").header("From", "Bob Smith <bob@x.example>");
    scan.header("To", "alice@y.example").header("X-Mailer", "Mailer 1.0").header("Date", "today");
    scan.end();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(scan_headers);

}  // namespace
}  // namespace postern::scan
