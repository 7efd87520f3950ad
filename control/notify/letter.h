// A letter as octets: header and MIME structure (RFC 5322, 2045, 2046, 6522).
//
// Lines end with CRLF and have at most 998 octets; all octets are ASCII, so that every server takes
// it. Whatever stands in the texts, the header has the fields below and no others, and the parts
// are those that were given: boundaries are chosen so that no part contains them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace postern::notify {

// A message that the letter reports, as RFC 5965 wants it told.
struct FeedbackReport {
  std::string fields = {};         // of message/feedback-report, ASCII lines with CRLF
  std::string header_sample = {};  // of the message reported, any octets
};

struct Attachment {
  std::string type = {};       // "application/json"
  std::string file_name = {};  // letters, digits, '.', '-', '_'
  std::string octets = {};
};

struct Letter {
  std::string from_name = {};
  std::string from = {};  // addresses are is_mail_address()
  std::string to_name = {};
  std::string to = {};
  std::string reply_to = {};  // empty: none
  std::string subject = {};
  uint64_t date_unix_s = 0;
  std::string message_id = {};  // without brackets, as all of these
  std::string thread_id = {};   // all letters about a case have the same; empty: none
  std::string language = {};    // RFC 5646; empty: not said
  std::vector<std::pair<std::string, std::string>> more_fields = {};  // names are ours
  std::string text = {};                                              // UTF-8, lines with LF
  std::optional<FeedbackReport> report = {};
  std::vector<Attachment> attachments = {};
};

std::string compose(const Letter& letter);

}  // namespace postern::notify
