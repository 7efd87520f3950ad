#include "patterns/language/function_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <iterator>
#include <optional>

#include "patterns/language/header_selector.h"

namespace postern::language {
namespace {

enum class Kind : uint8_t { kNumber, kDomains, kAddresses, kFields, kAddressPatterns };

constexpr std::string_view kBlanks = " \t\r\n\v\f";

struct SettingRow {
  std::string_view name;
  std::string_view plugin;
  Kind kind;
  std::string_view older_name = {};
};

constexpr std::array kSettings{
    SettingRow{"freemail_domains", "FreeMail", Kind::kDomains},
    SettingRow{"freemail_welcomelist", "FreeMail", Kind::kAddresses, "freemail_whitelist"},
    SettingRow{"freemail_max_body_emails", "FreeMail", Kind::kNumber},
    SettingRow{"freemail_max_body_freemails", "FreeMail", Kind::kNumber},
    SettingRow{"freemail_skip_when_over_max", "FreeMail", Kind::kNumber},
    SettingRow{"freemail_skip_bulk_envfrom", "FreeMail", Kind::kNumber},
    SettingRow{"fns_extrachars", "FromNameSpoof", Kind::kNumber},
    SettingRow{"fns_check", "FromNameSpoof", Kind::kNumber},
    SettingRow{"fns_ignore_headers", "FromNameSpoof", Kind::kFields},
    SettingRow{"enlist_addrlist", "WLBLEval", Kind::kAddressPatterns},
};

const SettingRow* find_row(std::string_view name) {
  const auto found = std::ranges::find(kSettings, name, &SettingRow::name);
  return found == kSettings.end() ? nullptr : &*found;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

std::optional<double> number_of(std::string_view word) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(word.data(), word.data() + word.size(), value, std::chars_format::fixed);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

// An address or a domain: a letter, a dot or "@", a letter.
bool is_address(std::string_view word) {
  for (size_t i = 1; i + 1 < word.size(); ++i) {
    if ((word[i] == '.' || word[i] == '@') && is_word(word[i - 1]) && is_word(word[i + 1]))
      return true;
  }
  return false;
}

std::expected<void, std::string> check_word(const SettingRow& row, std::string_view word) {
  switch (row.kind) {
    case Kind::kNumber:
      if (number_of(word)) return {};
      return std::unexpected(
          fmt::format("{}: '{}' is no number; expected one such as 5", row.name, word));
    case Kind::kDomains:
      if (!word.empty() && std::ranges::all_of(word, [](char c) {
            return std::isalnum(static_cast<unsigned char>(c)) ||
                   std::string_view(".*?-").find(c) != std::string_view::npos;
          })) {
        return {};
      }
      return std::unexpected(fmt::format(
          "{}: '{}' is no domain; expected one such as example.com or example.*", row.name, word));
    case Kind::kAddresses:
      if (is_address(word)) return {};
      return std::unexpected(fmt::format(
          "{}: '{}' is neither an address nor a domain; expected bob@example.com or example.com",
          row.name, word));
    case Kind::kFields:
      if (auto field = parse_header_selector(word); field && field->not_run.empty()) return {};
      return std::unexpected(
          fmt::format("{}: '{}' is no header field; expected one such as List-Id", row.name, word));
    case Kind::kAddressPatterns:
      if (!word.empty()) return {};
      return std::unexpected(fmt::format("{}: an empty address", row.name));
  }
  return {};
}

}  // namespace

std::string_view function_setting_name(std::string_view directive) {
  for (const SettingRow& row : kSettings) {
    if (directive == row.name || (!row.older_name.empty() && directive == row.older_name))
      return row.name;
  }
  return {};
}

std::string_view plugin_of_setting(std::string_view name) {
  const SettingRow* row = find_row(name);
  return row == nullptr ? std::string_view() : row->plugin;
}

std::expected<void, std::string> add_function_setting(std::vector<FunctionSetting>& settings,
                                                      std::string_view name,
                                                      std::string_view value) {
  FunctionSetting added{.name = std::string(name), .words = {}};
  if (find_row(name)->kind == Kind::kAddressPatterns)
    added.list = take_list_name(value).value_or("");
  added.words = lower_case_words(value);
  if (auto checked = check_function_setting(added); !checked) return checked;
  const auto known = std::ranges::find_if(settings, [&](const FunctionSetting& each) {
    return each.name == added.name && each.list == added.list;
  });
  if (known == settings.end()) {
    settings.push_back(std::move(added));
  } else if (find_row(name)->kind == Kind::kNumber) {
    known->words = std::move(added.words);
  } else {
    std::ranges::move(added.words, std::back_inserter(known->words));
  }
  return {};
}

std::expected<void, std::string> check_function_setting(const FunctionSetting& setting) {
  const SettingRow* row = find_row(setting.name);
  if (row == nullptr)
    return std::unexpected(fmt::format("no function looks at a setting {}", setting.name));
  if (setting.words.empty() || (row->kind == Kind::kNumber && setting.words.size() != 1)) {
    return std::unexpected(fmt::format("{} with {} words; expected {}", setting.name,
                                       setting.words.size(),
                                       row->kind == Kind::kNumber ? "one number" : "some"));
  }
  if (setting.list.empty() == (row->kind == Kind::kAddressPatterns)) {
    return std::unexpected(fmt::format(
        "{}: {}", setting.name,
        setting.list.empty() ? "no list; expected (NAME) first" : "is no setting of named lists"));
  }
  for (const std::string& word : setting.words) {
    if (auto checked = check_word(*row, word); !checked) return checked;
  }
  return {};
}

std::optional<std::string> take_list_name(std::string_view& value) {
  const size_t end = value.find(')');
  if (!value.starts_with('(') || end == value.npos || end < 2) return std::nullopt;
  std::string name(value.substr(1, end - 1));
  value.remove_prefix(end + 1);
  return name;
}

std::vector<std::string> lower_case_words(std::string_view value) {
  std::vector<std::string> words;
  while (true) {
    value.remove_prefix(std::min(value.find_first_not_of(kBlanks), value.size()));
    if (value.empty()) return words;
    std::string& word = words.emplace_back(value.substr(0, value.find_first_of(kBlanks)));
    value.remove_prefix(word.size());
    for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
}

std::span<const std::string> setting_words(std::span<const FunctionSetting> settings,
                                           std::string_view name, std::string_view list) {
  const auto found = std::ranges::find_if(settings, [&](const FunctionSetting& each) {
    return each.name == name && each.list == list;
  });
  if (found == settings.end()) return {};
  return found->words;
}

double setting_number(std::span<const FunctionSetting> settings, std::string_view name,
                      double otherwise) {
  const auto words = setting_words(settings, name);
  return words.empty() ? otherwise : number_of(words[0]).value_or(otherwise);
}

}  // namespace postern::language
