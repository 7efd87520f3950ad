// Who gives addresses to everybody, and functions that ask whether a sender has one:
// SpamAssassin's FreeMail.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "patterns/language/function_settings.h"
#include "patterns/language/regexp.h"
#include "patterns/lists/list_table.h"

namespace postern::scan::evals {

struct EvalRule;
struct Facts;
class Searcher;

// The settings of a set, made ready at load; shared by all threads.
class FreeMail {
 public:
  std::expected<void, std::string> load(std::span<const language::FunctionSetting> settings);

  // `address`: in small letters.
  bool is_free(std::string_view address, Searcher& search) const;
  // Addresses, and free ones, of which so many are too many to tell whose a text is.
  size_t most_addresses() const { return most_addresses_; }
  size_t most_free() const { return most_free_; }
  bool skips_lists() const { return skips_lists_; }

 private:
  std::vector<uint64_t> block_;
  lists::ListTable names_;  // domains; addresses and domains that are taken out
  language::Pcre2Code patterns_;
  size_t most_addresses_ = 0;
  size_t most_free_ = 0;
  bool skips_lists_ = true;
};

bool free_mail_from(const EvalRule& rule, Facts& facts);
bool free_mail_reply_to(const EvalRule& rule, Facts& facts);
bool free_mail_header(const EvalRule& rule, Facts& facts);
bool free_mail_body(const EvalRule& rule, Facts& facts);

}  // namespace postern::scan::evals
