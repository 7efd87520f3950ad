// Rules as read from SpamAssassin's rule language, before they are compiled.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "patterns/language/eval_function.h"
#include "patterns/language/function_settings.h"
#include "patterns/language/list_rule.h"
#include "patterns/language/meta_expression.h"
#include "patterns/language/regexp.h"

namespace postern::language {

// What a rule looks at. The numbers are part of the artefact's format.
// The first six are SpamAssassin's; the others are ours: of the envelope (RFC 5321), and texts of
// which SpamAssassin's rules see nothing (mime::RenderSink says what each holds).
enum class Target : uint8_t {
  kHeader = 0,
  kBody = 1,
  kRawBody = 2,
  kUri = 3,
  kFull = 4,
  kMeta = 5,
  kHelo = 6,
  kMailFrom = 7,  // without brackets; empty for <>
  kRcptTo = 8,    // each recipient by itself
  kAuthUser = 9,  // only once the server has accepted the login
  kHidden = 10,
  kSkeleton = 11,
  kUriDomain = 12,  // the registrable domain of each link
  kEnvelope = 13,  // "helo: …", "mail_from: …", "rcpt_to: …", "auth_user: …", each by itself
  kOrigin = 14,    // where the message came from before it reached the sending server
  kMimeHeader = 15,  // one field of the header of a MIME part
  kList = 16,        // in an exact set
  kEval = 17,        // what a function says; written as a header, body, rawbody, uri or full rule
};
inline constexpr std::array<std::string_view, 18> kTargetNames{
    "header",     "body",      "rawbody", "uri",        "full",   "meta",
    "helo",       "mail_from", "rcpt_to", "auth_user",  "hidden", "skeleton",
    "uri_domain", "envelope",  "origin",  "mimeheader", "list",   "eval"};
constexpr std::string_view name_of(Target target) {
  return kTargetNames[static_cast<size_t>(target)];
}
// Whether `keyword` begins a rule.
constexpr bool is_target(std::string_view keyword) {
  return keyword != "eval" && std::ranges::find(kTargetNames, keyword) != kTargetNames.end();
}
// Matched as many elements joined in one text: paragraphs, lines, URIs.
constexpr bool is_joined(Target target) {
  switch (target) {
    case Target::kBody:
    case Target::kRawBody:
    case Target::kUri:
    case Target::kHidden:
    case Target::kSkeleton:
    case Target::kUriDomain:
      return true;
    default:
      return false;
  }
}
// Matched against what a header selector reads.
constexpr bool has_selector(Target target) {
  return target == Target::kHeader || target == Target::kMimeHeader;
}
// Known before there is a message: such a rule can refuse at MAIL or RCPT.
constexpr bool is_of_envelope(Target target) {
  return (target >= Target::kHelo && target <= Target::kAuthUser) || target == Target::kEnvelope;
}

// Which text of the header a rule sees: "Subject", "From:addr", "ALL:raw", "ToCc", "EnvelopeFrom".
struct HeaderSelector {
  // The last two are the relays that handed the message on, as its Received fields tell.
  enum class Source : uint8_t {
    kField = 0,
    kAll = 1,
    kToCc = 2,
    kMessageId = 3,
    kPartField = 4,
    kEnvelopeFrom = 5,
    kTrustedRelays = 6,
    kUntrustedRelays = 7,
  };
  enum class Part : uint8_t { kValue = 0, kAddresses = 1, kNames = 2 };
  enum class Instance : uint8_t { kEvery = 0, kFirst = 1, kLast = 2 };
  // What is taken out of each value: a host, what was registered of it, an address.
  enum class Extract : uint8_t {
    kWhole = 0,
    kHost = 1,
    kDomain = 2,
    kAddress = 3,
    kReversedAddress = 4,
  };
  static constexpr uint16_t kLastPart = 1000;
  Source source = Source::kField;
  Part part = Part::kValue;
  Instance instance = Instance::kEvery;
  Extract extract = Extract::kWhole;
  bool raw = false;   // not unfolded, not decoded
  std::string field;  // lower case; kField and kPartField only, whose whole header is ""
  // kPartField: which parts, the message's own header the first; and whether what all of them say
  // is one text.
  uint16_t first_part = 0;
  uint16_t last_part = kLastPart;
  bool concatenated = false;
  auto operator<=>(const HeaderSelector&) const = default;
};
// As a rule file would write it.
std::string to_string(const HeaderSelector& selector);

struct Place {
  uint32_t file = 0;  // index into RuleSet::files
  uint32_t line = 0;
};

struct Rule {
  std::string name;
  Place place;
  Target target = Target::kBody;
  Regexp regexp;                        // all but meta rules and `exists:`
  HeaderSelector header;                // header rules
  bool exists = false;                  // header NAME exists:Field
  bool negated = false;                 // header NAME Field !~ /…/
  std::optional<std::string> if_unset;  // header: stands in for an absent field
  std::vector<MetaToken> meta;          // postfix; meta rules
  EvalCall eval;                        // eval rules, whatever their target; else no function
  ListSource list;                      // list rules
  std::string not_run;                  // why this rule cannot be evaluated here; it counts as 0

  double score = 1.0;
  std::string description;
  bool multiple = false;      // tflags multiple: its value is the number of hits
  uint32_t maximum_hits = 0;  // tflags maxhits=N; 0: any number
  bool no_subject = false;    // tflags nosubject: body without the subject paragraph

  // Sub-rules serve metas and carry no score of their own.
  bool is_sub_rule() const { return name.starts_with("__"); }
};

struct SourceFile {
  std::string path;
  std::string sha256;  // hex
};

// Directives that were accepted and mean nothing here, one row a directive.
struct AcceptedDirective {
  std::string name;
  std::string why;
  uint32_t count = 0;
  Place first;
};

// One error of a rule file. All errors are found, not only the first.
struct Diagnostic {
  std::string file;
  uint32_t line = 0;              // 0: the file as a whole
  std::string what;               // what is wrong; what was expected
  std::string to_string() const;  // file:line: what
};

struct RuleSet {
  std::vector<SourceFile> files;
  std::vector<Rule> rules;                // in order of first definition, names unique
  std::vector<FunctionSetting> settings;  // what functions of eval rules look at
  std::vector<AcceptedDirective> accepted;
  std::vector<std::string> skipped_rules;  // defined only where an `if` is false; metas see 0
  std::vector<Diagnostic> warnings;        // what is allowed and hardly meant
};

}  // namespace postern::language
