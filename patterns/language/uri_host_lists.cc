#include "patterns/language/uri_host_lists.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "patterns/language/eval_function.h"
#include "patterns/language/function_settings.h"
#include "patterns/lists/list_table.h"

namespace postern::language {
namespace {

constexpr std::string_view kEnlist = "enlist_uri_host";
constexpr std::string_view kDelist = "delist_uri_host";

// Directives and functions for one list.
struct Shorthand {
  std::string_view name;
  std::string_view list;
};
constexpr std::array kDirectives{
    Shorthand{"blocklist_uri_host", "BLOCK"}, Shorthand{"blacklist_uri_host", "BLOCK"},
    Shorthand{"welcomelist_uri_host", "WELCOME"}, Shorthand{"whitelist_uri_host", "WELCOME"}};
constexpr std::array kCalls{Shorthand{"check_uri_host_in_blocklist", "BLOCK"},
                            Shorthand{"check_uri_host_in_blacklist", "BLOCK"},
                            Shorthand{"check_uri_host_in_welcomelist", "WELCOME"},
                            Shorthand{"check_uri_host_in_whitelist", "WELCOME"}};

}  // namespace

bool UriHostLists::is_directive(std::string_view directive) {
  return directive == kEnlist || directive == kDelist ||
         std::ranges::find(kDirectives, directive, &Shorthand::name) != kDirectives.end();
}

std::expected<void, std::string> UriHostLists::take(std::string_view directive,
                                                    std::string_view value) {
  std::string list;
  if (const auto found = std::ranges::find(kDirectives, directive, &Shorthand::name);
      found != kDirectives.end()) {
    list = found->list;
  } else if (auto named = take_list_name(value)) {
    list = std::move(*named);
  } else if (directive == kEnlist) {
    return std::unexpected(
        fmt::format("{}: no list; expected (NAME) and hosts after it", directive));
  }
  const std::vector<std::string> hosts = lower_case_words(value);
  if (hosts.empty()) return std::unexpected(fmt::format("{} without a host", directive));
  for (std::string_view host : hosts) {
    const bool listed = !host.starts_with('!');
    if (!listed) host.remove_prefix(1);
    if (directive != kDelist) {
      lists_[list][std::string(host)] = listed;
      continue;
    }
    for (auto& [name, entries] : lists_)
      if (list.empty() || name == list) entries.erase(std::string(host));
  }
  return {};
}

std::string UriHostLists::list_of_call(std::string_view call) {
  const std::string_view function = call.substr(0, call.find_first_of("( \t"));
  if (const auto found = std::ranges::find(kCalls, function, &Shorthand::name);
      found != kCalls.end()) {
    return std::string(found->list);
  }
  if (function != "check_uri_host_listed") return {};
  const size_t begin = call.find_first_of("'\"");
  const size_t end = begin == call.npos ? call.npos : call.find(call[begin], begin + 1);
  return end == call.npos ? std::string() : std::string(call.substr(begin + 1, end - begin - 1));
}

std::vector<uint64_t> UriHostLists::block(const std::string& list) const {
  lists::ListBuilder builder;
  if (const auto found = lists_.find(list); found != lists_.end()) {
    for (const auto& [host, listed] : found->second) {
      builder.add(host, listed ? lists::kListed | lists::kListedBelow
                               : lists::kExcluded | lists::kExcludedBelow);
    }
  }
  return builder.finish();
}

}  // namespace postern::language
