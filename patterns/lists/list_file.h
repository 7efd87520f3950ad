// Files of lists: what each line says, into a builder.
//
// A text file has an entry a line; what follows a "#" at a line's beginning or behind a blank is a
// comment. A `dnset` file is one of rbldnsd: `example.com` names itself, `.example.com` itself and
// all below, `*.example.com` all below; a "!" before it takes the name out again; what follows the
// name, lines that begin with ":", and `$` directives serve a name server and mean nothing here. A
// line in both that begins with "#" or, in a dnset, ";" is a comment.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "patterns/lists/list_table.h"

namespace postern::lists {

// The numbers are part of the artefact's format.
enum class ListKind : uint8_t {
  kDomains = 0,
  kAddresses = 1,
  kUrls = 2,
  kFileNames = 3,
  kSha256 = 4
};
inline constexpr std::string_view kListKindNames[] = {"domains", "addresses", "urls", "file_names",
                                                      "sha256"};
enum class ListFormat : uint8_t { kText, kDnset };

struct ListError {
  uint32_t line = 0;
  std::string what;  // what is wrong; what was expected
};

// Errors that are told by themselves; of more only the number.
inline constexpr size_t kToldErrors = 20;

struct ListErrors {
  std::vector<ListError> first;
  uint64_t count = 0;
};

// Adds the entries of a file's text. `keep_query`: of URLs, what stands behind "?", too.
ListErrors read_list(std::string_view text, ListKind kind, ListFormat format, bool keep_query,
                     ListBuilder& builder);

// An entry as it is looked up: case folded, a final dot or default port gone. The error says what
// was expected. `room` holds the result, which the view refers to.
std::expected<std::string_view, std::string> normal_form(std::string_view entry, ListKind kind,
                                                         std::string& room);

}  // namespace postern::lists
