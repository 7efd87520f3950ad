// What the MIME reader makes of message files, one JSON object a line: a test tool.
//
// usage: mime-dump [--unseen-in-body] [--segment BYTES] FILE…
#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/mime/reader.h"

namespace postern::mime {
namespace {

using nlohmann::json;

class Recorder : public RenderSink {
 public:
  void header(std::string_view name, std::string_view, std::string_view decoded) override {
    out["headers"].push_back({std::string(name), std::string(decoded)});
  }
  void body(std::string_view text) override { out["body"].push_back(std::string(text)); }
  void hidden(std::string_view text) override { out["hidden"].push_back(std::string(text)); }
  void skeleton(std::string_view text) override { out["skeleton"].push_back(std::string(text)); }
  void link(const Link& link) override {
    out["links"].push_back({{"uri", std::string(link.uri)},
                            {"host", std::string(link.host)},
                            {"domain", std::string(link.domain)}});
  }
  void rawbody(std::string_view line) override { raw.append(line); }
  void uri(std::string_view uri) override { out["uris"].push_back(std::string(uri)); }
  void part(const Part& part) override {
    std::string digest;
    for (uint8_t byte : part.sha256) {
      char hex[3];
      std::snprintf(hex, sizeof hex, "%02x", byte);
      digest += hex;
    }
    out["parts"].push_back({{"content_type", std::string(part.content_type)},
                            {"charset", std::string(part.charset)},
                            {"file_name", std::string(part.file_name)},
                            {"decoded_bytes", part.decoded_bytes},
                            {"sha256", digest}});
  }

  json out = {{"headers", json::array()},  {"body", json::array()}, {"hidden", json::array()},
              {"skeleton", json::array()}, {"uris", json::array()}, {"links", json::array()},
              {"parts", json::array()}};
  std::string raw;
};

void dump(Reader& reader, const char* path, size_t segment) {
  std::ifstream file(path, std::ios::binary);
  const std::string message{std::istreambuf_iterator<char>(file), {}};
  Recorder recorder;
  reader.begin(&recorder, Renderings::all());
  for (size_t at = 0; at < message.size(); at += segment) {
    const size_t size = std::min(segment, message.size() - at);
    reader.feed({reinterpret_cast<const uint8_t*>(message.data()) + at, size});
  }
  reader.finish();
  recorder.out["file"] = path;
  recorder.out["rawbody"] = recorder.raw;
  json anomalies = json::array();
  for (size_t bit = 0; bit < kAnomalyNames.size(); ++bit) {
    if (reader.anomalies() & 1u << bit) anomalies.push_back(std::string(kAnomalyNames[bit]));
  }
  recorder.out["anomalies"] = anomalies;
  std::puts(recorder.out.dump(-1, ' ', false, json::error_handler_t::replace).c_str());
}

}  // namespace
}  // namespace postern::mime

int main(int argc, char** argv) {
  postern::mime::ReaderLimits limits;
  limits.digests = true;
  size_t segment = 1460;
  std::vector<const char*> files;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--unseen-in-body") {
      limits.unseen_in_body = true;
    } else if (argument == "--segment" && i + 1 < argc) {
      segment = std::strtoul(argv[++i], nullptr, 10);
    } else {
      files.push_back(argv[i]);
    }
  }
  if (files.empty() || segment == 0) {
    std::fputs("usage: mime-dump [--unseen-in-body] [--segment BYTES] FILE...\n", stderr);
    return 2;
  }
  postern::mime::Reader reader(limits);
  for (const char* file : files) postern::mime::dump(reader, file, segment);
}
