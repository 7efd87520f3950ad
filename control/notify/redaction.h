// The recipients of a message taken out of what is told of it: they did nothing, and a report is
// passed on (RFC 6590). Domains stay.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace postern::notify {

// "anna@example.com" → "redacted@example.com".
std::string redacted_address(std::string_view address);

// A header sample in which the values of fields that name recipients (To, Cc, Delivered-To…), the
// "for <…>" of Received, and the known recipients' addresses anywhere are gone. The fields stay.
std::string redacted_sample(std::string_view sample, std::span<const std::string> recipients);

}  // namespace postern::notify
