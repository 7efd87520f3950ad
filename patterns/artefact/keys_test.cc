#include "patterns/artefact/keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace postern::artefact {
namespace {

using ::testing::HasSubstr;

std::vector<uint8_t> octets(std::string_view hex) {
  std::vector<uint8_t> out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return out;
}

struct Vector {
  std::string_view seed, key, message, signature;
};
// RFC 8032, section 7.1, tests 1 to 3.
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b"
     "4"
     "6bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11"
     "d"
     "8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc"
     "6"
     "594a7c15e9716ed28dc027beceea1ec40a"},
};

TEST(Keys, sign_and_verify_as_rfc_8032_says) {
  for (const Vector& vector : kVectors) {
    const auto seed = octets(vector.seed);
    const auto key = PrivateKey::from_seed(std::span<const uint8_t, 32>(seed.data(), 32));
    ASSERT_TRUE(key);
    const PublicKey open = key->public_key();
    EXPECT_THAT(open.bytes, ::testing::ElementsAreArray(octets(vector.key)));
    auto message = octets(vector.message);
    const auto signature = key->sign(message);
    ASSERT_TRUE(signature);
    EXPECT_THAT(*signature, ::testing::ElementsAreArray(octets(vector.signature)));
    EXPECT_TRUE(open.verify(message, *signature));
    message.push_back(0);
    EXPECT_FALSE(open.verify(message, *signature));
  }
}

TEST(Keys, a_public_key_is_a_line_of_text) {
  // `openssl base64` of the first vector's key.
  constexpr std::string_view kText = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
  const auto key = PublicKey::parse(std::string(kText) + " operator@example\n");
  ASSERT_TRUE(key) << key.error();
  EXPECT_THAT(key->bytes, ::testing::ElementsAreArray(octets(kVectors[0].key)));
  EXPECT_EQ(key->base64(), kText);
  // sha256sum of its 32 octets.
  EXPECT_EQ(key->id(), "21fe31dfa154a261");
  for (const std::string_view wrong : {"", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo", "x",
                                       "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHUR==",
                                       "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIa*PcHURo="}) {
    const auto parsed = PublicKey::parse(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_THAT(parsed.error(), HasSubstr("base64 of 32 octets"));
  }
}

TEST(Keys, a_private_key_is_for_its_owner_alone_and_never_overwritten) {
  const auto path =
      std::filesystem::temp_directory_path() / ("postern-keys-test-" + std::to_string(getpid()));
  std::filesystem::remove(path);
  const auto key = PrivateKey::generate();
  ASSERT_TRUE(key);
  ASSERT_TRUE(key->write(path));
  struct stat about = {};
  ASSERT_EQ(stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  const auto again = PrivateKey::read(path);
  ASSERT_TRUE(again) << again.error();
  EXPECT_EQ(again->public_key(), key->public_key());
  EXPECT_THAT(PrivateKey::generate()->write(path).error(), HasSubstr("never overwritten"));
  EXPECT_EQ(PrivateKey::read(path)->public_key(), key->public_key());
  std::ofstream(path) << "no key\n";
  EXPECT_THAT(PrivateKey::read(path).error(), HasSubstr("no Ed25519 private key"));
  std::filesystem::remove(path);
  EXPECT_THAT(PrivateKey::read(path).error(), HasSubstr("cannot be opened"));
}

}  // namespace
}  // namespace postern::artefact
