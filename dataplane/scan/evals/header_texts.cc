#include "dataplane/scan/evals/header_texts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "dataplane/mime/ascii.h"
#include "dataplane/scan/matcher.h"

namespace postern::scan::evals {
namespace {

constexpr std::array<std::string_view, kFields> kNames{"Subject",
                                                       "Subject:raw",
                                                       "From",
                                                       "From:addr",
                                                       "To",
                                                       "To:addr",
                                                       "ToCc:addr",
                                                       "Bcc:addr",
                                                       "Apparently-To",
                                                       "Date",
                                                       "Resent-Date",
                                                       "Received",
                                                       "ALL",
                                                       "MESSAGEID",
                                                       "Mailing-List",
                                                       "Delivered-To",
                                                       "X-Originating-IP",
                                                       "X-OriginatorOrg",
                                                       "X-Sender-Ip",
                                                       "X-Mailer",
                                                       "X-Gm-Message-State",
                                                       "X-Google-Smtp-Source",
                                                       "X-Received",
                                                       "EnvelopeFrom",
                                                       "Resent-From",
                                                       "Resent-To",
                                                       "Message-Id",
                                                       "Reply-To:addr",
                                                       "Envelope-Sender:addr",
                                                       "Resent-Sender:addr",
                                                       "X-Envelope-From:addr",
                                                       "Resent-From:first:addr",
                                                       "From:name",
                                                       "Resent-To:first:addr",
                                                       "Resent-Cc:first:addr",
                                                       "Apparently-To:addr",
                                                       "Delivered-To:addr",
                                                       "Envelope-Recipients:addr",
                                                       "Apparently-Resent-To:addr",
                                                       "X-Envelope-To:addr",
                                                       "Envelope-To:addr",
                                                       "X-Delivered-To:addr",
                                                       "X-Original-To:addr",
                                                       "X-Rcpt-To:addr",
                                                       "X-Real-To:addr"};

// "{ip}" stands for an address.
constexpr std::string_view kIp =
    R"((?:\b(?:\d{1,3}\.){3}\d{1,3}\b|\b[0-9a-f]{0,4}:[0-9a-f:.]*[0-9a-f]|::[0-9a-f.]+))";

struct Written {
  std::string_view pattern;
  bool caseless = false;
};
// In the order of Expression.
constexpr std::array<Written, kExpressions> kWritten{{
    {"{ip}", true},
    {R"((\s.?\d+ \S\S\S \d+ \d+:\d+:\d+ \S+))"},
    {R"(\bfrom (?:localhost\s|(?:\S+ ){1,2}\S*\b127\.0\.0\.1\b)|qmail \d+ invoked by uid \d+)"},
    {R"(\bby localhost with \w+ \(fetchmail-[\d.]+)"},
    {"%[A-Z][A-Z_-]"},
    {R"(^(?:X-VMS-To|X-UIDL|X-Face|To|Cc|From|Subject|References|In-Reply-To)"
     R"(|(?:X-|Resent-|X-Original-)?Message-Id):)",
     true},
    {R"(^(?:(?:Re|Fwd?|Aw|Antwort|WG|S[VB]|V[BSL]):\s*)+)", true},
    {R"(=\?[-_a-z0-9]*(?:koi|jp|jis|euc|gb|big5|isoir|cp1251|windows-1251|georgianps|pt154|tis))"
     R"([-_a-z0-9]*\?)",
     true},
    {R"(^<[0-9a-f]{4}([0-9a-f]{8})\$[0-9a-f]{8}\$[0-9a-f]{8}\@)"},
    {R"(<[A-Z]{28}\.([^>]+?)>)"},
    {R"((?m)^contact \S+\@\S+; run by ezmlm$)"},
    {R"((?m)^mailing list \S+\@\S+)"},
    {R"(qmail \d+ invoked (?:from network|by .{3,20})\); \d+ ... \d+)"},
    {R"(from groups\.msn\.com \(\S+\.msn\.com )"},
    {R"( rly-[a-z][a-z]\d\d\.)", true},
    {R"(/AOL-\d+\.\d+\.\d+\)|ESMTP id (?:RELAY|MAILRELAY|MAILIN))"},
    {R"(from mail pickup service by hotmail\.com with Microsoft SMTPSVC;)"},
    {R"(hotmail\.com|msonline-outlook)"},
    {R"(from (?:\S*\.)?hotmail.com \((?:\S+\.hotmail(?:\.msn)?\.com[ \)]|\[{ip}\][ \):]))"
     R"(|from \S+ by \S+\.hotmail(?:\.msn)?\.com with HTTP;)"
     R"(|from \[66\.218.\S+\] by \S+\.yahoo\.com)"},
    {R"(from \S*\.outbound\.protection\.outlook\.com \(\S+\.outbound\.protection\.outlook\.com[ \)])"
     R"(|from \S*\.(?:eur|nam)prd\d+\.prod\.outlook\.com \({ip}\))"},
    {R"((?:from |HELO |helo=)\S*hotmail\.com\b)"},
    {R"(\bhotmail\.com$)", true},
    {R"(\beudoramail\.com$)", true},
    {R"(by \S*whowhere\.com;)"},
    {R"(\bjuno\.com$)", true},
    {R"(from.*\b(?:juno|untd)\.com.*[\[\(]{ip}[\]\)].*by| cookie\.(?:juno|untd)\.com )"},
    {R"(\bgmail\.com$)", true},
    {R"(by (?:10\.\S+|2002:a\d\d:\w+:\S+) with SMTP id \S+)"},
    {R"(by smtp\.googlemail\.com with ESMTPSA id \S+)"},
    {R"(\byahoo\.com$)", true},
    {R"(by (?:web\S+\.mail\S*\.yahoo\.com via HTTP|sonic\S+\.consmr\.mail\S*\.yahoo\.com with HTTP)"
     R"(|smtp\S+\.yahoo\.com with SMTP)"
     R"(|\w+\.\w+\.yahoo\.com \(\d+\.\d+\.\d+/\d+\.\d+\.\d+\)(?: with ESMTP)? id \w))"
     R"(|from \[{ip}\] by \S+\.(?:groups|scd|dcn)\.yahoo\.com with NNFMP)"},
    {R"(\@reply\.yahoo\.com$)", true},
    {R"(\bmailer\d+\.bulk\.scd\.yahoo\.com\b)"},
    {R"((^trad(?:e|ing)date|company(?:name)?|s\w?(?:t\w?o\w?c\w?k|y\w?m(?:\w?b\w?o\w?l)?))"
     R"(|t(?:arget|icker)|(?:opening|current)p(?:rice)?|p(?:rojected|osition)|expectations)"
     R"(|weeks?high|marketperformance|(?:year|week|month|day|price)(?:target|estimates?)|sector)"
     R"(|r(?:ecommendation|ating))$)"},
    {R"(^(?:(?:abuse|support|sales|info|helpdesk|contact|kontakt|(?:post|host|domain)master)"
     R"(|undisclosed.*|request-[\da-f]{16}|bounced?-|.+=.+=.+))"
     R"(|[\da-f]{8}(?:\.[\da-f]{8}|(?:-[\da-f]{4}){3}-[\da-f]{12}))@)",
     true},
    {R"((?:^(?:(?:post|host|domain)master|double-bounce)|^(?:sentto|owner|return|(?:gr)?bounced?)-.+)"
     R"(|-(?:request|bounces?|admin|owner)|\b(?:do[._-t]?)?no[._-t]?repl(?:y|ies)|.+=.+)@)",
     true},
    {R"( for <?(\S+@(?:\S+?))>?;)"},
    {R"(\b([\w.!#$%&'*+/=?^_`{|}~-]+@\w[\w-]*\.\w[\w.-]++)\b)", true},
    {R"(^https?:/*(?:[^@/]+@)?\d+\.\d+\.\d+\.\d+)", true},
    {R"(^https:/*(?:[^@/]+@)?\d+\.\d+\.\d+\.\d+)", true},
}};

}  // namespace

std::string_view name_of(Field field) { return kNames[static_cast<size_t>(field)]; }

Expressions::Expressions() {
  for (size_t i = 0; i < kExpressions; ++i) {
    std::string pattern(kWritten[i].pattern);
    for (size_t at = pattern.find("{ip}"); at != pattern.npos; at = pattern.find("{ip}", at))
      pattern.replace(at, 4, kIp);
    auto code = language::compile_pcre2({pattern, kWritten[i].caseless ? language::kCaseless : 0U});
    // Constants of ours: one that does not compile is a mistake in this file.
    if (!code) {
      fmt::print(stderr, "{}: {}\n", pattern, code.error().what);
      std::abort();
    }
    pcre2_jit_compile(code->get(), PCRE2_JIT_COMPLETE);
    codes_[i] = std::move(*code);
  }
}

HeaderTexts::HeaderTexts() : room_(std::make_unique_for_overwrite<char[]>(kRoom)) {}

void HeaderTexts::begin(const HeaderFields* fields,
                        std::span<const language::HeaderSelector> selectors,
                        std::span<const uint32_t, kFields> indices, mime::HeaderDecoder* decoder) {
  fields_ = fields;
  selectors_ = selectors;
  indices_ = indices.data();
  decoder_ = decoder;
  used_ = 0;
}

std::optional<std::string_view> HeaderTexts::find(uint32_t selector) {
  const auto value = fields_->value(selectors_[selector], selector, decoder_,
                                    {room_.get() + used_, kRoom - used_});
  // The whole header stays where it is.
  if (value && value->data() == room_.get() + used_) used_ += value->size();
  return value;
}

std::optional<std::string_view> HeaderTexts::find(Field field) {
  const uint32_t selector = indices_[static_cast<size_t>(field)];
  if (selector == artefact::kNone) return std::nullopt;
  return find(selector);
}

Searcher::Searcher(const Expressions* expressions)
    : expressions_(expressions),
      match_(pcre2_match_data_create(kGroups, nullptr)),
      context_(pcre2_match_context_create(nullptr)) {
  pcre2_set_match_limit(context_, kConfirmationSteps);
}

Searcher::~Searcher() {
  pcre2_match_context_free(context_);
  pcre2_match_data_free(match_);
}

bool Searcher::found(const pcre2_code* code, std::string_view text, size_t from) {
  text_ = text;
  return pcre2_match(code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, 0, match_,
                     context_) > 0;
}

std::string_view Searcher::group(size_t number) const {
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match_);
  if (bounds[2 * number] == PCRE2_UNSET) return {};
  return text_.substr(bounds[2 * number], bounds[2 * number + 1] - bounds[2 * number]);
}

size_t Searcher::end() const { return pcre2_get_ovector_pointer(match_)[1]; }

}  // namespace postern::scan::evals
