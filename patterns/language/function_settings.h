// Settings of rule files that functions of eval rules look at: `freemail_domains gmail.com gmx.*`.
//
// Theory of operation. A setting's words are checked here and kept as they are written, in small
// letters; what becomes of them is made where a set is loaded (dataplane/scan/evals). Of a setting
// that is one number the last one counts, of one that is many words all of them do.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace postern::language {

struct FunctionSetting {
  std::string name;
  std::vector<std::string> words;
  std::string list = {};  // of settings that are many named lists: which
  bool operator==(const FunctionSetting&) const = default;
};

// The setting that `directive` (lower case) writes: its own name or the newer one of two; empty
// when no function of ours looks at it.
std::string_view function_setting_name(std::string_view directive);
// Behind Mail::SpamAssassin::Plugin::, the plugin whose functions look at the setting.
std::string_view plugin_of_setting(std::string_view name);
// Adds what stands behind the directive. The error says what was expected.
std::expected<void, std::string> add_function_setting(std::vector<FunctionSetting>& settings,
                                                      std::string_view name,
                                                      std::string_view value);
// Whether the setting is known and all its words are such as the reader takes.
std::expected<void, std::string> check_function_setting(const FunctionSetting& setting);
// The words of the setting; none when no file has written it.
std::span<const std::string> setting_words(std::span<const FunctionSetting> settings,
                                           std::string_view name, std::string_view list = {});
// Takes the "(NAME)" of a list off.
std::optional<std::string> take_list_name(std::string_view& value);
std::vector<std::string> lower_case_words(std::string_view value);
// The number that a setting is; `otherwise` when no file has written it.
double setting_number(std::span<const FunctionSetting> settings, std::string_view name,
                      double otherwise);

}  // namespace postern::language
