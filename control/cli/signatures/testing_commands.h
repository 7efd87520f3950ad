// Commands under `signatures`, as they are typed, in a folder of their own.
#pragma once

#include <gtest/gtest.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "control/cli/signatures/signatures_command.h"

namespace postern::cli {

struct Outcome {
  int code;
  std::string out, err;
};

class SignaturesTest : public testing::Test {
 protected:
  SignaturesTest() {
    std::string name = testing::TempDir() + "postern-signatures-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~SignaturesTest() override { std::filesystem::remove_all(directory_); }

  // The path of a file of this name and text.
  std::string file(const std::string& name, std::string_view text) {
    const auto path = directory_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  std::string path(const std::string& name) const { return (directory_ / name).string(); }

  // What is compiled is cached in the test's own folder, unless the words say otherwise.
  Outcome run(std::vector<std::string> words) const {
    const bool compiles = !words.empty() && (words[0] == "compile" || words[0] == "test");
    const bool says = std::ranges::any_of(
        words, [](const std::string& word) { return word == "--cache" || word == "--no-cache"; });
    if (compiles && !says) words.insert(words.end(), {"--cache", path("cache")});
    CLI::App app("test", "postern");
    int exit_code = 0;
    add_signatures_command(app, &exit_code);
    std::vector<const char*> arguments{"postern", "signatures"};
    for (const std::string& word : words) arguments.push_back(word.c_str());
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    try {
      app.parse(static_cast<int>(arguments.size()), arguments.data());
    } catch (const CLI::ParseError& error) {
      exit_code = app.exit(error) == 0 ? 0 : 2;
    }
    fflush(stdout);
    std::string out = testing::internal::GetCapturedStdout();
    return {exit_code, std::move(out), testing::internal::GetCapturedStderr()};
  }

  std::filesystem::path directory_;
};

}  // namespace postern::cli
