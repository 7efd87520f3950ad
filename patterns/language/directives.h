// Directives of SpamAssassin's configuration language that Postern knows but gives no effect. They
// are accepted, counted and listed, so that a real rule file compiles and its reader learns what of
// it is at work; a word that is not known at all is an error.
#pragma once

#include <string_view>

namespace postern::language {

// `name`: lower case, '-' as '_'.
bool is_setting_without_effect(std::string_view name);
// Rules that need the network or a Perl plugin: "askdns NAME …". Their names exist for metas, as 0.
bool is_rule_not_run(std::string_view name);

}  // namespace postern::language
