// Expressions that say the same thing many times, written so that PCRE2 can hold them.
//
// Theory of operation. PCRE2's compiled form holds 64 KiB, and a group that stands in an expression
// a hundred times, or is repeated by a count, is compiled as often. Where it is written once,
// behind the expression as "(?(DEFINE)(?<f0>…))", and called "(?&f0)", each place costs a few
// octets. Since 10.30 a call may be tried again for another match, as the group itself is. A group
// means the same in both places only when nothing around it has a say: an expression with inline
// options, back references, verbs, comments or quoted text is left as it is, and so is a group with
// a capture in it.
#pragma once

#include <string>
#include <string_view>

namespace postern::language {

// Empty when there is nothing to fold, or it would not be the same expression.
std::string fold_groups(std::string_view pattern);

}  // namespace postern::language
