// The header fields that functions of eval rules ask for, and the expressions they search them
// with.
//
// Theory of operation. A set whose rules call such a function keeps its fields like those of header
// rules (HeaderFields). A function asks for values one by one; they stay in one buffer until the
// next function is called. The expressions are compiled when a set is loaded.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "dataplane/scan/header_fields.h"
#include "patterns/language/regexp.h"

namespace postern::scan::evals {

enum class Field : uint8_t {
  kSubject,
  kRawSubject,
  kFrom,
  kFromAddress,
  kTo,
  kToAddress,
  kToCcAddresses,
  kBccAddresses,
  kApparentlyTo,
  kDate,
  kResentDate,
  kReceived,
  kAll,
  kMessageId,
  kMailingList,
  kDeliveredTo,
  kOriginatingIp,
  kOriginatorOrg,
  kSenderIp,
  kMailer,
  kGmMessageState,
  kGoogleSource,
  kXReceived,
  kEnvelopeFrom,
  kResentFrom,
  kResentTo,
  kMessageIdField,
  kReplyToAddress,
  kEnvelopeSenderAddress,
  kResentSenderAddress,
  kXEnvelopeFromAddress,
  kFirstResentFromAddress,
  kFromName,
  kFirstResentToAddress,
  kFirstResentCcAddress,
  kApparentlyToAddress,
  kDeliveredToAddress,
  kEnvelopeRecipientsAddress,
  kApparentlyResentToAddress,
  kXEnvelopeToAddress,
  kEnvelopeToAddress,
  kXDeliveredToAddress,
  kXOriginalToAddress,
  kXRcptToAddress,
  kXRealToAddress,
};
inline constexpr size_t kFields = 45;
// As a rule file would write it.
std::string_view name_of(Field field);

enum class Expression : uint8_t {
  kAddress,       // of IPv4 or IPv6
  kReceivedDate,  // in a Received field
  kLocalhost,     // a Received field that a local program wrote
  kFetchmail,
  kTemplate,         // "%TO_NAME"
  kMayHoldTemplate,  // a field in which it means nothing
  kReplyPrefix,      // "Re: Fwd: "
  kCaselessSubject,  // an encoded word in a charset where capitals mean nothing
  kOutlookId,
  kRatwareId,
  kEzmlm,
  kEzmlmDeliveredTo,
  kQmailInvoked,
  kMsnGroups,
  kAolRelay,
  kAolIdentity,
  kHotmailPickup,
  kHotmailOrigin,
  kHotmailWithIp,
  kHotmailWithOrg,
  kHotmailHelo,
  kHotmailAddress,
  kEudoramailAddress,
  kWhowhere,
  kJunoAddress,
  kJunoRelay,
  kGmailAddress,
  kGoogleReceived,
  kGoogleSubmission,
  kYahooAddress,
  kYahooRelay,
  kYahooReply,
  kYahooBulk,
  kStockLabel,
  kNobodysAddress,  // of a role or a program
  kListSender,      // an envelope's sender that no one answers to
  kReceivedFor,
  kAddressInName,
  kLinkToAddress,
  kTextOfAddress,
};
inline constexpr size_t kExpressions = 40;

// Compiled once, shared by all threads.
class Expressions {
 public:
  Expressions();
  const pcre2_code* operator[](Expression which) const {
    return codes_[static_cast<size_t>(which)].get();
  }

 private:
  std::array<language::Pcre2Code, kExpressions> codes_;
};

class HeaderTexts {
 public:
  static constexpr size_t kRoom = 96 * 1024;

  HeaderTexts();
  // `selectors`: of the set's field table, the index of each Field; all outlive the message.
  void begin(const HeaderFields* fields, std::span<const language::HeaderSelector> selectors,
             std::span<const uint32_t, kFields> indices, mime::HeaderDecoder* decoder);
  // Another function begins: what it was told before goes.
  void release() { used_ = 0; }

  std::optional<std::string_view> find(Field field);
  // Empty when absent.
  std::string_view get(Field field) { return find(field).value_or(std::string_view()); }
  std::optional<std::string_view> find(uint32_t selector);
  const Relays& relays() const { return fields_->relays(); }

 private:
  const HeaderFields* fields_ = nullptr;
  std::span<const language::HeaderSelector> selectors_;
  const uint32_t* indices_ = nullptr;
  mime::HeaderDecoder* decoder_ = nullptr;
  std::unique_ptr<char[]> room_;
  size_t used_ = 0;
};

// Searches, within the bound on work of every confirmation.
class Searcher {
 public:
  static constexpr size_t kGroups = 3;

  explicit Searcher(const Expressions* expressions);
  ~Searcher();
  Searcher(const Searcher&) = delete;
  Searcher& operator=(const Searcher&) = delete;

  bool found(const pcre2_code* code, std::string_view text, size_t from = 0);
  bool found(Expression which, std::string_view text, size_t from = 0) {
    return found((*expressions_)[which], text, from);
  }
  // Of the last search that found: a group of it, 0 the whole; and where the match ended.
  std::string_view group(size_t number) const;
  size_t end() const;

 private:
  const Expressions* expressions_;
  pcre2_match_data* match_;
  pcre2_match_context* context_;
  std::string_view text_;
};

}  // namespace postern::scan::evals
