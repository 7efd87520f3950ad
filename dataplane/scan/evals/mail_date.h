// Dates of mail (RFC 5322 3.3 and its obsolete forms), read as leniently as SpamAssassin reads
// them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::scan::evals {

// Seconds since 1970. What is out of range is moved into it; an unknown zone is UTC.
std::optional<int64_t> parse_mail_date(std::string_view text);

}  // namespace postern::scan::evals
