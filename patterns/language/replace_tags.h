// Tags in regular expressions, as SpamAssassin's plugin ReplaceTags puts them in.
//
// Theory of operation. `replace_tag A [a\xe0@]` gives a name to a piece of expression; in the rules
// that `replace_rules` names, and in no other, "<A>" stands for it. `<pre P>`, `<inter I>` and
// `<post Q>` somewhere in an expression ask that the piece of that name be put before the tags,
// between two tags that touch, or behind each tag. A tag's piece may hold tags: there are up to six
// passes. The order of steps is the plugin's of SpamAssassin 4.0.1, because what it does with tags
// that nobody defined, and with "(?<" and the like, follows from it. One difference: the strings
// that begin and end a tag are taken as they stand, not as regular expressions.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace postern::language {

struct ReplaceTags {
  using Pieces = std::map<std::string, std::string, std::less<>>;

  std::string start = "<";
  std::string end = ">";
  Pieces tags, pre, inter, post;
  std::set<std::string, std::less<>> rules;

  // The expression with its tags replaced. It may have become invalid.
  std::string expand(std::string_view expression) const;
};

}  // namespace postern::language
