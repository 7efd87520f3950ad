#include "dataplane/scan/testing/meta_of.h"

#include "patterns/compile/meta_code.h"
#include "patterns/language/reader.h"

namespace postern::scan::testing {

artefact::Meta meta_of(const std::string& expression) {
  language::Reader reader;
  reader.read_text("test.cf",
                   "body A /a/\nbody B /b/\nbody C /c/\nbody D /d/\nmeta M " + expression + "\n");
  return compile::order_metas(reader.finish().value().rules).value().metas.at(0);
}

}  // namespace postern::scan::testing
