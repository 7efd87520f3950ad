#include "dataplane/worker/message_facts.h"

#include <arpa/inet.h>

#include <algorithm>

namespace postern::worker {
namespace {

OriginAuth auth_of(mime::Authenticated authenticated) {
  switch (authenticated) {
    case mime::Authenticated::kYes:
      return OriginAuth::kYes;
    case mime::Authenticated::kNo:
      return OriginAuth::kNo;
    case mime::Authenticated::kUnknown:
      break;
  }
  return OriginAuth::kUnknown;
}

Confidence confidence_of(mime::Origin::Confidence confidence) {
  switch (confidence) {
    case mime::Origin::Confidence::kHigh:
      return Confidence::kHigh;
    case mime::Origin::Confidence::kMedium:
      return Confidence::kMedium;
    case mime::Origin::Confidence::kLow:
      return Confidence::kLow;
    case mime::Origin::Confidence::kNone:
      break;
  }
  return Confidence::kNone;
}

void assign_address(FixedText<46>& text, const IpAddress& address) {
  char printed[INET6_ADDRSTRLEN];
  if (address.is_v4()) {
    inet_ntop(AF_INET, address.v4_bytes(), printed, sizeof printed);
  } else {
    inet_ntop(AF_INET6, address.bytes().data(), printed, sizeof printed);
  }
  text.assign(printed);
}

}  // namespace

void MessageFacts::begin(std::string_view helo, const IpAddress& client) {
  origin_.begin(helo, client);
  any_header_ = false;
  found_ = nullptr;
  domains_stored_ = 0;
}

void MessageFacts::header(std::string_view name, std::string_view raw) {
  any_header_ = true;
  origin_.field(name, raw);
}

void MessageFacts::link(const mime::Link& link) {
  if (link.domain.empty() || domains_stored_ == domains_.size()) return;
  const auto known = [&link](const FixedText<128>& domain) {
    return domain.view() == link.domain.substr(0, 128);
  };
  if (std::any_of(domains_.begin(), domains_.begin() + domains_stored_, known)) return;
  domains_[domains_stored_++].assign(link.domain);
}

const mime::Origin* MessageFacts::origin() {
  if (found_ == nullptr && any_header_) found_ = &origin_.finish();
  return found_;
}

void MessageFacts::fill(Event& event) {
  std::copy_n(domains_.begin(), domains_stored_, event.link_domains.begin());
  event.link_domains_stored = domains_stored_;
  event.origin = {};
  const mime::Origin* const found = this->origin();
  if (found == nullptr) return;
  const mime::Origin& origin = *found;
  if (origin.address) assign_address(event.origin.ip, *origin.address);
  event.origin.auth = auth_of(origin.authenticated);
  event.origin.user.assign(origin.user.view());
  event.origin.script.assign(origin.script.view());
  event.origin.confidence = confidence_of(origin.confidence);
  event.origin.why.assign(origin.why.view());
}

}  // namespace postern::worker
