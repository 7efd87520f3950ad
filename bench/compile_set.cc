// Compiles rule files into the artefact that the messages are scanned with.
#include <fmt/format.h>

#include <filesystem>
#include <vector>

#include "patterns/artefact/artefact.h"
#include "patterns/compile/compiler.h"
#include "patterns/language/reader.h"

int main(int argc, char** argv) {
  using namespace postern;
  if (argc < 3) {
    fmt::print(stderr, "usage: postern-bench-set OUTPUT.psig SOURCE…\n");
    return 2;
  }
  const std::vector<std::filesystem::path> sources(argv + 2, argv + argc);
  const auto rules = language::read_rules(sources);
  if (!rules) {
    for (const auto& error : rules.error()) fmt::print(stderr, "{}\n", error.to_string());
    return 1;
  }
  const auto compiled = compile::compile(*rules, {});
  if (!compiled) {
    fmt::print(stderr, "{}\n", compiled.error());
    return 1;
  }
  if (auto written = artefact::write(compiled->artefact, argv[1]); !written) {
    fmt::print(stderr, "{}\n", written.error());
    return 1;
  }
}
