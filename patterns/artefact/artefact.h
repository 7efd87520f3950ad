// A compiled signature set, as the `.psig` file holds it.
//
// Theory of operation. The compiler fills an Artefact and write() stores it; the data plane and the
// CLI get it back from read(). The file is little-endian:
//
//   0   8  magic 89 50 53 49 47 0D 0A 1A ("\x89PSIG\r\n\x1A")
//   8   4  format version
//   12  4  number of sections
//   16  8  size of the whole file
//   24 32  SHA-256 of the whole file with these 32 bytes as zero
//   56  8  zero
//   64 32  each: section kind (4), zero (4), offset (8), length (8), zero (8)
//   then the sections in the order of the table, each at a multiple of 64 bytes, zeros between.
//
// read() trusts nothing: every length and index is checked against what it indexes before use, so a
// damaged file can be refused but not misread. What it returns may be used without further checks,
// save for the Hyperscan databases, which Hyperscan checks itself when they are deserialised.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "patterns/artefact/sha256.h"
#include "patterns/language/rule.h"

namespace postern::artefact {

inline constexpr std::array<uint8_t, 8> kMagic{0x89, 'P', 'S', 'I', 'G', '\r', '\n', 0x1A};
inline constexpr uint32_t kFormatVersion = 2;
inline constexpr size_t kHeaderBytes = 64;
inline constexpr size_t kSectionEntryBytes = 32;
inline constexpr size_t kSectionAlignment = 64;
inline constexpr uint32_t kNone = UINT32_MAX;

// Caps that the scanner's fixed memory rests on.
inline constexpr uint32_t kMostRules = 262'144;
inline constexpr uint32_t kMostCountedRules = 4096;  // tflags multiple
inline constexpr uint32_t kDeepestMeta = 256;        // values on the evaluation stack

enum class SectionKind : uint32_t {
  kProvenance = 1,
  kRules = 2,
  kSelectors = 3,
  kExpressions = 4,
  kDatabases = 5,
  kMetas = 6,
  kSignature = 7,  // reserved for an Ed25519 signature; empty
  kEvals = 8,
  kLists = 9,
};
inline constexpr uint32_t kSections = 9;

enum RuleFlag : uint32_t {
  kSubRule = 1 << 0,         // serves metas; no score of its own
  kOff = 1 << 1,             // score 0 or cannot be run: never hits
  kMultiple = 1 << 2,        // its value is the number of hits
  kNoSubject = 1 << 3,       // body without the subject paragraph
  kNegated = 1 << 4,         // hits when the expression does not match
  kExists = 1 << 5,          // hits when the header is there
  kHitsWhenAbsent = 1 << 6,  // hits when the header is not there
};
inline constexpr uint32_t kAllRuleFlags = (1 << 7) - 1;

struct Rule {
  std::string name;
  std::string description;
  double score = 0;
  language::Target target = language::Target::kBody;
  uint32_t flags = 0;           // of RuleFlag
  uint32_t maximum_hits = 0;    // 0: any number
  uint32_t selector = kNone;    // header rules: index into selectors
  uint32_t expression = kNone;  // index into expressions
  uint32_t source = 0;          // index into Provenance::sources
  uint32_t line = 0;
};

// How an expression is matched. The numbers are part of the format.
enum class ExpressionClass : uint8_t {
  kNative = 0,     // Hyperscan alone decides
  kConfirmed = 1,  // Hyperscan finds candidates, PCRE2 decides inside the element
  kPcre2 = 2,      // PCRE2 alone
};
inline constexpr std::string_view kExpressionClassNames[] = {"native", "confirmed", "pcre2"};

struct Expression {
  uint32_t rule = 0;
  ExpressionClass kind = ExpressionClass::kNative;
  language::Regexp regexp;
};

// A serialised Hyperscan database for one target; its pattern identifiers index expressions.
struct Database {
  language::Target target = language::Target::kBody;
  uint32_t selector = kNone;  // header target
  std::vector<char> bytes;
};

struct MetaInstruction {
  language::MetaOperator op = language::MetaOperator::kNumber;
  double number = 0;
  uint32_t rule = kNone;  // kRule
};

// Postfix code of a meta rule. It refers only to rules that no later code computes.
struct Meta {
  uint32_t rule = 0;
  std::vector<MetaInstruction> code;
};

// The call of an eval rule: a function and arguments that language::check_eval_call() has found
// good.
struct Eval {
  uint32_t rule = 0;
  language::EvalCall call;
};

// The exact set of a list rule. `block` is that of lists::ListTable and is read in place; `owner`
// keeps what it lies in.
struct List {
  uint32_t rule = 0;
  lists::ListKind kind = lists::ListKind::kDomains;
  uint8_t places = 0;  // of language::ListPlace
  bool keep_query = true;
  std::span<const uint64_t> block;
  std::shared_ptr<const void> owner;
};

struct Provenance {
  std::string compiler;   // "postern 0.1.0"
  std::string hyperscan;  // version of the library
  std::string platform;   // what the databases were built for, as Hyperscan tells it
  std::vector<language::SourceFile> sources;
};

struct Artefact {
  Provenance provenance;
  std::vector<Rule> rules;
  std::vector<language::HeaderSelector> selectors;
  std::vector<Expression> expressions;
  std::vector<Database> databases;
  std::vector<Meta> metas;  // in order of evaluation
  std::vector<Eval> evals;
  std::vector<List> lists;
};

// What a file is, besides its content.
struct ArtefactFile {
  Artefact artefact;
  std::string digest;  // hex SHA-256 of the file
  uint64_t bytes = 0;
};

std::vector<uint8_t> serialise(const Artefact& artefact);
// The error says what is wrong and what to do.
std::expected<Artefact, std::string> parse(std::span<const uint8_t> file);

// Writes a temporary file beside `path`, syncs it and renames it: a reader sees the old file or the
// new.
std::expected<void, std::string> write(const Artefact& artefact, const std::filesystem::path& path);
std::expected<ArtefactFile, std::string> read(const std::filesystem::path& path);

}  // namespace postern::artefact
