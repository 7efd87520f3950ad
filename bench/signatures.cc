// What a signature set costs: matching alone, compiling, loading, memory. bench/run drives it, one
// command a process, so that what one leaves in memory does not stand in the figures of the next.
//
// Theory of operation of `match`. The MIME reader reads each message once and what it renders is
// kept. A pass tells all of it to a Collector and a Matcher, message by message: what is timed is
// the search for expressions and metas, neither MIME nor functions (`eval:`). A set is asked for
// the score and its rules, as the data plane asks. It is measured beside the same rules compiled
// plainly: one Hyperscan database a target, and all rules found out, as a plain matcher does. Once,
// as whole scans and by matching alone, both are asked for all rules and must hit the same ones in
// every message. What a set is timed with must hit the same rules that count, and the same in every
// pass.
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "bench/mail.h"
#include "bench/replay.h"
#include "bench/resident.h"
#include "bench/row.h"
#include "bench/swap.h"
#include "dataplane/mime/reader.h"
#include "dataplane/scan/collector.h"
#include "dataplane/scan/full_text.h"
#include "dataplane/scan/matcher.h"
#include "dataplane/scan/scanner.h"
#include "patterns/artefact/artefact.h"
#include "patterns/compile/compiler.h"
#include "patterns/language/reader.h"

namespace postern::bench {
namespace {

using nlohmann::ordered_json;
template <typename T>
using Expected = std::expected<T, std::string>;
using SetPointer = std::shared_ptr<const scan::SignatureSet>;

struct Arguments {
  std::string rules;                 // compile
  bool plain = false;                // compile
  unsigned jobs = 1;                 // compile
  std::vector<std::string> sets;     // load
  std::string cache;                 // compile; empty: none
  std::string name, set, plain_set;  // match
  std::string beside;                // match: the other's name, when it is not the plain form
  std::string other_set;             // swap
  std::string input;                 // match, swap: NAME=FOLDER
  size_t messages = 0;               // match, swap
  Effort effort;
  std::string output;
};

// What the reader says of one message, in its order.
class Rendered : public mime::RenderSink {
 public:
  void header(std::string_view name, std::string_view raw, std::string_view decoded) override {
    keep(Kind::kHeader, name, raw, decoded);
  }
  void part_header(std::string_view name, std::string_view raw, std::string_view decoded) override {
    keep(Kind::kPartHeader, name, raw, decoded);
  }
  void part_headers_end() override { keep(Kind::kPartHeadersEnd); }
  void body(std::string_view paragraph) override { keep(Kind::kBody, paragraph); }
  void hidden(std::string_view paragraph) override { keep(Kind::kHidden, paragraph); }
  void skeleton(std::string_view paragraph) override { keep(Kind::kSkeleton, paragraph); }
  void rawbody(std::string_view line) override { keep(Kind::kRawBody, line); }
  void uri(std::string_view uri) override { keep(Kind::kUri, uri); }
  void link(const mime::Link& link) override {
    keep(Kind::kLink, link.uri, link.host, link.domain);
  }
  void part(const mime::Part& part) override {
    keep(Kind::kPart, part.content_type, part.charset, part.file_name);
  }

  void tell(mime::RenderSink& sink) const;

 private:
  enum class Kind : uint8_t {
    kHeader,
    kPartHeader,
    kPartHeadersEnd,
    kBody,
    kHidden,
    kSkeleton,
    kRawBody,
    kUri,
    kLink,
    kPart,
  };
  struct Said {
    Kind kind;
    uint32_t begin;
    std::array<uint32_t, 3> lengths;
  };
  void keep(Kind kind, std::string_view a = {}, std::string_view b = {}, std::string_view c = {});

  std::vector<Said> said_;
  std::string text_;
};

void Rendered::keep(Kind kind, std::string_view a, std::string_view b, std::string_view c) {
  said_.push_back({kind,
                   static_cast<uint32_t>(text_.size()),
                   {static_cast<uint32_t>(a.size()), static_cast<uint32_t>(b.size()),
                    static_cast<uint32_t>(c.size())}});
  for (const std::string_view text : {a, b, c}) text_ += text;
}

void Rendered::tell(mime::RenderSink& sink) const {
  for (const Said& said : said_) {
    std::string_view rest = std::string_view(text_).substr(said.begin);
    std::array<std::string_view, 3> texts;
    for (size_t i = 0; i < texts.size(); ++i) {
      texts[i] = rest.substr(0, said.lengths[i]);
      rest.remove_prefix(said.lengths[i]);
    }
    switch (said.kind) {
      case Kind::kHeader:
        sink.header(texts[0], texts[1], texts[2]);
        break;
      case Kind::kPartHeader:
        sink.part_header(texts[0], texts[1], texts[2]);
        break;
      case Kind::kPartHeadersEnd:
        sink.part_headers_end();
        break;
      case Kind::kBody:
        sink.body(texts[0]);
        break;
      case Kind::kHidden:
        sink.hidden(texts[0]);
        break;
      case Kind::kSkeleton:
        sink.skeleton(texts[0]);
        break;
      case Kind::kRawBody:
        sink.rawbody(texts[0]);
        break;
      case Kind::kUri:
        sink.uri(texts[0]);
        break;
      case Kind::kLink:
        sink.link({.uri = texts[0], .host = texts[1], .domain = texts[2]});
        break;
      case Kind::kPart:
        sink.part({.content_type = texts[0], .charset = texts[1], .file_name = texts[2]});
        break;
    }
  }
}

std::span<const uint8_t> octets_of(const Message& message) {
  return {reinterpret_cast<const uint8_t*>(message.octets.data()), message.octets.size()};
}

struct Mail {
  std::vector<Message> messages;
  std::vector<Rendered> rendered;  // of each
};

// Hits of all rules, of all messages one behind the other.
using HitWords = std::vector<uint64_t>;

// One set with the memory of the thread that runs it.
class Matching {
 public:
  static Expected<std::unique_ptr<Matching>> prepare(const std::string& file);
  const SetPointer& set() const { return set_; }
  // Whole scans, functions included.
  Expected<HitWords> scan(const Mail& mail);
  // What match() asks from then on.
  void ask(scan::Asked asked) { asked_ = asked; }
  Expected<HitWords> match_once(const Mail& mail);
  // The error says which message hits other rules than `expected`.
  Expected<Pass> match(const Mail& mail, const HitWords& expected);
  uint64_t confirmations_cut() const { return confirmations_cut_; }  // of the last pass

 private:
  Matching() = default;
  std::span<const uint64_t> match(const Message& message, const Rendered& rendered);

  SetPointer set_;
  scan::Asked asked_ = scan::Asked::kAllRules;
  scan::MessageScan::Scratch scratch_;
  scan::Hits hits_;
  scan::Matcher matcher_;
  scan::Collector collector_;
  scan::FullText full_;
  uint64_t confirmations_cut_ = 0;
  uint64_t failed_ = 0;
};

Expected<std::unique_ptr<Matching>> Matching::prepare(const std::string& file) {
  auto set = scan::SignatureSet::load(file);
  if (!set) return std::unexpected(set.error());
  std::unique_ptr<Matching> matching(new Matching);
  matching->set_ = std::move(*set);
  if (auto ready = matching->scratch_.prepare(*matching->set_); !ready) {
    return std::unexpected(ready.error());
  }
  return matching;
}

std::span<const uint64_t> Matching::match(const Message& message, const Rendered& rendered) {
  const scan::SignatureSet::Compiled& compiled = set_->compiled();
  matcher_.begin(&compiled, scratch_.impl(), &hits_, asked_);
  collector_.begin(&compiled, &matcher_, scratch_.impl());
  full_.begin(compiled.plan(language::Target::kFull).empty() ? nullptr : &matcher_);
  full_.feed(octets_of(message));
  rendered.tell(collector_);
  full_.finish();
  collector_.finish();
  matcher_.finish();
  confirmations_cut_ += matcher_.confirmations_cut();
  failed_ += matcher_.failed();
  return hits_.words();
}

Expected<HitWords> Matching::match_once(const Mail& mail) {
  HitWords out;
  confirmations_cut_ = failed_ = 0;
  for (size_t i = 0; i < mail.messages.size(); ++i) {
    const auto words = match(mail.messages[i], mail.rendered[i]);
    out.insert(out.end(), words.begin(), words.end());
  }
  if (failed_ > 0) return std::unexpected(fmt::format("matching failed {} times", failed_));
  return out;
}

Expected<Pass> Matching::match(const Mail& mail, const HitWords& expected) {
  confirmations_cut_ = failed_ = 0;
  std::optional<size_t> wrong;
  const uint64_t* words_expected = expected.data();
  const Stopwatch stopwatch;
  for (size_t i = 0; i < mail.messages.size(); ++i) {
    const auto words = match(mail.messages[i], mail.rendered[i]);
    if (!std::ranges::equal(words, std::span(words_expected, words.size()))) wrong = i;
    words_expected += words.size();
  }
  const Pass pass = stopwatch.read();
  if (wrong) return std::unexpected(mail.messages[*wrong].name + " hits other rules than before");
  if (failed_ > 0) return std::unexpected(fmt::format("matching failed {} times", failed_));
  return pass;
}

Expected<HitWords> Matching::scan(const Mail& mail) {
  HitWords out;
  scan::MessageScan scan{{}};
  for (const Message& message : mail.messages) {
    scan.begin(set_, &scratch_, scan::Asked::kAllRules);
    scan.feed(octets_of(message));
    if (scan.finish().failed) return std::unexpected(message.name + ": the scan failed");
    const size_t begin = out.size();
    out.resize(begin + (set_->rule_count() + 63) / 64);
    for (uint32_t rule = 0; rule < set_->rule_count(); ++rule) {
      if (scan.is_hit(rule)) out[begin + rule / 64] |= uint64_t{1} << (rule % 64);
    }
  }
  return out;
}

uint64_t count(const HitWords& words) {
  uint64_t out = 0;
  for (const uint64_t word : words) out += static_cast<uint64_t>(std::popcount(word));
  return out;
}

HitWords rules_that_count(HitWords hits, const scan::SignatureSet& set) {
  const size_t each = (set.rule_count() + 63) / 64;
  HitWords mask(each);
  for (uint32_t rule = 0; rule < set.rule_count(); ++rule) {
    if (set.compiled().rules[rule].flags & artefact::kSubRule) continue;
    mask[rule / 64] |= uint64_t{1} << (rule % 64);
  }
  for (size_t i = 0; i < hits.size(); ++i) hits[i] &= mask[i % each];
  return hits;
}

// The first rule and message in which the hits of two ways differ.
Expected<void> same_hits(const Mail& mail, const scan::SignatureSet& set, const HitWords& ours,
                         const HitWords& plain, std::string_view how) {
  if (ours.size() != plain.size()) return std::unexpected("the sets have not the same rules");
  const size_t each = ours.size() / mail.messages.size();
  for (size_t i = 0; i < ours.size(); ++i) {
    if (ours[i] == plain[i]) continue;
    const auto bit = static_cast<uint32_t>(std::countr_zero(ours[i] ^ plain[i]));
    const auto rule = static_cast<uint32_t>(i % each * 64) + bit;
    return std::unexpected(fmt::format(
        "{}: {}: {} is hit by {} alone", how, mail.messages[i / each].name, set.rule_name(rule),
        (ours[i] >> bit & 1) ? "the set compiled by cost" : "the plain set"));
  }
  return {};
}

Expected<void> same_rules(const scan::SignatureSet& one, const scan::SignatureSet& other) {
  bool same = one.rule_count() == other.rule_count();
  for (uint32_t rule = 0; same && rule < one.rule_count(); ++rule) {
    same = one.rule_name(rule) == other.rule_name(rule);
  }
  if (!same) return std::unexpected("the two sets have not the same rules");
  return {};
}

Row match_row(const std::string& kind, const std::string& set, const std::string& input,
              const Mail& mail, Matching& matching, const HitWords& expected) {
  Row row;
  row.name = fmt::format("{}.{}.{}", kind, set, input);
  row.what = kind == "match" ? "matching alone, for the score"
                             : "matching alone, one Hyperscan database a target, all rules";
  row.unit = "messages";
  row.input = input;
  row.set = set;
  row.units_per_pass = static_cast<double>(mail.messages.size());
  row.octets_per_pass = mean_octets(mail.messages) * row.units_per_pass;
  row.pass = [&] { return matching.match(mail, expected); };
  return row;
}

Expected<ordered_json> match(const Arguments& arguments) {
  const size_t equals = arguments.input.find('=');
  if (equals == std::string::npos) return std::unexpected("--input NAME=FOLDER was expected");
  const std::string input = arguments.input.substr(0, equals);
  auto ours = Matching::prepare(arguments.set);
  if (!ours) return std::unexpected(ours.error());
  std::unique_ptr<Matching> plain;
  if (!arguments.plain_set.empty()) {
    auto prepared = Matching::prepare(arguments.plain_set);
    if (!prepared) return std::unexpected(prepared.error());
    plain = std::move(*prepared);
    if (auto same = same_rules(*(*ours)->set(), *plain->set()); !same) {
      return std::unexpected(same.error());
    }
  }
  auto messages = read_messages(arguments.input.substr(equals + 1), arguments.messages);
  if (!messages) return std::unexpected(messages.error());
  Mail mail{std::move(*messages), {}};
  mime::Reader reader{{}};
  mime::Renderings renderings = (*ours)->set()->compiled().renderings();
  renderings.facts = renderings.digests = false;
  for (const Message& message : mail.messages) {
    reader.begin(&mail.rendered.emplace_back(), renderings);
    reader.feed(octets_of(message));
    reader.finish();
  }
  const auto all = (*ours)->match_once(mail);
  if (!all) return std::unexpected(all.error());
  (*ours)->ask(scan::Asked::kScore);
  const auto expected = (*ours)->match_once(mail);
  if (!expected) return std::unexpected(expected.error());
  const uint64_t cut = (*ours)->confirmations_cut();
  const HitWords counting = rules_that_count(*all, *(*ours)->set());
  if (auto same = same_hits(mail, *(*ours)->set(), rules_that_count(*expected, *(*ours)->set()),
                            counting, "asked for the score");
      !same) {
    return std::unexpected(same.error());
  }
  ordered_json about{{"set", arguments.name},
                     {"rules", (*ours)->set()->rule_count()},
                     {"digest", (*ours)->set()->digest()},
                     {"input", input},
                     {"messages", mail.messages.size()},
                     {"mean_octets", std::round(mean_octets(mail.messages))},
                     {"hits", count(*all)},
                     {"hits_that_count", count(counting)},
                     {"confirmations_cut", cut}};
  std::vector<Row> rows{match_row("match", arguments.name, input, mail, **ours, *expected)};
  if (plain != nullptr) {
    const auto by_scan = (*ours)->scan(mail), plainly = plain->scan(mail);
    if (!by_scan) return std::unexpected(by_scan.error());
    if (!plainly) return std::unexpected(plainly.error());
    const auto matched_plainly = plain->match_once(mail);
    if (!matched_plainly) return std::unexpected(matched_plainly.error());
    const scan::SignatureSet& set = *(*ours)->set();
    auto same = same_hits(mail, set, *by_scan, *plainly, "whole scans");
    if (same) same = same_hits(mail, set, *all, *matched_plainly, "matching alone");
    if (!same) return std::unexpected(same.error());
    about["plain_digest"] = plain->set()->digest();
    about["plain_confirmations_cut"] = plain->confirmations_cut();
    const bool is_plain = arguments.beside.empty();
    rows.push_back(match_row(is_plain ? "match_plain" : "match",
                             is_plain ? arguments.name : arguments.beside, input, mail, *plain,
                             *all));
    rows[0].compared_with = rows[1].name;
    rows[1].compared_with = rows[0].name;
  }
  auto measured = measure(rows, arguments.effort);
  if (!measured) return std::unexpected(measured.error());
  return ordered_json{{"match", std::move(about)}, {"rows", std::move(*measured)}};
}

double cpu_seconds(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Time is that of all threads and child processes.
Expected<ordered_json> compile(const Arguments& arguments) {
  const std::vector<std::filesystem::path> sources{arguments.rules};
  const auto rules = language::read_rules(sources);
  if (!rules) {
    const language::Diagnostic& first = rules.error().front();
    return std::unexpected(fmt::format("{}:{}: {}", first.file, first.line, first.what));
  }
  compile::CompileOptions options;
  options.compiler = "postern-bench-signatures";
  options.placement.at_once = arguments.jobs;
  options.placement.factoring =
      arguments.plain ? compile::Factoring::kNever : compile::Factoring::kByCost;
  std::optional<compile::Cache> cache;
  if (!arguments.cache.empty()) {
    options.placement.cache = &cache.emplace(arguments.cache);
    if (!cache->is_usable()) return std::unexpected(arguments.cache + ": " + cache->obstacle());
  }
  const auto compiled = compile::compile(*rules, options);
  if (!compiled) return std::unexpected(compiled.error());
  if (auto written = artefact::write(compiled->artefact, arguments.set); !written) {
    return std::unexpected(written.error());
  }
  const compile::CompileReport& report = compiled->report;
  return ordered_json{{"cpu_seconds", cpu_seconds(RUSAGE_SELF) + cpu_seconds(RUSAGE_CHILDREN)},
                      {"expressions", report.expressions.size()},
                      {"cached", report.cached},
                      {"databases", compiled->artefact.databases.size()},
                      {"cached_databases", report.cached_databases},
                      {"native", report.native},
                      {"confirmed", report.confirmed},
                      {"factored", report.factored},
                      {"pcre2", report.pcre2_alone}};
}

// Loads the sets in turn and keeps them, as during a swap: a thread's memory for them included.
Expected<ordered_json> load(const Arguments& arguments) {
  std::vector<SetPointer> sets;
  scan::MessageScan::Scratch scratch;
  ordered_json out = ordered_json::array();
  const uint64_t before = resident_bytes();
  for (const std::string& file : arguments.sets) {
    const Stopwatch stopwatch;
    auto set = scan::SignatureSet::load(file);
    if (!set) return std::unexpected(set.error());
    const Pass pass = stopwatch.read();
    if (auto ready = scratch.prepare(**set); !ready) return std::unexpected(ready.error());
    sets.push_back(std::move(*set));
    out.push_back({{"load_seconds", pass.seconds}, {"resident_bytes", resident_bytes() - before}});
  }
  return out;
}

Expected<ordered_json> swap(const Arguments& arguments) {
  return measure_swap({.set = arguments.set,
                       .other = arguments.other_set,
                       .folder = arguments.input,
                       .messages = arguments.messages,
                       .effort = arguments.effort});
}

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Measures signature sets; bench/run calls it and prints its report.");
  app.require_subcommand(1);
  auto* matching = app.add_subcommand("match", "Rows of matching alone");
  matching->add_option("--name", arguments.name, "Of the set")->required();
  matching->add_option("--set", arguments.set, "FILE.psig, compiled by cost")->required();
  matching->add_option("--plain", arguments.plain_set, "FILE.psig, the same rules plainly");
  matching->add_option("--beside", arguments.beside,
                       "--plain is another set with rules of the same names, and this its name");
  matching->add_option("--input", arguments.input, "NAME=FOLDER of *.eml")->required();
  matching->add_option("--messages", arguments.messages, "How many of them")->required();
  matching->add_option("--repetitions", arguments.effort.repetitions)->check(CLI::Range(1, 1000));
  matching->add_option("--seconds", arguments.effort.seconds, "CPU time of each repetition");
  auto* compiling = app.add_subcommand("compile", "Compiles rules and says what it took");
  compiling->add_option("rules", arguments.rules, "A rule file or a folder of them")->required();
  compiling->add_flag("--plain", arguments.plain, "One Hyperscan database a target");
  compiling->add_option("--jobs", arguments.jobs, "Threads")->check(CLI::Range(1, 1024));
  compiling->add_option("--cache", arguments.cache, "DIR of what was found out before");
  compiling->add_option("--set", arguments.set, "FILE.psig to write")->required();
  auto* loading = app.add_subcommand("load", "Loads sets and keeps them: time and memory");
  loading->add_option("sets", arguments.sets, "FILE.psig…")->required();
  auto* swapping = app.add_subcommand("swap", "Two sets take turns under traffic");
  swapping->add_option("set", arguments.set, "FILE.psig")->required();
  swapping->add_option("other", arguments.other_set, "FILE.psig of the same rules")->required();
  swapping->add_option("--input", arguments.input, "FOLDER of *.eml")->required();
  swapping->add_option("--messages", arguments.messages, "How many of them")->required();
  swapping->add_option("--repetitions", arguments.effort.repetitions)->check(CLI::Range(1, 1000));
  for (auto* command : {matching, compiling, loading, swapping}) {
    command->add_option("-o,--output", arguments.output, "The JSON file to write")->required();
  }
  CLI11_PARSE(app, argc, argv);
  const auto report = *matching    ? match(arguments)
                      : *compiling ? compile(arguments)
                      : *swapping  ? swap(arguments)
                                   : load(arguments);
  if (!report) {
    fmt::print(stderr, "postern-bench-signatures: {}\n", report.error());
    return 1;
  }
  std::ofstream(arguments.output) << report->dump(1) << '\n';
  return 0;
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) { return postern::bench::main(argc, argv); }
