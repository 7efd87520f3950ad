// The eval rules of a set, made ready to be asked.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/scan/evals/free_mail.h"
#include "dataplane/scan/evals/header_texts.h"
#include "patterns/artefact/artefact.h"

namespace postern::scan::evals {

struct Facts;
struct EvalRule;

// When a function is asked: of each HTML part, of each text in one, or at the message's end.
enum class Stage : uint8_t { kHtmlPart, kHtmlText, kEnd };

// What has to be gathered for it.
enum FactNeed : uint8_t {
  kNeedsReading = 1 << 0,  // observers of the reader
  kNeedsText = 1 << 1,     // paragraphs and raw lines
  kNeedsHeaders = 1 << 2,
  kNeedsLength = 1 << 3,     // the message's octets
  kNeedsAddresses = 1 << 4,  // in its text
  kNeedsLinkTexts = 1 << 5,
};

struct EvalRow {
  std::string_view name;  // of language::EvalFunction
  Stage stage;
  uint8_t needs;  // of FactNeed
  bool (*ask)(const EvalRule& rule, Facts& facts);
};
std::span<const EvalRow> eval_rows();

struct Comparison {
  enum class Op : uint8_t { kEqual, kNotEqual, kLess, kLessOrEqual, kMore, kMoreOrEqual };
  Op op = Op::kEqual;
  double value = 0;
  bool holds(double left) const;
};

struct EvalRule {
  uint32_t rule = 0;
  const EvalRow* row = nullptr;
  uint8_t arguments = 0;
  std::array<double, 3> numbers{};  // of limits: "undef" and "inf" are infinite
  uint32_t word = 0;                // index of a word argument among eval_words()
  uint32_t tag = 0;                 // mime::element()
  Comparison comparison;
  language::Pcre2Code code;
  uint32_t selector = artefact::kNone;
};

class EvalPlan {
 public:
  // Adds the fields that the rules need to `selectors`, which the set's field table is then made
  // of.
  std::expected<void, std::string> load(const artefact::Artefact& artefact,
                                        std::vector<language::HeaderSelector>& selectors);
  void keep(std::vector<language::HeaderSelector> selectors) { selectors_ = std::move(selectors); }

  bool empty() const { return empty_; }
  bool needs(FactNeed need) const { return (needs_ & need) != 0; }
  std::span<const EvalRule> rules(Stage stage) const { return rules_[static_cast<size_t>(stage)]; }
  std::span<const language::HeaderSelector> selectors() const { return selectors_; }
  std::span<const uint32_t, kFields> fields() const { return fields_; }
  const FreeMail& free_mail() const { return free_mail_; }
  // Settings of SpamAssassin's FromNameSpoof: fields with which it tells nothing (selectors), how
  // much may stand around an address in a name, what spoof() asks.
  std::span<const uint32_t> ignored_of_from_name() const { return ignored_of_from_name_; }
  double most_around_address() const { return most_around_address_; }
  double from_name_level() const { return from_name_level_; }

 private:
  bool empty_ = true;
  uint8_t needs_ = 0;
  std::array<std::vector<EvalRule>, 3> rules_;
  std::vector<language::HeaderSelector> selectors_;
  std::array<uint32_t, kFields> fields_{};
  FreeMail free_mail_;
  std::vector<uint32_t> ignored_of_from_name_;
  double most_around_address_ = 50;
  double from_name_level_ = 1;
};

}  // namespace postern::scan::evals
