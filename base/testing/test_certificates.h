// For tests: an authority with certificates, as deploy/certificates makes them for operators.
#pragma once

#include <fmt/format.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "base/tls_files.h"

namespace postern {

class TestCertificates {
 public:
  // Its control is "control.test" and 127.0.0.1.
  TestCertificates() {
    std::string pattern = std::filesystem::temp_directory_path() / "postern-tls-XXXXXX";
    directory_ = mkdtemp(pattern.data());
    make("init", "");
    make("control", "control.test 127.0.0.1");
  }
  ~TestCertificates() { std::filesystem::remove_all(directory_); }
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;

  TlsFiles control() const { return of("control.test"); }
  // A new one with each call.
  TlsFiles gate(const std::string& name) {
    std::filesystem::remove(directory_ / (name + ".key"));
    make("gate", name);
    return of(name);
  }
  const std::filesystem::path& directory() const { return directory_; }

 private:
  TlsFiles of(const std::string& name) const {
    return {.certificate = directory_ / (name + ".pem"),
            .key = directory_ / (name + ".key"),
            .authorities = directory_ / "authority.pem"};
  }
  void make(const char* what, const std::string& names) const {
    const std::string command = fmt::format("{} {} {} {} > /dev/null", POSTERN_CERTIFICATES, what,
                                            directory_.string(), names);
    if (std::system(command.c_str()) != 0) throw std::runtime_error(command + " failed");
  }

  std::filesystem::path directory_;
};

}  // namespace postern
