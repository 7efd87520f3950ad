// A compiled signature set, as the `.psig` file holds it.
//
// Theory of operation. The compiler fills an Artefact and write() stores it; the data plane and the
// CLI get it back from read(). The file is little-endian:
//
//   0   8  magic 89 50 53 49 47 0D 0A 1A ("\x89PSIG\r\n\x1A")
//   8   4  format version
//   12  4  number of sections
//   16  8  size of the whole file
//   24 32  the set's digest: SHA-256 of the whole file, with these 32 bytes and the octets of the
//          signature section as zero
//   56  8  zero
//   64 32  each: section kind (4), zero (4), offset (8), length (8), zero (8)
//   then the sections in the order of the table, each at a multiple of 64 bytes, zeros between.
//
// The signature section has 104 octets always: scheme (4; 0 unsigned, 1 Ed25519), zero (4), the
// signer's public key (32), the Ed25519 signature (64) of kSignedPrefix followed by the 32 octets
// of the digest. Unsigned, all are zero. So signing changes neither the set's digest nor any other
// octet, and whoever has the key can be asked by any Ed25519 program. parse() refuses a signature
// that is not its own key's; whether that key is trusted is for the caller to ask (TrustPolicy).
//
// An Artefact that was parsed holds views into the octets it was parsed from. read() maps the file
// and ArtefactFile keeps the mapping: whoever keeps views keeps `mapping`. Files are replaced by a
// rename and never written to in place (mapped_file.h).
//
// read() trusts nothing: every length and index is checked against what it indexes before use, so a
// damaged file can be refused but not misread. What it returns may be used without further checks,
// save for the Hyperscan databases, which Hyperscan checks itself when they are deserialised.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "patterns/artefact/gram.h"
#include "patterns/artefact/keys.h"
#include "patterns/artefact/mapped_file.h"
#include "patterns/artefact/octets.h"
#include "patterns/artefact/sha256.h"
#include "patterns/language/rule.h"

namespace postern::artefact {

inline constexpr std::array<uint8_t, 8> kMagic{0x89, 'P', 'S', 'I', 'G', '\r', '\n', 0x1A};
inline constexpr uint32_t kFormatVersion = 4;
inline constexpr size_t kHeaderBytes = 64;
inline constexpr size_t kSectionEntryBytes = 32;
inline constexpr size_t kSectionAlignment = 64;
inline constexpr uint32_t kNone = UINT32_MAX;

// Caps that the scanner's fixed memory rests on.
inline constexpr uint32_t kMostFactors = 3;  // of one expression
inline constexpr uint32_t kMostSights = 200;
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
  kSignature = 7,
  kEvals = 8,
  kLists = 9,
  kFactors = 10,
  kSettings = 11,
};
inline constexpr uint32_t kSections = 11;

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
  kFactored = 3,   // PCRE2 where all factors of the expression were seen
};
inline constexpr std::string_view kExpressionClassNames[] = {"native", "confirmed", "pcre2",
                                                             "factored"};

struct Expression {
  uint32_t rule = 0;
  ExpressionClass kind = ExpressionClass::kNative;
  language::Regexp regexp;
};

// A serialised Hyperscan database for one target; its pattern identifiers index expressions.
struct Database {
  language::Target target = language::Target::kBody;
  uint32_t selector = kNone;    // header target
  uint32_t expression = kNone;  // of this one alone; kNone: of those that have none of their own
  Octets bytes;
};

// Of a factored expression: every text that it matches shows one of these grams, and so at `least`
// places. Where an expression has several factors, a text must show each.
struct Factor {
  uint32_t expression = 0;
  uint32_t least = 1;  // up to kMostSights
  // A match begins before the gram's last symbol and at most so many symbols before it (as they are
  // counted in a text, gram.h); kNone: it may begin anywhere.
  uint32_t reach = kNone;
  std::vector<Gram> grams;  // ascending
};

// The symbols with which matches of a factored expression begin.
struct MatchStarts {
  uint32_t expression = 0;
  uint32_t first = 0;  // bit set of first symbols
  // For each of them, ascending, and by second symbol: bit set of third symbols. Bit and place
  // kSymbols stand for a text's end.
  std::vector<std::array<uint32_t, kSymbols + 1>> thirds;
};

// Whether a match begins with the three symbols that are lowest in `symbols`, the first one
// highest.
inline bool can_begin(const MatchStarts& starts, uint32_t symbols) {
  const uint32_t first = symbols >> (2 * kSymbolBits) & kSymbolMask;
  if (!(starts.first >> first & 1)) return false;
  const auto row = std::popcount(starts.first & ((1U << first) - 1));
  const uint32_t second = symbols >> kSymbolBits & kSymbolMask;
  return starts.thirds[static_cast<size_t>(row)][second] >> (symbols & kSymbolMask) & 1;
}

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

inline constexpr std::string_view kSignedPrefix = "postern signature set\n";

// Who vouches for the set.
struct SetSignature {
  PublicKey signer;
  SignatureBytes value{};
};

struct Artefact {
  Provenance provenance;
  std::vector<Rule> rules;
  std::vector<language::HeaderSelector> selectors;
  std::vector<Expression> expressions;
  std::vector<Database> databases;
  std::vector<Meta> metas;          // in order of evaluation
  std::vector<Factor> factors;      // those of an expression beside each other, the rarest first
  std::vector<MatchStarts> starts;  // by expression, ascending; without, a match may begin anywhere
  std::vector<Eval> evals;
  std::vector<List> lists;
  std::vector<language::FunctionSetting> settings;  // what functions of `evals` look at
  std::optional<SetSignature> signature;
};

// What a file is, besides its content.
struct ArtefactFile {
  Artefact artefact;
  std::string digest;  // of the set, hex: as the file's header has it
  uint64_t bytes = 0;
  std::shared_ptr<const MappedFile> mapping = nullptr;  // what `artefact` has views into
};

// Whose sets may be put in force.
struct TrustPolicy {
  std::vector<PublicKey> keys;
  bool allow_unsigned = false;  // or signed by anybody

  // The error says why not and what to do.
  std::expected<void, std::string> check(const Artefact& artefact) const;
};

std::vector<uint8_t> serialise(const Artefact& artefact);
// The error says what is wrong and what to do. `file` outlives the artefact.
std::expected<Artefact, std::string> parse(std::span<const uint8_t> file);
// The digest that belongs into the file's header; of what has no table of sections, any.
Sha256 digest_of(std::span<const uint8_t> file);

// Replaces the file whole: a reader sees the old one or the new one.
std::expected<void, std::string> write(const Artefact& artefact, const std::filesystem::path& path);
std::expected<ArtefactFile, std::string> read(const std::filesystem::path& path);
// The same of a file that is mapped already; `name` begins the errors.
std::expected<ArtefactFile, std::string> read(std::shared_ptr<const MappedFile> mapping,
                                              std::string_view name);
// In place of who signed before.
std::expected<void, std::string> sign(Artefact& artefact, const PrivateKey& key);
// The same of a file, which is replaced whole and keeps every other octet.
std::expected<void, std::string> sign(const std::filesystem::path& path, const PrivateKey& key);

}  // namespace postern::artefact
