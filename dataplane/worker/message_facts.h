// What a message's own header and links tell its event: where it came from, and where it leads.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "dataplane/mime/origin.h"
#include "dataplane/mime/render.h"
#include "dataplane/worker/event.h"

namespace postern::worker {

// One message after the other. Allocates nothing.
class MessageFacts {
 public:
  // The renderings that it needs of the scan.
  static constexpr mime::Renderings kWanted{
      .links = true, .raw = false, .uris = false, .link_uris = false};

  void begin(std::string_view helo, const IpAddress& client);
  void header(std::string_view name, std::string_view raw);
  void link(const mime::Link& link);
  // Where the message came from, once all of its header was told; null: no header was seen.
  const mime::Origin* origin();
  // Fills the event's origin and link domains: all of what was told so far. Of a message whose
  // header was never seen no origin is told.
  void fill(Event& event);

 private:
  mime::OriginReader origin_;
  const mime::Origin* found_ = nullptr;  // origin(), once asked
  bool any_header_ = false;
  uint32_t domains_stored_ = 0;
  std::array<FixedText<128>, Event::kLinkDomains> domains_;
};

}  // namespace postern::worker
