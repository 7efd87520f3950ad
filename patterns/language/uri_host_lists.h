// Named lists of hosts, as rule files write them: `enlist_uri_host (NAME) example.com
// !www.example.com`.
//
// Theory of operation. A rule that asks eval:check_uri_host_listed('NAME') is a list of domains
// that are looked for in links: the host of a link, then what it lies below, the first that the
// list names decides, and "!" says no. So such a rule becomes one of our lists (lists/), and costs
// what they cost. The last line that names a host counts.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace postern::language {

class UriHostLists {
 public:
  // Whether the directive (lower case) is about such lists.
  static bool is_directive(std::string_view directive);
  // The error says what was expected.
  std::expected<void, std::string> take(std::string_view directive, std::string_view value);
  // The list that a call of a function asks for; empty when it is none of these functions'.
  static std::string list_of_call(std::string_view call);
  // The block of lists::ListTable; without entries when no file has written the list.
  std::vector<uint64_t> block(const std::string& list) const;

 private:
  std::map<std::string, std::map<std::string, bool>> lists_;  // whether a host is listed
};

}  // namespace postern::language
