#include <array>
#include <bit>

#include "dataplane/scan/collector.h"
#include "dataplane/scan/full_text.h"
#include "dataplane/scan/matcher.h"
#include "dataplane/scan/origin_line.h"
#include "dataplane/scan/scanner.h"
#include "dataplane/stage.h"

namespace postern::scan {

namespace {

// What a message is matched against while there is no set: nothing.
const SignatureSet::Compiled& no_rules() {
  static const SignatureSet::Compiled empty = [] {
    SignatureSet::Compiled out;
    out.fields = std::make_unique<FieldTable>(std::span<const language::HeaderSelector>{});
    return out;
  }();
  return empty;
}

using Reported = std::array<uint32_t, kReportedRules>;

// The score of what was hit; sub-rules have none. The rules' numbers go to `reported`.
ScanResult result_of(const Hits& hits, const Matcher& matcher,
                     const SignatureSet::Compiled& compiled, Reported& reported) {
  ScanResult result;
  size_t count = 0;
  const auto words = hits.words();
  for (size_t word = 0; word < words.size(); ++word) {
    for (uint64_t bits = words[word]; bits != 0; bits &= bits - 1) {
      const auto rule =
          static_cast<uint32_t>(word * 64 + static_cast<size_t>(std::countr_zero(bits)));
      if (compiled.rules[rule].flags & artefact::kSubRule) continue;
      result.score += compiled.rules[rule].score;
      if (count < kReportedRules) reported[count++] = rule;
    }
  }
  result.rules = {reported.data(), count};
  result.failed = matcher.failed();
  result.confirmations_cut = matcher.confirmations_cut();
  result.cuts = matcher.cuts();
  return result;
}

}  // namespace

struct MessageScan::State {
  explicit State(const mime::ReaderLimits& limits) : reader(limits) { no_rules(); }

  const SignatureSet::Compiled& rules() const { return set ? set->compiled() : no_rules(); }
  void end_reading() {
    StageScope stage(Stage::kMime);
    reader.finish();
  }

  mime::Reader reader;
  mime::Renderings observed = mime::Renderings::none();
  Collector collector;
  Matcher matcher;
  FullText full;
  mime::OriginReader origin;
  bool asks_origin = false;  // a rule is about it
  Hits hits;
  evals::Evaluation evaluation;
  ListLookup lists;
  Reported reported;
  std::shared_ptr<const SignatureSet> set;
  Scratch::Impl* memory = nullptr;
};

MessageScan::MessageScan(const mime::ReaderLimits& limits)
    : state_(std::make_unique<State>(limits)) {}
MessageScan::~MessageScan() = default;

void MessageScan::begin(std::shared_ptr<const SignatureSet> set, Scratch* scratch, Asked asked) {
  StageScope stage(Stage::kScan);
  State& state = *state_;
  state.set = std::move(set);
  const SignatureSet::Compiled& compiled = state.rules();
  Scratch::Impl* memory = scratch != nullptr ? scratch->impl() : nullptr;
  state.memory = memory;
  state.matcher.begin(&compiled, memory, &state.hits, asked);
  state.evaluation.begin(compiled.evals.empty() ? nullptr : &compiled.evals, &state.hits);
  state.lists.begin(compiled.lists.empty() ? nullptr : &compiled.lists, &state.hits);
  state.collector.begin(&compiled, &state.matcher, memory,
                        state.evaluation.active() ? &state.evaluation : nullptr,
                        state.lists.active() ? &state.lists : nullptr);
  state.asks_origin = !compiled.plan(language::Target::kOrigin).empty();
  if (state.asks_origin) state.origin.begin({}, {});
  state.collector.read_origin(state.asks_origin ? &state.origin : nullptr);
  state.full.begin(compiled.plan(language::Target::kFull).empty() ? nullptr : &state.matcher);
  state.reader.begin(&state.collector, compiled.renderings() | state.observed);
}

void MessageScan::observe(mime::RenderSink* observer, mime::Renderings wanted) {
  state_->collector.observe(observer);
  state_->observed = observer != nullptr ? wanted : mime::Renderings::none();
}

void MessageScan::envelope(language::Target target, std::string_view text) {
  state_->matcher.match_envelope(target, text);
  if (target != language::Target::kMailFrom) return;
  state_->collector.envelope_from(text);
  if (state_->lists.active()) state_->lists.envelope_from(text);
}

void MessageScan::connection(std::string_view helo, const IpAddress& client) {
  if (state_->asks_origin) state_->origin.begin(helo, client);
}

void MessageScan::feed(std::span<const uint8_t> bytes) {
  StageScope stage(Stage::kScan);
  if (state_->evaluation.active()) state_->evaluation.feed(bytes);
  state_->full.feed(bytes);
  StageScope reading(Stage::kMime);
  state_->reader.feed(bytes);
}

ScanResult MessageScan::finish() {
  State& state = *state_;
  StageScope stage(Stage::kScan);
  state.end_reading();
  state.full.finish();
  state.collector.finish();
  if (state.asks_origin && state.collector.any_header()) {
    std::array<char, kOriginLineBytes> line;
    state.matcher.match_text(language::Target::kOrigin, origin_line(state.origin.finish(), line));
  }
  if (state.evaluation.active()) {
    const bool missing_boundary =
        (state.reader.anomalies() & static_cast<uint32_t>(mime::Anomaly::kMissingEndBoundary)) != 0;
    state.evaluation.finish(state.collector.fields(), &state.memory->decoder, missing_boundary);
  }
  if (state.lists.active()) {
    state.lists.finish(state.collector.fields(), &state.memory->decoder,
                       state.memory->value_room());
  }
  state.matcher.finish();
  return result_of(state.hits, state.matcher, state.rules(), state.reported);
}

uint32_t MessageScan::mime_anomalies() const { return state_->reader.anomalies(); }
bool MessageScan::is_hit(uint32_t rule) const { return state_->hits.is_hit(rule); }
const std::shared_ptr<const SignatureSet>& MessageScan::set() const { return state_->set; }

struct EnvelopeScan::State {
  const SignatureSet::Compiled* rules = nullptr;
  Matcher matcher;
  Hits hits;
  Reported reported;
};

EnvelopeScan::EnvelopeScan() : state_(std::make_unique<State>()) {}
EnvelopeScan::~EnvelopeScan() = default;

void EnvelopeScan::begin(const SignatureSet& set, MessageScan::Scratch* scratch) {
  state_->rules = &set.compiled();
  state_->matcher.begin(state_->rules, scratch->impl(), &state_->hits, Asked::kScore);
}

void EnvelopeScan::envelope(language::Target target, std::string_view text) {
  state_->matcher.match_envelope(target, text);
}

ScanResult EnvelopeScan::finish() {
  return result_of(state_->hits, state_->matcher, *state_->rules, state_->reported);
}

}  // namespace postern::scan
