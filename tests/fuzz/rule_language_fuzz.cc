// Rule files: whatever is in them, the reader ends with a rule set or with errors that name a place.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "patterns/compile/hyperscan_form.h"
#include "patterns/compile/meta_code.h"
#include "patterns/language/reader.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace postern;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  language::Reader reader(
      [](const std::filesystem::path&) -> std::expected<std::string, std::string> {
        return std::unexpected("there are no files here");
      });
  reader.read_text("fuzz.cf", text);
  const auto rules = reader.finish();
  if (!rules) {
    for (const auto& error : rules.error()) {
      if (error.what.empty() || error.line == 0) std::abort();
    }
    return 0;
  }
  for (const auto& rule : rules->rules) {
    for (const bool joined : {false, true}) (void)compile::hyperscan_form(rule.regexp, joined);
  }
  // Every meta is either in the code or off: the reader let no circle through.
  const auto metas = compile::order_metas(rules->rules);
  if (!metas) return 0;
  size_t expected = 0;
  for (const auto& rule : rules->rules) expected += rule.target == language::Target::kMeta;
  if (metas->metas.size() + metas->off.size() != expected) std::abort();
  return 0;
}
