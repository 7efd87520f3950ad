// The condition of `if` and `ifplugin`: "(version >= 4.0) &&
// !plugin(Mail::SpamAssassin::Plugin::SPF)".
//
// Postern answers as SpamAssassin 4.0.1 without any plugin would, which makes rule files take the
// branch that needs none.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace postern::language {

// SpamAssassin's version in the form that rule files compare with.
inline constexpr double kLanguageVersion = 4.000001;

std::expected<bool, std::string> evaluate_condition(std::string_view text);

}  // namespace postern::language
