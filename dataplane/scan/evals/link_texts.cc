#include "dataplane/scan/evals/link_texts.h"

#include <algorithm>

#include "dataplane/mime/ascii.h"
#include "dataplane/mime/host_name.h"
#include "dataplane/scan/evals/header_texts.h"
#include "patterns/lists/list_table.h"

namespace postern::scan::evals {
namespace {

constexpr std::string_view kSecure = "https://";

// What is registered of a host's name; empty of an address and of what is none.
std::string_view registered(std::string_view written, mime::HostName& room) {
  // Who logs in is not where the link leads.
  written.remove_prefix(written.rfind('@') + 1);
  if (!mime::read_host(written, &room) || room.is_address) return {};
  return mime::registrable_domain(room);
}

}  // namespace

void LinkTexts::begin() {
  next_.clear();
  target_.clear();
  seen_count_ = 0;
  links_ = 0;
  other_host_ = address_for_name_ = false;
}

void LinkTexts::link_end(std::string_view text, Searcher& search) {
  compare_hosts(text);
  if (!address_for_name_ && mime::find_ignoring_case(text, "https:") != text.npos &&
      search.found(Expression::kLinkToAddress, mime::trim(target_.view())) &&
      !search.found(Expression::kTextOfAddress, text)) {
    address_for_name_ = true;
  }
  target_.clear();
}

void LinkTexts::compare_hosts(std::string_view text) {
  const std::string_view target = mime::trim(target_.view());
  std::string_view written = target;
  if (!mime::starts_ignoring_case(written, "http")) return;
  written.remove_prefix(4);
  if (mime::starts_ignoring_case(written, "s")) written.remove_prefix(1);
  if (!written.starts_with("://")) return;
  written.remove_prefix(3);
  mime::HostName target_host;
  const std::string_view domain =
      registered(written.substr(0, written.find_first_of("/:?#")), target_host);
  if (domain.empty()) return;
  if (is_new(target)) ++links_;
  const size_t at = mime::find_ignoring_case(text, kSecure);
  if (at == text.npos) return;
  text.remove_prefix(at + kSecure.size());
  const std::string_view shown = text.substr(0, text.find_first_of(" \t\r\n\v\f/:?#"));
  mime::HostName host;
  if (shown.empty() || !mime::read_host(shown.substr(shown.rfind('@') + 1), &host)) return;
  const std::string_view other =
      host.is_address ? host.name.view() : mime::registrable_domain(host);
  if (!other.empty() && other != domain) other_host_ = true;
}

bool LinkTexts::is_new(std::string_view target) {
  const uint64_t hash = lists::hash_of(target).first;
  const auto end = seen_.begin() + static_cast<ptrdiff_t>(seen_count_);
  if (std::find(seen_.begin(), end, hash) != end) return false;
  if (seen_count_ < kTargets) seen_[seen_count_++] = hash;
  return true;
}

}  // namespace postern::scan::evals
