// Where a URI leads: its canonical form, its host and the domain that somebody registered.
//
// Theory of operation. A URI is read as browsers read it, not as it should be written: white space
// within is dropped, backslashes are slashes, any number of slashes may follow the scheme, what
// stands before an "@" is a user and not the host, a link without scheme is http. The rest is
// written with as few percent signs as there can be. A URI that carries another one, plain or
// percent-encoded, leads to that as well: redirectors are told with what they redirect to.
#pragma once

#include <cstddef>
#include <string_view>

#include "dataplane/mime/fixed_text.h"
#include "dataplane/mime/host_name.h"
#include "dataplane/mime/render.h"

namespace postern::mime {

// Reused from URI to URI. Allocates nothing.
class LinkReader {
 public:
  static constexpr size_t kUriBytes = 2048;  // of one URI; a longer one is cut
  static constexpr int kRedirections = 3;    // of one URI, followed

  LinkReader() { load_public_suffixes(); }
  // Tells where `uri` leads; nothing for what leads to no host (mailto:, cid:, a relative one).
  // `with_uri`: the canonical form as well.
  void read(std::string_view uri, RenderSink* sink, bool with_uri = true);

 private:
  bool tell(bool with_uri, RenderSink* sink);
  bool follow();

  FixedText<kUriBytes> uri_;  // white space dropped; then what it redirects to
  size_t tail_ = 0;           // where in it the host is behind
  FixedText<kUriBytes + 2 * HostName::kBytes> canonical_;  // the host may have grown
  HostName host_;
  FixedText<HostName::kBytes> written_;  // what host_ was read of: links of a message share hosts
};

}  // namespace postern::mime
