// Every call of a RenderSink, written down: for tests, which compare them.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/mime/reader.h"

namespace postern::mime {

struct RecordingSink : RenderSink {
  struct Header {
    std::string name, raw, decoded;
    bool operator==(const Header&) const = default;
  };
  struct Leaf {
    std::string content_type, charset, file_name;
    uint64_t decoded_bytes = 0;
    std::string sha256;
    bool operator==(const Leaf&) const = default;
  };

  void header(std::string_view name, std::string_view raw, std::string_view decoded) override {
    headers.push_back({std::string(name), std::string(raw), std::string(decoded)});
    log("header", name, decoded);
  }
  void body(std::string_view paragraph) override {
    bodies.emplace_back(paragraph);
    log("body", paragraph, "");
  }
  void hidden(std::string_view paragraph) override { hiddens.emplace_back(paragraph); }
  void skeleton(std::string_view paragraph) override {
    skeletons.emplace_back(paragraph);
    log("skeleton", paragraph, "");
  }
  void link(const Link& link) override {
    links.emplace_back(link.uri);
    log("link", link.uri, link.domain);
  }
  void rawbody(std::string_view line) override {
    raws.emplace_back(line);
    log("rawbody", line, "");
  }
  void uri(std::string_view uri) override {
    uris.emplace_back(uri);
    log("uri", uri, "");
  }
  void part(const Part& part) override {
    std::string digest;
    for (size_t i = 0; part.has_sha256 && i < part.sha256.size(); ++i) {
      char hex[3];
      std::snprintf(hex, sizeof hex, "%02x", part.sha256[i]);
      digest += hex;
    }
    parts.push_back({std::string(part.content_type), std::string(part.charset),
                     std::string(part.file_name), part.decoded_bytes, digest});
    log("part", part.content_type, part.file_name);
  }

  void log(std::string_view call, std::string_view first, std::string_view second) {
    calls.push_back(std::string(call) + "|" + std::string(first) + "|" + std::string(second));
  }

  std::vector<std::string> calls;  // in order, all but hidden(), whose order is not promised
  std::vector<Header> headers;
  std::vector<std::string> bodies, hiddens, skeletons, raws, uris, links;
  std::vector<Leaf> parts;
  uint32_t anomalies = 0;
};

// Reads `message`, fed in pieces of `segment` bytes.
inline RecordingSink read_message(std::string_view message, const ReaderLimits& limits = {},
                                  size_t segment = SIZE_MAX,
                                  Renderings wanted = Renderings::all()) {
  Reader reader(limits);
  RecordingSink sink;
  reader.begin(&sink, wanted);
  while (!message.empty()) {
    const std::string_view piece = message.substr(0, segment);
    reader.feed({reinterpret_cast<const uint8_t*>(piece.data()), piece.size()});
    message.remove_prefix(piece.size());
  }
  reader.finish();
  sink.anomalies = reader.anomalies();
  return sink;
}

}  // namespace postern::mime
