// The exact sets of a signature set, ready to be looked at in place.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "patterns/artefact/artefact.h"
#include "patterns/lists/list_table.h"

namespace postern::scan {

// Of a set, made at load.
class ListPlan {
 public:
  // Adds the fields that are looked at to `selectors`.
  std::expected<void, std::string> load(std::vector<artefact::List> lists,
                                        const std::vector<artefact::Rule>& rules,
                                        std::vector<language::HeaderSelector>& selectors);

  bool empty() const { return lists_.empty(); }
  bool needs_links() const { return needs_links_; }
  bool wants_envelope() const { return wants_envelope_; }
  bool needs_digests() const { return needs_digests_; }

  struct Loaded {
    artefact::List list;
    lists::ListTable table;
  };
  const std::vector<Loaded>& lists() const { return lists_; }
  struct Field {
    language::HeaderSelector selector;
    uint32_t index = artefact::kNone;
    language::ListPlace place = language::kInFrom;
  };
  const std::vector<Field>& fields() const { return fields_; }

 private:
  std::vector<Loaded> lists_;
  std::vector<Field> fields_;
  bool needs_links_ = false;
  bool needs_digests_ = false;
  bool wants_envelope_ = false;
};

}  // namespace postern::scan
