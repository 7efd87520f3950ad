// Any octets as a message: no crash, and the same calls however they are cut.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dataplane/mime/charset.h"
#include "dataplane/mime/recording_sink.h"

using postern::mime::Reader;
using postern::mime::ReaderLimits;
using postern::mime::RecordingSink;

namespace {

// The first octet chooses how the rest is cut.
RecordingSink read_cut(const uint8_t* data, size_t size, uint8_t seed) {
  ReaderLimits limits;
  limits.digests = true;
  Reader reader(limits);
  RecordingSink sink;
  reader.begin(&sink, postern::mime::Renderings::all());
  uint32_t state = seed * 2654435761u + 1;
  while (size > 0) {
    state = state * 1664525u + 1013904223u;
    size_t piece = seed == 0 ? size : seed == 1 ? 1 : 1 + (state >> 24) % 97;
    if (piece > size) piece = size;
    reader.feed({data, piece});
    data += piece;
    size -= piece;
  }
  reader.finish();
  sink.anomalies = reader.anomalies();
  return sink;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  RecordingSink whole = read_cut(data + 1, size - 1, 0);
  RecordingSink pieces = read_cut(data + 1, size - 1, data[0] == 0 ? 1 : data[0]);
  std::sort(whole.hiddens.begin(), whole.hiddens.end());  // their order is not promised
  std::sort(pieces.hiddens.begin(), pieces.hiddens.end());
  if (whole.calls != pieces.calls || whole.headers != pieces.headers ||
      whole.parts != pieces.parts || whole.anomalies != pieces.anomalies ||
      whole.hiddens != pieces.hiddens) {
    std::abort();
  }
  for (const std::string& body : whole.bodies) {
    if (body.size() > 2049) std::abort();
    if (postern::mime::utf8_prefix(body) != body.size()) std::abort();
  }
  for (const std::string& hidden : whole.hiddens) {
    if (hidden.empty() || hidden.size() > 2049) std::abort();
  }
  for (const std::string& skeleton : whole.skeletons) {
    if (postern::mime::utf8_prefix(skeleton) != skeleton.size()) std::abort();
  }
  if (whole.skeletons.size() != whole.bodies.size()) std::abort();
  for (const std::string& raw : whole.raws) {
    if (raw.empty() || raw.size() > 2048) std::abort();
  }
  return 0;
}
