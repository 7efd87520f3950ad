#include "base/tls_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/testing/test_certificates.h"

namespace postern {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr TlsKeyNames kKeys{.certificate = "x.certificate", .key = "x.key", .authorities = "x.ca"};

std::string error(const TlsFiles& files) {
  const auto read = read_tls_files(files, kKeys);
  EXPECT_FALSE(read.has_value());
  return read ? "" : read.error();
}

class TlsFilesTest : public testing::Test {
 protected:
  std::filesystem::path file(const char* name, const std::string& text) {
    const auto path = certificates_.directory() / name;
    std::ofstream(path) << text;
    return path;
  }
  TestCertificates certificates_;
};

TEST_F(TlsFilesTest, WhatBelongsTogetherIsReadWithTheNamesItIsFor) {
  const auto control = read_tls_files(certificates_.control(), kKeys);
  ASSERT_TRUE(control.has_value()) << control.error();
  EXPECT_THAT(control->names, ElementsAre("control.test"));  // an address is no DNS name
  EXPECT_THAT(control->certificate, StartsWith("-----BEGIN CERTIFICATE-----"));
  EXPECT_THAT(control->key, StartsWith("-----BEGIN PRIVATE KEY-----"));
  EXPECT_GT(control->expires_unix_s, std::time(nullptr) + 824 * 86400);
  EXPECT_LT(control->expires_unix_s, std::time(nullptr) + 826 * 86400);
  const auto gate = read_tls_files(certificates_.gate("edge-2"), kKeys);
  ASSERT_TRUE(gate.has_value()) << gate.error();
  EXPECT_THAT(gate->names, ElementsAre("edge-2"));
}

TEST_F(TlsFilesTest, WithoutDnsNamesTheCommonNameCounts) {
  TlsFiles files = certificates_.control();
  files.certificate = files.authorities;
  files.key = certificates_.directory() / "authority.key";
  const auto read = read_tls_files(files, kKeys);
  ASSERT_TRUE(read.has_value()) << read.error();
  EXPECT_THAT(read->names, ElementsAre("Postern authority"));
}

TEST_F(TlsFilesTest, EachMistakeNamesTheKeyAndTheFile) {
  const TlsFiles good = certificates_.control();
  TlsFiles files = good;
  files.certificate = "";
  EXPECT_THAT(error(files), AllOf(HasSubstr("x.certificate"), HasSubstr("names no file")));
  files.certificate = "/nowhere/c.pem";
  EXPECT_THAT(error(files), AllOf(HasSubstr("x.certificate"), HasSubstr("/nowhere/c.pem"),
                                  HasSubstr("No such file")));
  files.certificate = file("empty.pem", "");
  EXPECT_THAT(error(files), HasSubstr("holds no certificate"));
  files = good;
  files.key = good.certificate;
  EXPECT_THAT(error(files), AllOf(HasSubstr("x.key"), HasSubstr("no private key")));
  files.key = certificates_.gate("edge-2").key;
  EXPECT_THAT(error(files), AllOf(HasSubstr("x.key"), HasSubstr("is not the key of")));
  files = good;
  files.authorities = good.key;
  EXPECT_THAT(error(files), AllOf(HasSubstr("x.ca"), HasSubstr("no certificate of an authority")));
}

TEST_F(TlsFilesTest, AKeyWithAPasswordIsRefusedAndNobodyIsAsked) {
  TlsFiles files = certificates_.control();
  const auto locked = certificates_.directory() / "locked.key";
  ASSERT_EQ(std::system(fmt::format("openssl pkey -in {} -aes128 -passout pass:secret -out {}",
                                    files.key.string(), locked.string())
                            .c_str()),
            0);
  files.key = locked;
  EXPECT_THAT(error(files), HasSubstr("without a password"));
}

}  // namespace
}  // namespace postern
