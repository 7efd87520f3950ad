// Runs a signature set's expressions over texts and keeps what was hit.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/scan/compiled.h"
#include "dataplane/scan/element_buffer.h"
#include "dataplane/scan/meta_evaluation.h"
#include "dataplane/scan/pending.h"

namespace postern::scan {

// Steps that PCRE2 may take to confirm one candidate in one element: about ten milliseconds. What
// is not confirmed by then counts as no match (and is counted).
inline constexpr uint32_t kConfirmationSteps = 1'000'000;
// A rule that was cut so often in one message is not tried in it any more.
inline constexpr uint32_t kMostCutsOfRule = 8;

// The hits of one message. Fixed memory, the caps are those of the artefact.
class Hits {
 public:
  Hits();
  void begin(const SignatureSet::Compiled& set);

  bool is_hit(uint32_t rule) const { return bits_[rule / 64] >> (rule % 64) & 1; }
  void hit(uint32_t rule) { bits_[rule / 64] |= uint64_t{1} << (rule % 64); }
  void flip(uint32_t rule) { bits_[rule / 64] ^= uint64_t{1} << (rule % 64); }
  uint32_t& count(uint32_t counter) { return counts_[counter]; }
  uint32_t count(uint32_t counter) const { return counts_[counter]; }
  std::span<const uint64_t> words() const { return {bits_.get(), words_}; }

 private:
  std::unique_ptr<uint64_t[]> bits_;
  std::unique_ptr<uint32_t[]> counts_;
  size_t words_ = 0;
};

// A thread's matching memory.
struct MessageScan::Scratch::Impl {
  Impl();
  ~Impl();
  // For what a set needs beside Hyperscan's memory.
  void make_room(const SignatureSet::Compiled& compiled);

  hs_scratch_t* hyperscan = nullptr;
  pcre2_match_data* match = nullptr;
  pcre2_match_context* context = nullptr;
  pcre2_jit_stack* jit_stack = nullptr;
  // Room for a header value that is put together, behind those that are kept; and keeping it.
  std::span<char> value_room() const { return {&values[kept], HeaderFields::kValueBytes}; }
  bool can_keep(std::string_view value) const { return value.size() <= kKeptValues - kept; }
  void keep(std::string_view value) {
    if (value.data() == &values[kept]) kept += value.size();
  }

  mime::ConverterCache converters;
  mime::HeaderDecoder decoder{&converters};
  std::vector<uint64_t> tried;  // by expression: scan and element last confirmed in
  FactorSearch::Notes notes;
  uint32_t scans = 0;
  // Of the message that is being finished.
  Pending pending;
  MetaEvaluation metas;
  static constexpr size_t kKeptValues = 3 * HeaderFields::kValueBytes;
  std::unique_ptr<char[]> values;
  size_t kept = 0;  // bytes of `values`
};

// Where a sub-rule may match is noted down (Pending) as long as the text stays until finish(), and
// looked at only if a meta that counts asks for it.
class Matcher final : private RuleSource {
 public:
  // All outlive the message.
  void begin(const SignatureSet::Compiled* set, MessageScan::Scratch::Impl* scratch, Hits* hits,
             Asked asked);

  // `has_subject`: the first element is the message's subject. `keeps`: the elements stay until
  // finish(); only behind the last text that does not.
  void match_elements(language::Target target, const ElementBuffer& buffer, bool has_subject,
                      bool keeps);
  // What is one element of `target`, matched by itself.
  void match_text(language::Target target, std::string_view text);
  // What is one element of an envelope target: by itself, and with its name before it as one of
  // kEnvelope.
  void match_envelope(language::Target target, std::string_view text);
  // A value of a header selector, in value_room() or kept until finish().
  void match_value(const HeaderPlan& plan, std::string_view value);
  void match_absent(const HeaderPlan& plan);
  // The same of one MIME part, any number of times; part_values_end() once behind the last.
  void match_part_value(const HeaderPlan& plan, std::string_view value);
  void match_part_absent(const HeaderPlan& plan);
  void part_values_end(const HeaderPlan& plan);
  // A window of the whole message. Its first `context` bytes were matched before and only serve
  // those after them; a match may begin from `begin` on.
  void match_window(std::string_view window, size_t begin, size_t context, bool is_last);
  // Evaluates the metas: afterwards Hits holds every rule that was asked.
  void finish();

  bool failed() const { return failed_; }
  uint32_t confirmations_cut() const { return confirmations_cut_; }
  std::span<const RuleCut> cuts() const { return {cuts_.data(), rules_cut_}; }

 private:
  // What is being matched.
  struct Subject {
    const ElementBuffer* elements = nullptr;  // null: `text` is one element
    bool has_subject = false;
    std::string_view text;
    size_t begin = 0;
    size_t context = 0;
    uint32_t options = 0;
    bool keeps = false;
  };

  static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                      void* matcher);
  void run(const MatchPlan& plan, std::string_view text);
  void search(hs_database_t* database, std::string_view text);
  void begin_scan();
  void run_alone(uint32_t expression, std::string_view text);
  void candidate(uint32_t expression, uint64_t end);
  void try_everywhere(uint32_t expression);
  bool can_put_off(uint32_t expression) const;
  Bounds bounds_of(uint32_t rule) const;
  Bounds settle(uint32_t rule) override;
  void search_factors(const FactorSearch& search);
  void confirm(uint32_t expression, uint32_t element);
  template <typename Next>
  void confirm(uint32_t expression, uint32_t element, Next&& next);
  bool is_left_out(const CompiledExpression& expression, uint32_t element) const;
  void confirm_candidate(const FactorSearch& factors, uint32_t expression, uint32_t element,
                         const FactorSearch::Trace& trace);
  uint64_t mark_of(uint32_t element) const { return uint64_t{scratch_->scans} << 32 | element; }
  uint32_t elements() const { return subject_.elements ? subject_.elements->count() : 1; }
  std::string_view element(uint32_t i) const {
    return subject_.elements ? subject_.elements->element(i) : subject_.text;
  }
  bool search(const CompiledExpression& expression, std::string_view text, size_t from,
              uint32_t options, size_t& begin, size_t& end);
  void cut(uint32_t rule);
  bool is_given_up(uint32_t rule) const;
  const MatchPlan& plan_of(const artefact::Rule& rule) const;

  const SignatureSet::Compiled* set_ = nullptr;
  MessageScan::Scratch::Impl* scratch_ = nullptr;
  Hits* hits_ = nullptr;
  Asked asked_ = Asked::kScore;
  Subject subject_;
  bool failed_ = false;
  uint32_t confirmations_cut_ = 0;
  std::array<RuleCut, kReportedCuts> cuts_;
  size_t rules_cut_ = 0;
};

}  // namespace postern::scan
