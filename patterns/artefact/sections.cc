#include "patterns/artefact/sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>
#include <string_view>

#include "patterns/artefact/bytes.h"

namespace postern::artefact {
namespace {

using language::HeaderSelector;
using language::MetaOperator;
using language::Target;

std::unexpected<std::string> damaged(std::string_view what) {
  return std::unexpected(fmt::format("the artefact is damaged: {}", what));
}

void serialise_provenance(const Artefact& artefact, ByteWriter& out) {
  out.text(artefact.provenance.compiler);
  out.text(artefact.provenance.hyperscan);
  out.text(artefact.provenance.platform);
  out.u32(static_cast<uint32_t>(artefact.provenance.sources.size()));
  for (const auto& source : artefact.provenance.sources) {
    out.text(source.path);
    out.text(source.sha256);
  }
}

std::expected<void, std::string> parse_provenance(Artefact& artefact, ByteReader& in) {
  artefact.provenance.compiler = in.text();
  artefact.provenance.hyperscan = in.text();
  artefact.provenance.platform = in.text();
  const uint32_t count = in.count(8);
  artefact.provenance.sources.resize(count);
  for (auto& source : artefact.provenance.sources) {
    source.path = in.text();
    source.sha256 = in.text();
  }
  return {};
}

void serialise_rules(const Artefact& artefact, ByteWriter& out) {
  out.u32(static_cast<uint32_t>(artefact.rules.size()));
  for (const Rule& rule : artefact.rules) {
    out.text(rule.name);
    out.text(rule.description);
    out.f64(rule.score);
    out.u8(static_cast<uint8_t>(rule.target));
    out.u32(rule.flags);
    out.u32(rule.maximum_hits);
    out.u32(rule.selector);
    out.u32(rule.expression);
    out.u32(rule.source);
    out.u32(rule.line);
  }
}

std::expected<void, std::string> parse_rules(Artefact& artefact, ByteReader& in) {
  constexpr size_t kFixedBytes = 4 + 4 + 8 + 1 + 6 * 4;
  const uint32_t count = in.count(kFixedBytes);
  if (count > kMostRules) return damaged("more rules than any compiler writes");
  artefact.rules.resize(count);
  uint32_t counted = 0;
  for (Rule& rule : artefact.rules) {
    rule.name = in.text();
    rule.description = in.text();
    rule.score = in.f64();
    const uint8_t target = in.u8();
    rule.flags = in.u32();
    rule.maximum_hits = in.u32();
    rule.selector = in.u32();
    rule.expression = in.u32();
    rule.source = in.u32();
    rule.line = in.u32();
    if (!in.ok()) return damaged("the rules end too early");
    if (target >= language::kTargetNames.size() || language::kTargetNames[target].empty())
      return damaged("a rule's target is unknown");
    rule.target = static_cast<Target>(target);
    if ((rule.flags & ~kAllRuleFlags) != 0) return damaged("a rule's flags are unknown");
    if (!std::isfinite(rule.score)) return damaged("a rule's score is no number");
    if (rule.source >= artefact.provenance.sources.size())
      return damaged("a rule's source is unknown");
    if ((rule.flags & kMultiple) && ++counted > kMostCountedRules)
      return damaged("too many counted rules");
  }
  return {};
}

void serialise_selectors(const Artefact& artefact, ByteWriter& out) {
  out.u32(static_cast<uint32_t>(artefact.selectors.size()));
  for (const HeaderSelector& selector : artefact.selectors) {
    out.u8(static_cast<uint8_t>(selector.source));
    // What is extracted has the upper half of the part's octet.
    out.u8(static_cast<uint8_t>(static_cast<uint8_t>(selector.part) |
                                static_cast<uint8_t>(selector.extract) << 4));
    out.u8(static_cast<uint8_t>(selector.instance));
    out.u8(selector.raw ? 1 : 0);
    out.text(selector.field);
    out.u32(uint32_t{selector.first_part} | uint32_t{selector.last_part} << 16);
    out.u8(selector.concatenated ? 1 : 0);
  }
}

std::expected<void, std::string> parse_selectors(Artefact& artefact, ByteReader& in) {
  const uint32_t count = in.count(13);
  artefact.selectors.resize(count);
  for (HeaderSelector& selector : artefact.selectors) {
    const uint8_t source = in.u8();
    const uint8_t part_and_extract = in.u8();
    const uint8_t part = part_and_extract & 15;
    const uint8_t extract = part_and_extract >> 4;
    const uint8_t instance = in.u8();
    const uint8_t raw = in.u8();
    selector.field = in.text();
    const uint32_t parts = in.u32();
    const uint8_t concatenated = in.u8();
    if (!in.ok()) return damaged("the header selectors end too early");
    if (source > static_cast<uint8_t>(HeaderSelector::Source::kUntrustedRelays) ||
        part > static_cast<uint8_t>(HeaderSelector::Part::kNames) ||
        extract > static_cast<uint8_t>(HeaderSelector::Extract::kReversedAddress) ||
        instance > static_cast<uint8_t>(HeaderSelector::Instance::kLast) || raw > 1 ||
        concatenated > 1) {
      return damaged("a header selector is unknown");
    }
    selector.source = static_cast<HeaderSelector::Source>(source);
    selector.part = static_cast<HeaderSelector::Part>(part);
    selector.instance = static_cast<HeaderSelector::Instance>(instance);
    selector.extract = static_cast<HeaderSelector::Extract>(extract);
    selector.raw = raw == 1;
    selector.first_part = static_cast<uint16_t>(parts & 0xffff);
    selector.last_part = static_cast<uint16_t>(parts >> 16);
    selector.concatenated = concatenated == 1;
  }
  return {};
}

void serialise_expressions(const Artefact& artefact, ByteWriter& out) {
  out.u32(static_cast<uint32_t>(artefact.expressions.size()));
  for (const Expression& expression : artefact.expressions) {
    out.u32(expression.rule);
    out.u8(static_cast<uint8_t>(expression.kind));
    out.u32(expression.regexp.flags);
    out.text(expression.regexp.pattern);
  }
}

std::expected<void, std::string> parse_expressions(Artefact& artefact, ByteReader& in) {
  const uint32_t count = in.count(13);
  artefact.expressions.resize(count);
  for (uint32_t i = 0; i < count; ++i) {
    Expression& expression = artefact.expressions[i];
    expression.rule = in.u32();
    const uint8_t kind = in.u8();
    expression.regexp.flags = in.u32();
    expression.regexp.pattern = in.text();
    if (!in.ok()) return damaged("the expressions end too early");
    if (kind > static_cast<uint8_t>(ExpressionClass::kFactored))
      return damaged("an expression's class is unknown");
    expression.kind = static_cast<ExpressionClass>(kind);
    if ((expression.regexp.flags & ~language::kAllRegexpFlags) != 0) {
      return damaged("an expression's flags are unknown");
    }
    if (expression.rule >= artefact.rules.size() ||
        artefact.rules[expression.rule].expression != i) {
      return damaged("an expression belongs to no rule");
    }
  }
  for (const Rule& rule : artefact.rules) {
    if (rule.expression != kNone && rule.expression >= count)
      return damaged("a rule's expression is missing");
    const bool is_header = language::has_selector(rule.target) && !(rule.flags & kOff);
    if (is_header && rule.selector < artefact.selectors.size() &&
        (rule.target == Target::kMimeHeader) !=
            (artefact.selectors[rule.selector].source == HeaderSelector::Source::kPartField)) {
      return damaged("a rule's header selector is of another kind");
    }
    if (is_header ? rule.selector >= artefact.selectors.size() : rule.selector != kNone) {
      return damaged("a rule's header selector is missing");
    }
    if (rule.target == Target::kMeta && rule.expression != kNone)
      return damaged("a meta has an expression");
  }
  return {};
}

void serialise_databases(const Artefact& artefact, ByteWriter& out) {
  out.u32(static_cast<uint32_t>(artefact.databases.size()));
  for (const Database& database : artefact.databases) {
    out.u8(static_cast<uint8_t>(database.target));
    out.u32(database.selector);
    out.u32(database.expression);
    out.text({database.bytes.data(), database.bytes.size()});
  }
}

std::expected<void, std::string> parse_databases(Artefact& artefact, ByteReader& in) {
  const uint32_t count = in.count(13);
  artefact.databases.resize(count);
  for (Database& database : artefact.databases) {
    const uint8_t target = in.u8();
    database.selector = in.u32();
    database.expression = in.u32();
    const auto bytes = in.take(in.u32());
    if (!in.ok()) return damaged("the databases end too early");
    if (database.expression != kNone && database.expression >= artefact.expressions.size())
      return damaged("a database's expression is missing");
    if (target >= language::kTargetNames.size() || target == static_cast<uint8_t>(Target::kMeta))
      return damaged("a database's target is unknown");
    database.target = static_cast<Target>(target);
    if (language::has_selector(database.target) ? database.selector >= artefact.selectors.size()
                                                : database.selector != kNone) {
      return damaged("a database's header selector is missing");
    }
    database.bytes = Octets::view({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  return {};
}

void serialise_metas(const Artefact& artefact, ByteWriter& out) {
  out.u32(static_cast<uint32_t>(artefact.metas.size()));
  for (const Meta& meta : artefact.metas) {
    out.u32(meta.rule);
    out.u32(static_cast<uint32_t>(meta.code.size()));
    for (const MetaInstruction& instruction : meta.code) {
      out.u8(static_cast<uint8_t>(instruction.op));
      if (instruction.op == MetaOperator::kNumber) out.f64(instruction.number);
      if (instruction.op == MetaOperator::kRule) out.u32(instruction.rule);
    }
  }
}

// Runs the code's stack heights, not its values: no operator may find too few operands, the stack
// may not pass its cap, one value must be left.
std::expected<void, std::string> parse_meta_code(const std::vector<bool>& still_open, Meta& meta,
                                                 ByteReader& in) {
  const uint32_t length = in.count(1);
  meta.code.resize(length);
  uint32_t height = 0;
  for (MetaInstruction& instruction : meta.code) {
    const uint8_t op = in.u8();
    if (op >= language::kMetaOperators) return damaged("a meta's operator is unknown");
    instruction.op = static_cast<MetaOperator>(op);
    if (instruction.op == MetaOperator::kNumber) instruction.number = in.f64();
    if (instruction.op == MetaOperator::kRule) {
      instruction.rule = in.u32();
      if (instruction.rule >= still_open.size() || still_open[instruction.rule]) {
        return damaged("a meta uses a rule that is not known before it");
      }
    }
    const uint32_t taken = language::operands(instruction.op);
    if (taken > height) return damaged("a meta's operator lacks operands");
    height = height - taken + 1;
    if (height > kDeepestMeta) return damaged("a meta is too deep");
  }
  if (!in.ok() || height != 1) return damaged("a meta's code is incomplete");
  return {};
}

std::expected<void, std::string> parse_metas(Artefact& artefact, ByteReader& in) {
  const uint32_t count = in.count(9);
  artefact.metas.resize(count);
  // True for metas whose value is not computed yet at this point of the evaluation.
  std::vector<bool> still_open(artefact.rules.size());
  for (size_t i = 0; i < artefact.rules.size(); ++i) {
    still_open[i] = artefact.rules[i].target == Target::kMeta && !(artefact.rules[i].flags & kOff);
  }
  for (Meta& meta : artefact.metas) {
    meta.rule = in.u32();
    if (!in.ok() || meta.rule >= artefact.rules.size() || !still_open[meta.rule]) {
      return damaged("a meta's code belongs to no meta rule");
    }
    if (auto parsed = parse_meta_code(still_open, meta, in); !parsed) return parsed;
    still_open[meta.rule] = false;
  }
  for (const bool open : still_open) {
    if (open) return damaged("a meta rule has no code");
  }
  return {};
}

void serialise_factors(const Artefact& artefact, ByteWriter& out) {
  out.u32(static_cast<uint32_t>(artefact.factors.size()));
  for (const Factor& factor : artefact.factors) {
    out.u32(factor.expression);
    out.u32(factor.least);
    out.u32(factor.reach);
    out.u32(static_cast<uint32_t>(factor.grams.size()));
    for (const Gram gram : factor.grams) out.u32(gram);
  }
  out.u32(static_cast<uint32_t>(artefact.starts.size()));
  for (const MatchStarts& starts : artefact.starts) {
    out.u32(starts.expression);
    out.u32(starts.first);
    for (const auto& thirds : starts.thirds) {
      for (const uint32_t symbols : thirds) out.u32(symbols);
    }
  }
}

std::expected<void, std::string> parse_starts(Artefact& artefact, ByteReader& in) {
  artefact.starts.resize(in.count(8));
  for (size_t i = 0; i < artefact.starts.size(); ++i) {
    MatchStarts& starts = artefact.starts[i];
    starts.expression = in.u32();
    starts.first = in.u32();
    if (starts.first >> kSymbols != 0) return damaged("a match begins with no symbol");
    for (uint32_t left = starts.first; in.ok() && left != 0; left &= left - 1) {
      for (uint32_t& symbols : starts.thirds.emplace_back()) symbols = in.u32();
    }
    if (!in.ok()) return damaged("the beginnings of matches end too early");
    if (starts.expression >= artefact.expressions.size() ||
        artefact.expressions[starts.expression].kind != ExpressionClass::kFactored) {
      return damaged("beginnings of matches belong to no factored expression");
    }
    if (i > 0 && artefact.starts[i - 1].expression >= starts.expression)
      return damaged("the beginnings of matches are out of order");
  }
  return {};
}

std::expected<void, std::string> parse_factors(Artefact& artefact, ByteReader& in) {
  const uint32_t count = in.count(16);
  artefact.factors.resize(count);
  std::vector<uint32_t> factors_of(artefact.expressions.size());
  for (size_t i = 0; i < artefact.factors.size(); ++i) {
    Factor& factor = artefact.factors[i];
    factor.expression = in.u32();
    factor.least = in.u32();
    factor.reach = in.u32();
    factor.grams.resize(in.count(4));
    for (Gram& gram : factor.grams) gram = in.u32();
    if (!in.ok()) return damaged("the factors end too early");
    if (factor.expression >= artefact.expressions.size() ||
        artefact.expressions[factor.expression].kind != ExpressionClass::kFactored) {
      return damaged("a factor belongs to no factored expression");
    }
    const bool goes_on = i > 0 && artefact.factors[i - 1].expression == factor.expression;
    uint32_t& factors = factors_of[factor.expression];
    if (factors > 0 && !goes_on) return damaged("factors are out of order");
    if (++factors > kMostFactors) return damaged("an expression has too many factors");
    if (factor.least == 0 || factor.least > kMostSights)
      return damaged("a factor is to be seen too often");
    if (!std::ranges::is_sorted(factor.grams) || !std::ranges::all_of(factor.grams, is_gram))
      return damaged("a factor's grams are no grams in order");
  }
  for (size_t i = 0; i < artefact.expressions.size(); ++i) {
    if (artefact.expressions[i].kind == ExpressionClass::kFactored && factors_of[i] == 0)
      return damaged("a factored expression has no factor");
  }
  return parse_starts(artefact, in);
}

constexpr uint32_t kUnsigned = 0;
constexpr uint32_t kEd25519 = 1;

void serialise_signature(const Artefact& artefact, ByteWriter& out) {
  const SetSignature signature = artefact.signature.value_or(SetSignature{});
  out.u32(artefact.signature ? kEd25519 : kUnsigned);
  out.u32(0);
  for (const uint8_t byte : signature.signer.bytes) out.u8(byte);
  for (const uint8_t byte : signature.value) out.u8(byte);
}

// Whether the signature is right is for parse() to ask: it knows the digest.
std::expected<void, std::string> parse_signature(Artefact& artefact, ByteReader& in) {
  const uint32_t scheme = in.u32();
  const uint32_t zero = in.u32();
  SetSignature signature;
  const auto key = in.take(signature.signer.bytes.size());
  const auto value = in.take(signature.value.size());
  if (!in.ok()) return damaged("the signature ends too early");
  std::ranges::copy(key, signature.signer.bytes.begin());
  std::ranges::copy(value, signature.value.begin());
  const auto is_zero = [](uint8_t byte) { return byte == 0; };
  const bool empty = std::ranges::all_of(key, is_zero) && std::ranges::all_of(value, is_zero);
  if (zero != 0 || scheme > kEd25519 || (scheme == kUnsigned && !empty))
    return damaged("its signature is of no known kind");
  if (scheme == kEd25519) artefact.signature = signature;
  return {};
}

void serialise_evals(const Artefact& artefact, ByteWriter& out) {
  out.u32(static_cast<uint32_t>(artefact.evals.size()));
  for (const Eval& eval : artefact.evals) {
    out.u32(eval.rule);
    out.text(eval.call.function);
    out.u8(static_cast<uint8_t>(eval.call.arguments.size()));
    for (const std::string& argument : eval.call.arguments) out.text(argument);
  }
}

std::expected<void, std::string> parse_evals(Artefact& artefact, ByteReader& in) {
  const uint32_t count = in.count(9);
  artefact.evals.resize(count);
  std::vector<bool> still_open(artefact.rules.size());
  for (size_t i = 0; i < artefact.rules.size(); ++i) {
    still_open[i] = artefact.rules[i].target == Target::kEval && !(artefact.rules[i].flags & kOff);
  }
  for (Eval& eval : artefact.evals) {
    eval.rule = in.u32();
    eval.call.function = in.text();
    const uint8_t arguments = in.u8();
    if (arguments > language::kMostEvalArguments) return damaged("a call has too many arguments");
    for (uint8_t i = 0; i < arguments; ++i) eval.call.arguments.push_back(in.text());
    if (!in.ok()) return damaged("the calls of functions end too early");
    if (eval.rule >= artefact.rules.size() || !still_open[eval.rule]) {
      return damaged("a function's call belongs to no rule");
    }
    if (auto checked = language::check_eval_call(eval.call); !checked)
      return damaged(checked.error().what);
    still_open[eval.rule] = false;
  }
  if (std::ranges::find(still_open, true) != still_open.end())
    return damaged("a rule has no function to call");
  return {};
}

// The number of lists and 0; of each rule (4 octets), kind, places, whether queries count, 0, where
// its block begins in the section and how many words it has (8 octets each); then the blocks, each
// at a multiple of 8 octets.
constexpr size_t kListHeadBytes = 8;
constexpr size_t kListRowBytes = 24;

void serialise_lists(const Artefact& artefact, ByteWriter& out) {
  out.u32(static_cast<uint32_t>(artefact.lists.size()));
  out.u32(0);
  uint64_t offset = kListHeadBytes + kListRowBytes * artefact.lists.size();
  for (const List& list : artefact.lists) {
    out.u32(list.rule);
    out.u8(static_cast<uint8_t>(list.kind));
    out.u8(list.places);
    out.u8(list.keep_query ? 1 : 0);
    out.u8(0);
    out.u64(offset);
    out.u64(list.block.size());
    offset += list.block.size_bytes();
  }
  static_assert(std::endian::native == std::endian::little, "blocks are written as they are");
  for (const List& list : artefact.lists) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(list.block.data());
    out.bytes().insert(out.bytes().end(), bytes, bytes + list.block.size_bytes());
  }
}

// The blocks are copied: `whole` does not outlive the call.
std::expected<void, std::string> parse_lists(Artefact& artefact, std::span<const uint8_t> whole,
                                             ByteReader& in) {
  const uint32_t count = in.count(kListRowBytes);
  in.u32();
  artefact.lists.resize(count);
  std::vector<bool> still_open(artefact.rules.size());
  for (size_t i = 0; i < artefact.rules.size(); ++i) {
    still_open[i] = artefact.rules[i].target == Target::kList && !(artefact.rules[i].flags & kOff);
  }
  uint64_t expected_offset = kListHeadBytes + kListRowBytes * uint64_t{count};
  for (List& list : artefact.lists) {
    list.rule = in.u32();
    const uint8_t kind = in.u8();
    list.places = in.u8();
    const uint8_t keep_query = in.u8();
    const uint8_t zero = in.u8();
    const uint64_t offset = in.u64();
    const uint64_t words = in.u64();
    if (!in.ok() || list.rule >= artefact.rules.size() || !still_open[list.rule])
      return damaged("a list belongs to no rule");
    if (kind >= std::size(lists::kListKindNames) ||
        (list.places & ~language::kAllListPlaces) != 0 || keep_query > 1 || zero != 0) {
      return damaged("a list is of no known kind");
    }
    if (offset != expected_offset || offset > whole.size() ||
        words > (whole.size() - offset) / sizeof(uint64_t)) {
      return damaged("the lists end too early");
    }
    expected_offset += words * sizeof(uint64_t);
    list.kind = static_cast<lists::ListKind>(kind);
    list.keep_query = keep_query == 1;
    auto block = std::make_shared<std::vector<uint64_t>>(words);
    if (words > 0) std::memcpy(block->data(), whole.data() + offset, words * sizeof(uint64_t));
    list.block = *block;
    list.owner = std::move(block);
    if (auto table = lists::ListTable::open(list.block); !table) return damaged(table.error());
    still_open[list.rule] = false;
  }
  in.take(expected_offset - kListHeadBytes - kListRowBytes * uint64_t{count});
  if (std::ranges::find(still_open, true) != still_open.end()) return damaged("a rule has no list");
  return {};
}

// Of each setting its name, which list of that name, how many words it has, and the words.
void serialise_settings(const Artefact& artefact, ByteWriter& out) {
  out.u32(static_cast<uint32_t>(artefact.settings.size()));
  for (const language::FunctionSetting& setting : artefact.settings) {
    out.text(setting.name);
    out.text(setting.list);
    out.u32(static_cast<uint32_t>(setting.words.size()));
    for (const std::string& word : setting.words) out.text(word);
  }
}

std::expected<void, std::string> parse_settings(Artefact& artefact, ByteReader& in) {
  const uint32_t count = in.count(12);
  for (uint32_t i = 0; i < count; ++i) {
    language::FunctionSetting setting{.name = in.text(), .words = {}};
    setting.list = in.text();
    setting.words.resize(in.count(4));
    for (std::string& word : setting.words) word = in.text();
    if (!in.ok()) return damaged("the settings end too early");
    if (auto checked = language::check_function_setting(setting); !checked)
      return damaged(checked.error());
    artefact.settings.push_back(std::move(setting));
  }
  return {};
}

}  // namespace

std::vector<uint8_t> serialise_section(const Artefact& artefact, SectionKind kind) {
  ByteWriter out;
  switch (kind) {
    case SectionKind::kProvenance:
      serialise_provenance(artefact, out);
      break;
    case SectionKind::kRules:
      serialise_rules(artefact, out);
      break;
    case SectionKind::kSelectors:
      serialise_selectors(artefact, out);
      break;
    case SectionKind::kExpressions:
      serialise_expressions(artefact, out);
      break;
    case SectionKind::kDatabases:
      serialise_databases(artefact, out);
      break;
    case SectionKind::kMetas:
      serialise_metas(artefact, out);
      break;
    case SectionKind::kFactors:
      serialise_factors(artefact, out);
      break;
    case SectionKind::kSignature:
      serialise_signature(artefact, out);
      break;
    case SectionKind::kEvals:
      serialise_evals(artefact, out);
      break;
    case SectionKind::kLists:
      serialise_lists(artefact, out);
      break;
    case SectionKind::kSettings:
      serialise_settings(artefact, out);
      break;
  }
  return std::move(out.bytes());
}

std::expected<void, std::string> parse_section(Artefact& artefact, SectionKind kind,
                                               std::span<const uint8_t> bytes) {
  ByteReader in(bytes);
  std::expected<void, std::string> parsed;
  switch (kind) {
    case SectionKind::kProvenance:
      parsed = parse_provenance(artefact, in);
      break;
    case SectionKind::kRules:
      parsed = parse_rules(artefact, in);
      break;
    case SectionKind::kSelectors:
      parsed = parse_selectors(artefact, in);
      break;
    case SectionKind::kExpressions:
      parsed = parse_expressions(artefact, in);
      break;
    case SectionKind::kDatabases:
      parsed = parse_databases(artefact, in);
      break;
    case SectionKind::kMetas:
      parsed = parse_metas(artefact, in);
      break;
    case SectionKind::kFactors:
      parsed = parse_factors(artefact, in);
      break;
    case SectionKind::kSignature:
      parsed = parse_signature(artefact, in);
      break;
    case SectionKind::kEvals:
      parsed = parse_evals(artefact, in);
      break;
    case SectionKind::kLists:
      parsed = parse_lists(artefact, bytes, in);
      break;
    case SectionKind::kSettings:
      parsed = parse_settings(artefact, in);
      break;
  }
  if (!parsed) return parsed;
  if (!in.ok() || !in.at_end()) {
    return damaged(fmt::format("section {} has the wrong length", static_cast<uint32_t>(kind)));
  }
  return {};
}

}  // namespace postern::artefact
