#include "dataplane/scan/evals/free_mail.h"

#include <algorithm>
#include <limits>

#include "dataplane/scan/evals/address_lines.h"
#include "dataplane/scan/evals/body_addresses.h"
#include "dataplane/scan/evals/evaluation.h"
#include "dataplane/scan/evals/senders.h"

namespace postern::scan::evals {
namespace {

// A domain with "*" for letters up to a dot and "?" for one.
std::string pattern_of(std::string_view domain) {
  std::string out;
  for (char c : domain) {
    if (c == '*') {
      out += "[^.]*";
    } else if (c == '?') {
      out += '.';
    } else if (c == '.') {
      out += "\\.";
    } else {
      out += c;
    }
  }
  return out;
}

// Whether an address of the value is free and such as the rule wants.
bool any_free(const EvalRule& rule, Facts& facts, std::string_view value) {
  AddressLines lines(value);
  while (lines.next()) {
    if (facts.free_mail->is_free(lines.address(), facts.search) &&
        (rule.code == nullptr || facts.search.found(rule.code.get(), lines.address()))) {
      return true;
    }
  }
  return false;
}

bool holds(std::string_view value, std::string_view address) {
  AddressLines lines(value);
  while (lines.next())
    if (lines.address() == address) return true;
  return false;
}

bool share_an_address(std::string_view one, std::string_view other) {
  AddressLines lines(one);
  while (lines.next())
    if (holds(other, lines.address())) return true;
  return false;
}

bool has_other_than(std::string_view value, std::string_view address) {
  AddressLines lines(value);
  while (lines.next())
    if (lines.address() != address) return true;
  return false;
}

// Calls `asked` with each free address of the text until it says true; false when there are too
// many addresses.
template <typename Asked>
bool any_in_body(Facts& facts, Asked&& asked) {
  const auto counted = [](const BodyAddress& each) { return BodyAddresses::counts(each); };
  const auto free = [&](const BodyAddress& each) {
    return counted(each) && facts.free_mail->is_free(each.text.view(), facts.search);
  };
  const auto all = facts.addresses.all();
  if (static_cast<size_t>(std::ranges::count_if(all, counted)) >=
          facts.free_mail->most_addresses() ||
      static_cast<size_t>(std::ranges::count_if(all, free)) >= facts.free_mail->most_free()) {
    return false;
  }
  return std::ranges::any_of(
      all, [&](const BodyAddress& each) { return free(each) && asked(each.text.view()); });
}

}  // namespace

std::expected<void, std::string> FreeMail::load(
    std::span<const language::FunctionSetting> settings) {
  lists::ListBuilder builder;
  std::string patterns;
  for (const std::string& domain : language::setting_words(settings, "freemail_domains")) {
    if (domain.find_first_of("*?") == std::string::npos) {
      builder.add(domain, lists::kListed);
    } else {
      patterns += patterns.empty() ? "@(?:" : "|";
      patterns += pattern_of(domain);
    }
  }
  for (const std::string& name : language::setting_words(settings, "freemail_welcomelist"))
    builder.add(name, lists::kExcluded);
  block_ = builder.finish();
  auto table = lists::ListTable::open(block_);
  if (!table) return std::unexpected(std::move(table.error()));
  names_ = *table;
  if (!patterns.empty()) {
    auto code = language::compile_pcre2({patterns + ")$", 0});
    if (!code) return std::unexpected("freemail_domains: " + code.error().what);
    pcre2_jit_compile(code->get(), PCRE2_JIT_COMPLETE);
    patterns_ = std::move(*code);
  }
  const bool limited = language::setting_number(settings, "freemail_skip_when_over_max", 1) != 0;
  const auto most = [&](std::string_view name, double otherwise) {
    const double number = language::setting_number(settings, name, otherwise);
    // A count never passes a number below one or a broken one.
    const bool counts = limited && number >= 1 && number <= BodyAddresses::kMost &&
                        number == static_cast<double>(static_cast<size_t>(number));
    return counts ? static_cast<size_t>(number) : std::numeric_limits<size_t>::max();
  };
  most_addresses_ = most("freemail_max_body_emails", 5);
  most_free_ = most("freemail_max_body_freemails", 3);
  skips_lists_ = language::setting_number(settings, "freemail_skip_bulk_envfrom", 1) != 0;
  return {};
}

bool FreeMail::is_free(std::string_view address, Searcher& search) const {
  const size_t at = address.rfind('@');
  const std::string_view domain = at == address.npos ? address : address.substr(at + 1);
  if (address.empty()) return false;
  const uint8_t of_domain = names_.marks(lists::hash_of(domain));
  if ((of_domain & lists::kExcluded) != 0 ||
      (names_.marks(lists::hash_of(address)) & lists::kExcluded) != 0 ||
      search.found(Expression::kNobodysAddress, address)) {
    return false;
  }
  return (of_domain & lists::kListed) != 0 ||
         (patterns_ != nullptr && search.found(patterns_.get(), address));
}

bool free_mail_from(const EvalRule& rule, Facts& facts) {
  return any_sender(facts, [&](std::string_view address) {
    return facts.free_mail->is_free(address, facts.search) &&
           (rule.code == nullptr || facts.search.found(rule.code.get(), address));
  });
}

bool free_mail_header(const EvalRule& rule, Facts& facts) {
  return any_free(rule, facts, facts.headers.find(rule.selector).value_or(""));
}

bool free_mail_body(const EvalRule& rule, Facts& facts) {
  return any_in_body(facts, [&](std::string_view address) {
    return rule.code == nullptr || facts.search.found(rule.code.get(), address);
  });
}

// Another free address than the sender's is where answers shall go: in Reply-To, or in the text.
bool free_mail_reply_to(const EvalRule& rule, Facts& facts) {
  constexpr uint32_t kReply = 1;
  if (facts.free_mail->skips_lists() &&
      facts.search.found(Expression::kListSender, facts.headers.get(Field::kEnvelopeFrom))) {
    return false;
  }
  const auto is_free = [&](std::string_view value) {
    AddressLines lines(value);
    while (lines.next())
      if (facts.free_mail->is_free(lines.address(), facts.search)) return true;
    return false;
  };
  const std::string_view from = facts.headers.get(Field::kFromAddress);
  const std::string_view reply_to = facts.headers.get(Field::kReplyToAddress);
  const bool from_is_free = is_free(from);
  const bool reply_to_is_free = is_free(reply_to);
  if (from_is_free && reply_to_is_free && !share_an_address(from, reply_to)) return true;
  if (!reply_to_is_free && (rule.word != kReply || !reply_to.empty())) return false;
  if (rule.word == kReply && !from_is_free) return false;
  const std::string_view answered = reply_to_is_free ? reply_to : from;
  return any_in_body(facts,
                     [&](std::string_view address) { return has_other_than(answered, address); });
}

}  // namespace postern::scan::evals
