// The exact sets of a signature set, asked about one message.
//
// Theory of operation. Every text that may be in a list is told as the reader finds it: where links
// lead, addresses, names and digests of files. It is hashed once and looked up in each list that
// takes texts from there and has not hit yet. A name is looked up itself, then what covers it from
// the nearest parent up: the first that says anything decides, and what excludes goes before what
// lists. Of a host, the domain that somebody registered is looked up too, unless the host itself is
// taken out.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "dataplane/mime/render.h"
#include "dataplane/scan/header_fields.h"
#include "dataplane/scan/list_plan.h"
#include "dataplane/scan/matcher.h"

namespace postern::scan {

class ListLookup {
 public:
  // `plan` may be null: nothing is looked up then. Both outlive the message.
  void begin(const ListPlan* plan, Hits* hits) { plan_ = plan, hits_ = hits; }
  bool active() const { return plan_ != nullptr; }

  void link(const mime::Link& link);
  void uri(std::string_view uri);
  void part(const mime::Part& part);
  void envelope_from(std::string_view address) { sender(address, language::kInEnvelope); }
  void finish(const HeaderFields& fields, mime::HeaderDecoder* decoder, std::span<char> room);

 private:
  template <typename Listed>
  void look(lists::ListKind kind, uint8_t places, Listed&& listed);
  void sender(std::string_view address, uint8_t place);
  void name(std::string_view host, std::string_view domain, uint8_t place);

  const ListPlan* plan_ = nullptr;
  Hits* hits_ = nullptr;
};

}  // namespace postern::scan
