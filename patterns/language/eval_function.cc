#include "patterns/language/eval_function.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>

#include "patterns/language/header_selector.h"
#include "patterns/language/regexp.h"

namespace postern::language {
namespace {

using enum EvalArgument;

constexpr std::array kFunctions{
    EvalFunction{"html_tag_balance", "HTMLEval", 2, {kTag, kComparison}},
    EvalFunction{"html_tag_exists", "HTMLEval", 1, {kTag}},
    EvalFunction{"html_image_only", "HTMLEval", 2, {kNumber, kNumber}},
    EvalFunction{"html_image_ratio", "HTMLEval", 2, {kNumber, kNumber}},
    EvalFunction{"html_test", "HTMLEval", 1, {kHtmlFlag}},
    EvalFunction{"html_eval", "HTMLEval", 2, {kHtmlNumber, kComparison}},
    EvalFunction{"html_range", "HTMLEval", 2, {kHtmlNumber, kNumber, kLimit}},
    EvalFunction{"html_text_match", "HTMLEval", 2, {kHtmlText, kExpression}},
    EvalFunction{"html_text_not_match", "HTMLEval", 2, {kHtmlText, kExpression}},
    EvalFunction{"html_title_subject_ratio", "HTMLEval", 1, {kNumber}},
    EvalFunction{"check_iframe_src", "HTMLEval"},

    EvalFunction{"check_for_mime", "MIMEEval", 1, {kMimeFact}},
    EvalFunction{"check_for_mime_html", "MIMEEval"},
    EvalFunction{"check_for_mime_html_only", "MIMEEval"},
    EvalFunction{"check_mime_multipart_ratio", "MIMEEval", 2, {kNumber, kNumber}},
    EvalFunction{"check_msg_parse_flags", "MIMEEval", 1, {kParseFlag}},
    EvalFunction{"check_for_ascii_text_illegal", "MIMEEval"},
    EvalFunction{"check_abundant_unicode_ratio", "MIMEEval", 1, {kNumber}},
    EvalFunction{"check_base64_length", "MIMEEval", 1, {kNumber, kNumber}},
    EvalFunction{"check_qp_ratio", "MIMEEval", 1, {kNumber}},
    EvalFunction{"check_ma_non_text", "MIMEEval"},
    EvalFunction{"check_for_uppercase", "MIMEEval", 2, {kNumber, kNumber}},

    EvalFunction{"check_body_length", "BodyEval", 1, {kNumber}},
    EvalFunction{"check_blank_line_ratio", "BodyEval", 2, {kNumber, kNumber, kNumber}},
    EvalFunction{"tvd_vertical_words", "BodyEval", 2, {kNumber, kNumber}},
    EvalFunction{"check_stock_info", "BodyEval", 1, {kNumber}},
    EvalFunction{"multipart_alternative_difference", "BodyEval", 2, {kNumber, kLimit}},
    EvalFunction{"multipart_alternative_difference_count", "BodyEval", 2, {kNumber, kNumber}},

    EvalFunction{"check_for_shifted_date", "HeaderEval", 2, {kLimit, kLimit}},
    EvalFunction{"check_illegal_chars", "HeaderEval", 3, {kField, kNumber, kNumber}},
    EvalFunction{"subject_is_all_caps", "HeaderEval"},
    EvalFunction{"sorted_recipients", "HeaderEval"},
    EvalFunction{"similar_recipients", "HeaderEval", 2, {kLimit, kLimit}},
    EvalFunction{"check_header_count_range", "HeaderEval", 3, {kField, kNumber, kNumber}},
    EvalFunction{"check_for_to_in_subject", "HeaderEval", 1, {kInSubject}},
    EvalFunction{"check_outlook_message_id", "HeaderEval"},
    EvalFunction{"check_unresolved_template", "HeaderEval"},
    EvalFunction{"check_ratware_name_id", "HeaderEval"},
    EvalFunction{"check_ratware_envelope_from", "HeaderEval"},
    EvalFunction{"check_for_missing_to_header", "HeaderEval"},
    EvalFunction{"check_equal_from_domains", "HeaderEval"},
    EvalFunction{"check_for_matching_env_and_hdr_from", "HeaderEval"},
    EvalFunction{"gated_through_received_hdr_remover", "HeaderEval"},
    EvalFunction{"check_for_fake_aol_relay_in_rcvd", "HeaderEval"},
    EvalFunction{"check_for_forged_hotmail_received_headers", "HeaderEval"},
    EvalFunction{"check_for_no_hotmail_received_headers", "HeaderEval"},
    EvalFunction{"check_for_forged_eudoramail_received_headers", "HeaderEval"},
    EvalFunction{"check_for_forged_juno_received_headers", "HeaderEval"},
    EvalFunction{"check_for_forged_gmail_received_headers", "HeaderEval"},
    EvalFunction{"check_for_forged_yahoo_received_headers", "HeaderEval"},

    EvalFunction{"check_all_trusted", "RelayEval"},
    EvalFunction{"check_no_relays", "RelayEval"},
    EvalFunction{"check_relays_unparseable", "RelayEval"},
    EvalFunction{"helo_ip_mismatch", "RelayEval"},
    EvalFunction{"check_for_forged_received_trail", "RelayEval"},

    EvalFunction{"check_freemail_from", "FreeMail", 0, {kExpression}},
    EvalFunction{"check_freemail_replyto", "FreeMail", 0, {kReplyKind}},
    EvalFunction{"check_freemail_header", "FreeMail", 1, {kField, kExpression}},
    EvalFunction{"check_freemail_body", "FreeMail", 0, {kExpression}},

    EvalFunction{"check_mailfrom_matches_rcvd", "WLBLEval"},
    EvalFunction{"check_from_in_list", "WLBLEval", 1, {kListName}},
    EvalFunction{"check_to_in_list", "WLBLEval", 1, {kListName}},
    EvalFunction{"check_replyto_in_list", "WLBLEval", 1, {kListName}},

    EvalFunction{"check_fromname_spoof", "FromNameSpoof", 0, {kNumber}},
    EvalFunction{"check_fromname_different", "FromNameSpoof"},
    EvalFunction{"check_fromname_domain_differ", "FromNameSpoof"},
    EvalFunction{"check_fromname_owners_differ", "FromNameSpoof"},
    EvalFunction{"check_fromname_contains_email", "FromNameSpoof"},
    EvalFunction{"check_fromname_equals_to", "FromNameSpoof"},
    EvalFunction{"check_fromname_equals_replyto", "FromNameSpoof"},

    EvalFunction{"check_https_http_mismatch", "HTTPSMismatch", 0, {kNumber, kNumber}},
    EvalFunction{"check_https_ip_mismatch", "URIEval"},
};

constexpr std::array<std::string_view, 6> kHtmlFlags{"html",
                                                     "embeds",
                                                     "form_action_mailto",
                                                     "font_low_contrast",
                                                     "font_face_bad",
                                                     "font_invalid_color"};
constexpr std::array<std::string_view, 8> kHtmlNumbers{
    "length",        "image_area",        "max_size",          "min_size",
    "bad_tag_ratio", "non_element_ratio", "obfuscation_ratio", "closed_extra_ratio"};
constexpr std::array<std::string_view, 3> kHtmlTexts{"comment", "title", "anchor"};
constexpr std::array<std::string_view, 13> kMimeFacts{
    "mime_base64_count",       "mime_base64_encoded_text",
    "mime_body_html_count",    "mime_body_text_count",
    "mime_missing_boundary",   "mime_multipart_alternative",
    "mime_multipart_ratio",    "mime_qp_count",
    "mime_qp_long_line",       "mime_qp_ratio",
    "mime_ascii_text_illegal", "mime_attachment",
    "mime_bad_iso_charset"};
constexpr std::array<std::string_view, 3> kParseFlags{"mime_epilogue_exists", "truncated_header",
                                                      "missing_mime_headers"};
constexpr std::array<std::string_view, 2> kInSubjects{"user", "address"};
constexpr std::array<std::string_view, 2> kReplyKinds{"replyto", "reply"};

bool is_number(std::string_view text) {
  double value = 0;
  if (text.starts_with('+')) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && std::isfinite(value);
}

bool is_comparison(std::string_view text) {
  for (std::string_view op : {"==", "!=", "<=", ">=", "<", ">"}) {
    if (!text.starts_with(op)) continue;
    text.remove_prefix(op.size());
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    return is_number(text);
  }
  return false;
}

std::unexpected<EvalError> wrong(std::string what) {
  return std::unexpected(EvalError{std::move(what), true});
}
std::unexpected<EvalError> not_ours(std::string what) {
  return std::unexpected(EvalError{std::move(what), false});
}

std::expected<void, EvalError> check_argument(EvalArgument kind, std::string_view text) {
  if (const auto words = eval_words(kind); !words.empty()) {
    if (std::ranges::find(words, text) != words.end()) return {};
    return not_ours(
        fmt::format("nothing here is named '{}'; known are {}", text, fmt::join(words, ", ")));
  }
  switch (kind) {
    case kNumber:
      if (is_number(text)) return {};
      return wrong(fmt::format("'{}' is no number; expected one such as 0.5", text));
    case kLimit:
      if (is_number(text) || text == "undef" || text == "inf") return {};
      return wrong(fmt::format("'{}' is no limit; expected a number, undef or inf", text));
    case kTag:
      if (!text.empty() && std::ranges::all_of(text, [](unsigned char c) {
            return std::isalnum(c) || c == '!' || c == '-' || c == ':';
          })) {
        return {};
      }
      return wrong(fmt::format("'{}' is no tag; expected one such as body", text));
    case kComparison:
      if (is_comparison(text)) return {};
      return wrong(fmt::format("'{}' is no comparison; expected one such as != 0 or < 512", text));
    case kExpression:
      if (auto code = compile_pcre2({std::string(text), 0}); !code) return wrong(code.error().what);
      return {};
    case kField: {
      auto selector = parse_header_selector(text);
      if (!selector) return wrong(selector.error());
      if (!selector->not_run.empty()) return not_ours(selector->not_run);
      return {};
    }
    default:
      return {};
  }
}

// Takes one argument off: 'quoted', "quoted" or bare up to a comma.
std::expected<std::string, std::string> take_argument(std::string_view& rest) {
  const auto skip = [&rest] {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  };
  skip();
  std::string out;
  if (!rest.empty() && (rest[0] == '\'' || rest[0] == '"')) {
    const size_t end = rest.find(rest[0], 1);
    if (end == std::string_view::npos) return std::unexpected("a quote is not closed");
    out = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
  } else {
    const size_t end = std::min(rest.find_first_of(", \t"), rest.size());
    out = rest.substr(0, end);
    rest.remove_prefix(end);
  }
  skip();
  if (!rest.empty()) {
    if (rest[0] != ',') return std::unexpected(fmt::format("unexpected '{}'", rest));
    rest.remove_prefix(1);
    if (rest.find_first_not_of(" \t") == std::string_view::npos)
      return std::unexpected("nothing follows the last comma");
  }
  return out;
}

}  // namespace

std::span<const EvalFunction> eval_functions() { return kFunctions; }

const EvalFunction* find_eval_function(std::string_view name) {
  const auto found = std::ranges::find(kFunctions, name, &EvalFunction::name);
  return found == kFunctions.end() ? nullptr : &*found;
}

bool is_eval_plugin(std::string_view plugin) {
  constexpr std::string_view kModule = "Mail::SpamAssassin::Plugin::";
  if (!plugin.starts_with(kModule)) return false;
  plugin.remove_prefix(kModule.size());
  return std::ranges::find(kFunctions, plugin, &EvalFunction::plugin) != kFunctions.end();
}

bool is_eval_feature(std::string_view feature) {
  constexpr std::string_view kModule = "Mail::SpamAssassin::Plugin::";
  if (!feature.starts_with(kModule)) return false;
  feature.remove_prefix(kModule.size());
  const size_t colons = feature.find("::");
  if (colons == feature.npos) return false;
  const std::string_view plugin = feature.substr(0, colons);
  std::string_view function = feature.substr(colons + 2);
  if (function.starts_with("has_")) function.remove_prefix(4);
  return std::ranges::any_of(kFunctions, [&](const EvalFunction& known) {
    return known.plugin == plugin && known.name == function;
  });
}

std::span<const std::string_view> eval_words(EvalArgument kind) {
  switch (kind) {
    case kHtmlFlag:
      return kHtmlFlags;
    case kHtmlNumber:
      return kHtmlNumbers;
    case kHtmlText:
      return kHtmlTexts;
    case kMimeFact:
      return kMimeFacts;
    case kParseFlag:
      return kParseFlags;
    case kInSubject:
      return kInSubjects;
    case kReplyKind:
      return kReplyKinds;
    default:
      return {};
  }
}

std::expected<EvalCall, EvalError> parse_eval_call(std::string_view text) {
  EvalCall call;
  const size_t open = text.find('(');
  std::string_view name = text.substr(0, open);
  while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
  call.function = name;
  // Arguments of what is not ours are not ours to judge.
  if (find_eval_function(name) == nullptr) {
    return not_ours(fmt::format("eval:{} needs SpamAssassin's Perl code", name));
  }
  if (open != std::string_view::npos) {
    std::string_view rest = text.substr(open + 1);
    const size_t close = rest.rfind(')');
    if (close == std::string_view::npos ||
        rest.find_first_not_of(" \t", close + 1) != std::string_view::npos) {
      return wrong(fmt::format("eval:{}: expected ')' at the end", name));
    }
    rest = rest.substr(0, close);
    while (rest.find_first_not_of(" \t") != std::string_view::npos) {
      auto argument = take_argument(rest);
      if (!argument) {
        return wrong(fmt::format("eval:{}: {}; expected arguments such as ('a', 2)", name,
                                 argument.error()));
      }
      call.arguments.push_back(std::move(*argument));
    }
  }
  if (auto checked = check_eval_call(call); !checked)
    return std::unexpected(std::move(checked.error()));
  return call;
}

std::expected<void, EvalError> check_eval_call(const EvalCall& call) {
  const EvalFunction* function = find_eval_function(call.function);
  if (function == nullptr) {
    return not_ours(fmt::format("eval:{} needs SpamAssassin's Perl code", call.function));
  }
  const auto most = static_cast<size_t>(
      std::ranges::count_if(function->arguments, [](EvalArgument a) { return a != kNone; }));
  if (call.arguments.size() < function->least || call.arguments.size() > most) {
    return wrong(
        fmt::format("eval:{} with {} arguments; expected {}", call.function, call.arguments.size(),
                    function->least == most ? fmt::format("{}", most)
                                            : fmt::format("{} to {}", function->least, most)));
  }
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    auto checked = check_argument(function->arguments[i], call.arguments[i]);
    if (checked) continue;
    checked.error().what = fmt::format("eval:{}: {}", call.function, checked.error().what);
    return checked;
  }
  return {};
}

}  // namespace postern::language
