// Artefacts: nothing that parse() accepts may be unsafe to load and to run. The checksum is put
// right first, or the fuzzer would never come past it.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "dataplane/scan/collector.h"
#include "dataplane/scan/matcher.h"
#include "patterns/artefact/artefact.h"

namespace {

using namespace postern;

void run(artefact::ArtefactFile file) {
  // Hyperscan trusts its own databases beyond a checksum: they are not ours to fuzz.
  file.artefact.databases.clear();
  auto compiled = scan::SignatureSet::Compiled::make(std::move(file), "fuzz");
  if (!compiled) return;
  static scan::MessageScan::Scratch scratch;
  static scan::Hits hits;
  static scan::Matcher matcher;
  static scan::Collector collector;
  auto& memory = *scratch.impl();
  memory.make_room(**compiled);
  matcher.begin(compiled->get(), &memory, &hits, scan::Asked::kAllRules);
  static scan::evals::Evaluation evaluation;
  static scan::ListLookup lists;
  evaluation.begin(&(*compiled)->evals, &hits);
  lists.begin(&(*compiled)->lists, &hits);
  collector.begin(compiled->get(), &matcher, &memory, &evaluation, &lists);
  collector.header("Subject", " hello", "hello");
  collector.header("To", " a@x.example", "a@x.example");
  collector.body("hello");
  collector.rawbody("hello\n");
  collector.uri("http://x.example/");
  evaluation.html_begin();
  evaluation.html_source("<a>hello</a>");
  evaluation.html_tag("a", false);
  evaluation.html_tag_end();
  evaluation.html_text("hello");
  evaluation.html_end();
  lists.link({.uri = "http://x.example/", .host = "x.example", .domain = "x.example"});
  collector.finish();
  evaluation.finish(collector.fields(), &memory.decoder, false);
  lists.finish(collector.fields(), &memory.decoder, memory.value_room());
  matcher.finish();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> file(data, data + size);
  if (file.size() >= artefact::kHeaderBytes) {
    for (size_t i = 0; i < 8; ++i) file[16 + i] = static_cast<uint8_t>(uint64_t{size} >> (8 * i));
    const artefact::Sha256 digest = artefact::digest_of(file);
    std::copy(digest.begin(), digest.end(), file.begin() + 24);
  }
  auto parsed = artefact::parse(file);
  if (parsed) run({std::move(*parsed), artefact::hex(artefact::sha256(file)), size});
  return 0;
}
