// Functions of `eval:` rules that need only the message: their names, whose they are, and what
// arguments they take. SpamAssassin has them in Perl plugins; dataplane/scan/evals/ has ours, which
// hit where SpamAssassin's do. This table is all that a compiler of rules needs to know of them.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::language {

// A call as a rule file writes it: eval:function('first', 2).
struct EvalCall {
  std::string function;
  std::vector<std::string> arguments;
  bool operator==(const EvalCall&) const = default;
};

enum class EvalArgument : uint8_t {
  kNone,
  kNumber,      // 0.02
  kLimit,       // a number, "undef" or "inf"
  kTag,         // of HTML
  kHtmlFlag,    // what html_test() asks for
  kHtmlNumber,  // what html_range() and html_eval() ask for
  kHtmlText,    // what html_text_match() asks for
  kMimeFact,    // what check_for_mime() asks for
  kParseFlag,   // what check_msg_parse_flags() asks for
  kComparison,  // "!= 0"
  kExpression,  // a regular expression without delimiters
  kField,       // a header field, with modifiers
  kInSubject,   // "user" or "address"
  kReplyKind,   // "replyto" or "reply"
  kListName,    // of addresses
};

struct EvalFunction {
  std::string_view name;
  std::string_view plugin;  // behind Mail::SpamAssassin::Plugin::
  uint8_t least = 0;        // arguments
  std::array<EvalArgument, 3> arguments{};
};

inline constexpr size_t kMostEvalArguments = 3;

std::span<const EvalFunction> eval_functions();
// Null: not one of ours.
const EvalFunction* find_eval_function(std::string_view name);
// Whether some function of the plugin (with its whole Perl name) is ours.
bool is_eval_plugin(std::string_view plugin);
// Whether `feature` names one of the functions, as can() is asked for it:
// "Mail::SpamAssassin::Plugin::BodyEval::has_check_body_length".
bool is_eval_feature(std::string_view feature);
// The words that a kind of argument may be; empty where it is not one of a few words.
std::span<const std::string_view> eval_words(EvalArgument kind);

// Why a call is no rule of ours. `wrong`: it is an error in the file; else the function, or what it
// is asked for, is not ours, and the rule counts as 0.
struct EvalError {
  std::string what;
  bool wrong = false;
};
// `text`: what follows "eval:".
std::expected<EvalCall, EvalError> parse_eval_call(std::string_view text);
// Checks a call's function and arguments: what parse_eval_call() returned, or an artefact holds.
std::expected<void, EvalError> check_eval_call(const EvalCall& call);

}  // namespace postern::language
